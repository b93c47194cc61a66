"""What is answered to what: by a script, by states, or when a tool is forced."""

from __future__ import annotations

import json
from typing import Any

from agent.local.standin.answers import ScriptedAnswers, TurnInput, answers_for, forced_call
from agent.local.standin.conversation_states import find_states
from agent.local.standin.script import Call, Script, Turn

SCRIPT = Script(
    greeting="Hello.",
    turns=(
        Turn(hear=("yes", "yes please"), say="Good."),
        Turn(say="One."),
        Turn(say="Two."),
        Turn(
            hear=("book it",), say="Wait.", call=Call(name="book", arguments={"n": 2}), then="Done."
        ),
    ),
    idle="Still there?",
    otherwise="Pardon?",
)


def said(answers: ScriptedAnswers, *words: str | None) -> str:
    return answers.answer(TurnInput(words)).say


def test_the_first_line_is_the_greeting() -> None:
    answers = ScriptedAnswers(SCRIPT)
    assert said(answers) == "Hello."
    assert said(answers) == "Pardon?"


def test_script_matches_phrases_and_takes_other_turns_in_order() -> None:
    answers = ScriptedAnswers(SCRIPT)
    assert said(answers, "Yes, please.") == "Good."
    assert said(answers, None) == "One."
    assert said(answers, "something else") == "Two."
    assert said(answers, "something else") == "Pardon?"
    assert said(answers, "yes") == "Good."


def test_last_utterance_takes_precedence() -> None:
    assert said(ScriptedAnswers(SCRIPT), "book it", "yes") == "Good."


def test_without_recognition_all_turns_go_in_order() -> None:
    answers = ScriptedAnswers(SCRIPT, recognises=False)
    assert [said(answers, None) for _ in range(5)] == ["Good.", "One.", "Two.", "Wait.", "Pardon?"]


def test_a_tool_is_called_and_its_answer_followed() -> None:
    answers = ScriptedAnswers(SCRIPT)
    answer = answers.answer(TurnInput(["book it"]))
    (call,) = answer.calls
    assert (answer.say, call.name, json.loads(call.arguments)) == ("Wait.", "book", {"n": 2})
    assert answers.answer(TurnInput(tool_outputs={call.call_id: "{}"})).say == "Done."
    assert answers.answer(TurnInput(tool_outputs={"call_other": "It rains."})).say == "It rains."


def test_idle_turn_gives_the_idle_line() -> None:
    assert ScriptedAnswers(SCRIPT).answer(TurnInput(is_idle=True)).say == "Still there?"


PROMPT = """# Who you are
A clerk.
```json
[
  {"id": "1_greeting", "description": "Greet.", "instructions": ["Be kind."],
   "examples": ["Welcome to the bank."],
   "transitions": [
     {"next_step": "2_cards", "condition": "The caller asks about a card."},
     {"next_step": "3_hours", "condition": "The caller asks for opening hours."}]},
  {"id": "2_cards", "description": "Cards.", "instructions": ["Ask which."],
   "examples": ["Which card is it?"],
   "transitions": [{"next_step": "4_end", "condition": "Once that is done."}]},
  {"id": "3_hours", "description": "Hours.", "instructions": [], "examples": ["Nine to five."],
   "transitions": [{"next_step": "4_end", "condition": "The caller says no."},
                   {"next_step": "2_cards", "condition": "The caller asks about a card."}]},
  {"id": "4_end", "description": "End.", "instructions": ["Goodbye."], "transitions": []}
]
```
Speak slowly.
"""


def test_states_are_followed_by_their_keywords() -> None:
    answers = answers_for(None, PROMPT, recognises=True)
    assert answers.answer(TurnInput()).say == "Welcome to the bank."
    assert answers.phrases == ("card", "opening", "hours")
    assert answers.answer(TurnInput(["what are your opening hours"])).say == "Nine to five."
    assert answers.answer(TurnInput(["hmm"])).say == "Nine to five."
    assert answers.answer(TurnInput(["my card is lost"])).say == "Which card is it?"
    assert answers.answer(TurnInput([None])).say == "Goodbye."
    assert answers.answer(TurnInput(["anything"])).say == "Goodbye."


def test_a_script_goes_before_states() -> None:
    assert isinstance(answers_for(SCRIPT, PROMPT, recognises=True), ScriptedAnswers)


def test_what_is_no_list_of_states_is_not_taken_for_one() -> None:
    for block in ("[1, 2]", "{}", "[", '[{"id": "x"}]', "[]", "[" * 100_000):
        assert find_states(f"```json\n{block}\n```") == []
    assert find_states("no fence") == []


TOOLS: list[dict[str, Any]] = [
    {
        "type": "function",
        "name": "book",
        "parameters": {
            "type": "object",
            "properties": {
                "people": {"type": "integer"},
                "day": {"enum": ["today", "tomorrow"]},
                "note": {"type": "string"},
            },
            "required": ["people", "day"],
        },
    },
    {"type": "function", "name": "hang_up"},
]


def test_a_forced_call_fits_its_schema() -> None:
    call = forced_call("required", TOOLS)
    assert call is not None
    assert (call.name, json.loads(call.arguments)) == ("book", {"people": 0, "day": "today"})
    for choice in (
        {"type": "function", "name": "hang_up"},
        {"type": "function", "function": {"name": "hang_up"}},
    ):
        named = forced_call(choice, TOOLS)
        assert named is not None
        assert named.name == "hang_up"
    assert forced_call("auto", TOOLS) is None
    assert forced_call("required", []) is None
