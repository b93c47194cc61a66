"""Conversation states: a JSON list in the instructions, which the stand-in follows by keywords.

[{"id": "1_greeting", "description": "…", "instructions": ["…"], "examples": ["Hello!"],
  "transitions": [{"next_step": "2_name", "condition": "After the caller agrees."}]}]
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_FENCE = re.compile(r"```[\w-]*\s*\n(.*?)```", re.DOTALL)
_EMPTY_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
        a about after all an and any are as asks at be been before by call caller callers can
        confirms could did do does for from gives given go had has have he her him his i if in
        into is it its me my of off on once one or our out provided provides says said she
        should so some step that the their them then there they this to up user users wants was
        we were when where which who will wishes with would you your agent assistant
        """,
    )
)
"""Words of a condition that do not indicate what the caller has to say."""


@dataclass(frozen=True, slots=True)
class Transition:
    """A transition, with the keywords of its condition."""

    next_step: str
    keywords: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class State:
    """One state of the conversation."""

    id: str
    line: str
    """What the assistant says in this state."""
    transitions: tuple[Transition, ...]

    @property
    def keywords(self) -> tuple[str, ...]:
        """The keywords of all transitions."""
        found = [word for transition in self.transitions for word in transition.keywords]
        return tuple(dict.fromkeys(found))


def find_states(instructions: str) -> list[State]:
    """Return the first fenced JSON list of states in ``instructions``; empty if there is none."""
    for block in _FENCE.findall(instructions):
        try:
            found = json.loads(block)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, list) and found and all(map(_is_state, found)):
            return [_state(each) for each in found]
    return []


def next_state(current: State, words: str | None, states: Mapping[str, State]) -> State:
    """Return the state after ``words``: by the transition with most keywords in them.

    If none matches, an only transition, or one without keywords (*"once that is done"*), is taken.
    """
    spoken = set(_words(words or ""))
    ranked = sorted(
        current.transitions, key=lambda each: len(spoken & set(each.keywords)), reverse=True
    )
    if not ranked:
        return current
    best = ranked[0]
    if spoken & set(best.keywords):
        return states.get(best.next_step, current)
    open_ended = [each for each in ranked if not each.keywords or len(ranked) == 1]
    return states.get(open_ended[0].next_step, current) if open_ended else current


def _is_state(value: Any) -> bool:
    return isinstance(value, dict) and "id" in value and isinstance(value.get("transitions"), list)


def _state(value: Mapping[str, Any]) -> State:
    examples = value.get("examples") or value.get("instructions") or [value.get("description")]
    first = examples[0] if isinstance(examples, list) and examples else examples
    transitions = tuple(
        Transition(str(each.get("next_step", "")), _keywords(str(each.get("condition", ""))))
        for each in value["transitions"]
        if isinstance(each, dict)
    )
    return State(str(value["id"]), str(first or "Go on, please."), transitions)


def _keywords(condition: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for word in _words(condition) if word not in _EMPTY_WORDS))


def _words(text: str) -> Sequence[str]:
    return re.findall(r"\w+", text.lower())
