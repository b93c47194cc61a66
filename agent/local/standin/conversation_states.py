"""Conversation states: the JSON list that a prompt may hold, followed by its keywords.

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
"""Of a condition: they tell nothing of what the caller has to say."""


@dataclass(frozen=True, slots=True)
class Transition:
    next_step: str
    keywords: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class State:
    id: str
    line: str
    """What is said in it."""
    transitions: tuple[Transition, ...]

    @property
    def keywords(self) -> tuple[str, ...]:
        """All that may lead out of it."""
        found = [word for transition in self.transitions for word in transition.keywords]
        return tuple(dict.fromkeys(found))


def find_states(instructions: str) -> list[State]:
    """The first fenced JSON list of states in ``instructions``; empty if there is none."""
    for block in _FENCE.findall(instructions):
        try:
            found = json.loads(block)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, list) and found and all(map(_is_state, found)):
            return [_state(each) for each in found]
    return []


def next_state(now: State, words: str | None, states: Mapping[str, State]) -> State:
    """Where ``words`` lead: by the transition that shares most with them, or by the only one.

    A transition without keywords of its own (*"once that is done"*) is taken by anything said.
    """
    spoken = set(_words(words or ""))
    ranked = sorted(
        now.transitions, key=lambda each: len(spoken & set(each.keywords)), reverse=True
    )
    if not ranked:
        return now
    best = ranked[0]
    if spoken & set(best.keywords):
        return states.get(best.next_step, now)
    open_ended = [each for each in ranked if not each.keywords or len(ranked) == 1]
    return states.get(open_ended[0].next_step, now) if open_ended else now


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
