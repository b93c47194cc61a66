"""What to answer: by a script, by the conversation states in the instructions, or one thing."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from agent.local.standin.conversation_states import State, find_states, next_state
from agent.local.standin.identifiers import new_id
from agent.local.standin.script import Script, Turn


@dataclass(frozen=True, slots=True)
class ToolCall:
    name: str
    arguments: str
    """As JSON text."""
    call_id: str = field(default_factory=lambda: new_id("call"))


@dataclass(frozen=True, slots=True)
class Answer:
    """What a response consists of."""

    say: str = ""
    calls: tuple[ToolCall, ...] = ()
    after_ms: int = 0
    preamble: str = ""
    """The text of a message item before all else; empty for none."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What has come since the last answer."""

    said: Sequence[str | None] = ()
    """The caller's turns; ``None`` where one was not understood."""
    tool_outputs: Mapping[str, str] = field(default_factory=dict)
    """By the id of the call."""
    tools: Mapping[str, str] = field(default_factory=dict)
    """What was called, by the id of the call."""
    greeted: bool = False
    """The assistant has said something already, be it in another session."""
    may_call: Collection[str] | None = None
    """Names of the tools that may be called now; ``None`` for any."""
    idle: bool = False
    """Nothing: the caller has been silent for the session's ``idle_timeout_ms``."""


class AnswerSource(Protocol):
    @property
    def language(self) -> str: ...

    @property
    def phrases(self) -> tuple[str, ...]:
        """What the caller may say next, for recognition."""

    @property
    def separate_phrases(self) -> bool:
        """Whether more than one of ``phrases`` may be said at a time."""

    @property
    def lines(self) -> tuple[str, ...]:
        """What it may say, to be made ready."""

    def answer(self, heard: Heard) -> Answer: ...


class ScriptedAnswers:
    """One session's way through a script."""

    separate_phrases = False

    def __init__(self, script: Script, *, recognises: bool = True) -> None:
        self._script = script
        self._in_order = [turn for turn in script.turns if not (turn.hear and recognises)]
        self._greeted = False
        self._then: dict[str, str] = {}
        """What to say once the call of this id has been answered."""

    @property
    def language(self) -> str:
        return self._script.language

    @property
    def phrases(self) -> tuple[str, ...]:
        return self._script.phrases

    @property
    def lines(self) -> tuple[str, ...]:
        return self._script.lines

    def answer(self, heard: Heard) -> Answer:
        if heard.idle:
            return Answer(self._script.idle)
        if heard.tool_outputs and not heard.said:
            lines = [
                self._after(key, heard.tools.get(key)) or text
                for key, text in heard.tool_outputs.items()
            ]
            return Answer(" ".join(lines))
        if not heard.said:
            greeted = self._greeted or heard.greeted
            line = self._script.otherwise if greeted else self._script.greeting
            self._greeted = True
            return Answer(line)
        turn = self._turn(heard.said)
        return self._take(turn, heard.may_call) if turn else Answer(self._script.otherwise)

    def _after(self, call_id: str, tool: str | None) -> str:
        """What to say after a tool, also where another session called it."""
        if call_id in self._then:
            return self._then.pop(call_id)
        turns = (turn for turn in self._script.turns if turn.call and turn.call.name == tool)
        return next((turn.then for turn in turns), "")

    def _turn(self, said: Sequence[str | None]) -> Turn | None:
        for words in reversed(said):
            for turn in self._script.turns:
                if words is not None and any(is_same_phrase(words, phrase) for phrase in turn.hear):
                    if turn in self._in_order:
                        self._in_order.remove(turn)
                    return turn
        return self._in_order.pop(0) if self._in_order else None

    def _take(self, turn: Turn, may_call: Collection[str] | None) -> Answer:
        calls: tuple[ToolCall, ...] = ()
        if turn.call is not None and may_call is not None and turn.call.name not in may_call:
            return Answer(turn.say or self._script.otherwise, (), turn.after_ms, turn.preamble)
        if turn.call is not None:
            calls = (ToolCall(turn.call.name, json.dumps(turn.call.arguments)),)
            self._then[calls[0].call_id] = turn.then
        return Answer(turn.say, calls, turn.after_ms, turn.preamble)


class ConversationStateAnswers:
    """One session's way through the conversation states of its instructions."""

    language = "en-us"
    separate_phrases = True

    def __init__(self, states: Sequence[State]) -> None:
        self._states = {state.id: state for state in states}
        self._now = states[0]
        self._begun = False

    @property
    def phrases(self) -> tuple[str, ...]:
        return self._now.keywords

    @property
    def lines(self) -> tuple[str, ...]:
        return tuple(state.line for state in self._states.values())

    def answer(self, heard: Heard) -> Answer:
        if heard.tool_outputs and not heard.said:
            return Answer(" ".join(heard.tool_outputs.values()))
        if not self._begun and not heard.said:
            self._begun = True
            return Answer(self._now.line)
        self._begun = True
        for words in heard.said:
            self._now = next_state(self._now, words, self._states)
        return Answer(self._now.line)


def answers_for(script: Script | None, instructions: str, *, recognises: bool) -> AnswerSource:
    """The script's where there is one, else the one that the instructions call for.

    Where nobody ``recognises`` what is said, all turns of a script go in order.
    """
    if script is not None:
        return ScriptedAnswers(script, recognises=recognises)
    states = find_states(instructions)
    return ConversationStateAnswers(states) if states else ScriptedAnswers(Script())


def forced_call(choice: Any, tools: Sequence[Mapping[str, Any]]) -> ToolCall | None:
    """The call that ``tool_choice`` demands of a model; ``None`` where it demands none."""
    functions = [tool for tool in tools if tool.get("type") == "function"]
    if isinstance(choice, dict):
        name = choice.get("name") or choice.get("function", {}).get("name")
        functions = [tool for tool in functions if tool["name"] == name]
    elif choice != "required":
        return None
    if not functions:
        return None
    parameters = functions[0].get("parameters")
    return ToolCall(functions[0]["name"], json.dumps(_example(parameters or {})))


def _example(schema: Mapping[str, Any]) -> Any:
    """A value that fits a JSON Schema, as far as its types and enums go."""
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "object")
    if kind == "object":
        properties = schema.get("properties", {})
        required = schema.get("required", list(properties))
        return {name: _example(properties.get(name, {"type": "string"})) for name in required}
    examples: dict[str, Any] = {"array": [], "string": "", "boolean": False, "null": None}
    return examples.get(str(kind), 0)


def is_same_phrase(words: str, phrase: str) -> bool:
    """Whether the two are the same words, whatever their case and punctuation."""
    return _plain(words) == _plain(phrase)


def _plain(text: str) -> str:
    return "".join(letter for letter in text.lower() if letter.isalnum())
