"""Choose what to answer: from a script, or from the conversation states in the instructions."""

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
    """The content of a response."""

    say: str = ""
    calls: tuple[ToolCall, ...] = ()
    after_ms: int = 0
    """Wait before ``say``."""
    preamble: str = ""
    """The text of a message item before all others; empty for none."""


@dataclass(frozen=True, slots=True)
class TurnInput:
    """What the caller and the tools have said since the last answer."""

    utterances: Sequence[str | None] = ()
    """The caller's turns; ``None`` for one that was not recognized."""
    tool_outputs: Mapping[str, str] = field(default_factory=dict)
    """Outputs by call id."""
    tools: Mapping[str, str] = field(default_factory=dict)
    """Names of the tools called, by call id."""
    was_greeted: bool = False
    """Whether the assistant has spoken before, in this session or an earlier one."""
    callable_tools: Collection[str] | None = None
    """Names of the tools that may be called now; ``None`` for any."""
    is_idle: bool = False
    """Whether the caller has been silent for the session's ``idle_timeout_ms``."""


class AnswerSource(Protocol):
    """Chooses the answers of one session."""

    @property
    def language(self) -> str:
        """The espeak-ng voice, such as ``en-us``."""

    @property
    def phrases(self) -> tuple[str, ...]:
        """What the caller may say next, for recognition."""

    @property
    def are_phrases_combined(self) -> bool:
        """Whether a turn may hold several of ``phrases``, one after the other."""

    @property
    def lines(self) -> tuple[str, ...]:
        """All sentences it may say, for synthesis ahead of time."""

    def answer(self, turn_input: TurnInput) -> Answer:
        """Return the answer to ``turn_input``, and advance the conversation."""


class ScriptedAnswers:
    """Answers one session from a script."""

    are_phrases_combined = False

    def __init__(self, script: Script, *, recognises: bool = True) -> None:
        self._script = script
        self._in_order = [turn for turn in script.turns if not (turn.hear and recognises)]
        self._was_greeted = False
        self._after_call: dict[str, str] = {}
        """The sentence to say after a tool's output, by call id."""

    @property
    def language(self) -> str:
        return self._script.language

    @property
    def phrases(self) -> tuple[str, ...]:
        return self._script.phrases

    @property
    def lines(self) -> tuple[str, ...]:
        return self._script.lines

    def answer(self, turn_input: TurnInput) -> Answer:
        if turn_input.is_idle:
            return Answer(self._script.idle)
        if turn_input.tool_outputs and not turn_input.utterances:
            lines = [
                self._text_after_tool(key, turn_input.tools.get(key)) or text
                for key, text in turn_input.tool_outputs.items()
            ]
            return Answer(" ".join(lines))
        if not turn_input.utterances:
            was_greeted = self._was_greeted or turn_input.was_greeted
            line = self._script.otherwise if was_greeted else self._script.greeting
            self._was_greeted = True
            return Answer(line)
        turn = self._find_turn(turn_input.utterances)
        if turn is None:
            return Answer(self._script.otherwise)
        return self._answer_turn(turn, turn_input.callable_tools)

    def _text_after_tool(self, call_id: str, tool: str | None) -> str:
        """Return the script's text after a tool, also if an earlier session made the call."""
        if call_id in self._after_call:
            return self._after_call.pop(call_id)
        turns = (turn for turn in self._script.turns if turn.call and turn.call.name == tool)
        return next((turn.then for turn in turns), "")

    def _find_turn(self, utterances: Sequence[str | None]) -> Turn | None:
        for words in reversed(utterances):
            for turn in self._script.turns:
                if words is not None and any(is_same_phrase(words, phrase) for phrase in turn.hear):
                    if turn in self._in_order:
                        self._in_order.remove(turn)
                    return turn
        return self._in_order.pop(0) if self._in_order else None

    def _answer_turn(self, turn: Turn, callable_tools: Collection[str] | None) -> Answer:
        calls: tuple[ToolCall, ...] = ()
        if turn.call and callable_tools is not None and turn.call.name not in callable_tools:
            return Answer(turn.say or self._script.otherwise, (), turn.after_ms, turn.preamble)
        if turn.call is not None:
            calls = (ToolCall(turn.call.name, json.dumps(turn.call.arguments)),)
            self._after_call[calls[0].call_id] = turn.then
        return Answer(turn.say, calls, turn.after_ms, turn.preamble)


class ConversationStateAnswers:
    """Answers one session by the conversation states in its instructions."""

    language = "en-us"
    are_phrases_combined = True

    def __init__(self, states: Sequence[State]) -> None:
        self._states = {state.id: state for state in states}
        self._state = states[0]
        self._has_begun = False

    @property
    def phrases(self) -> tuple[str, ...]:
        return self._state.keywords

    @property
    def lines(self) -> tuple[str, ...]:
        return tuple(state.line for state in self._states.values())

    def answer(self, turn_input: TurnInput) -> Answer:
        if turn_input.tool_outputs and not turn_input.utterances:
            return Answer(" ".join(turn_input.tool_outputs.values()))
        if not self._has_begun and not turn_input.utterances:
            self._has_begun = True
            return Answer(self._state.line)
        self._has_begun = True
        for words in turn_input.utterances:
            self._state = next_state(self._state, words, self._states)
        return Answer(self._state.line)


def answers_for(script: Script | None, instructions: str, *, recognises: bool) -> AnswerSource:
    """Return the source for ``script``, or without one the source for ``instructions``.

    If speech is not recognized (``recognises`` is false), the turns of a script go in order.
    """
    if script is not None:
        return ScriptedAnswers(script, recognises=recognises)
    states = find_states(instructions)
    return ConversationStateAnswers(states) if states else ScriptedAnswers(Script())


def forced_call(choice: Any, tools: Sequence[Mapping[str, Any]]) -> ToolCall | None:
    """Return the call that ``tool_choice`` requires of the model; ``None`` if it requires none."""
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
    """Return a value that fits the types and enums of a JSON Schema."""
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
    """Whether both hold the same words, apart from case and punctuation."""
    return _plain(words) == _plain(phrase)


def _plain(text: str) -> str:
    return "".join(letter for letter in text.lower() if letter.isalnum())
