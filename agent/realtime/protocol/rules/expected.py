"""What a rule wants, in the service's words."""

from __future__ import annotations

from typing import Any

from agent.realtime.protocol.rules import messages
from agent.realtime.protocol.rules.value_types import (
    Audio,
    Either,
    Entries,
    Flag,
    Group,
    Groups,
    Integer,
    Labels,
    Literals,
    Number,
    Rule,
    Text,
    Texts,
)

_EXPECTED: dict[type[Any], str] = {
    Text: "a string",
    Number: "a decimal",
    Integer: "an integer",
    Flag: "a boolean",
    Audio: "a string",
    Texts: "an array of strings",
    Labels: "an object",
    Entries: "an object",
    Group: "an object",
    Groups: "an array of objects",
}


def expected(rule: Rule) -> str:
    """What the service says it wants: ``an object``, ``one of 'a' or 'b'``."""
    if isinstance(rule, Either):
        first = (
            messages.quoted(rule.first.values)
            if isinstance(rule.first, Literals)
            else [_EXPECTED[type(rule.first)]]
        )
        other = _EXPECTED[type(rule.second)].split(" ", 1)[1]
        return f"one of {messages.enumerate_words([*first, other], 'or')}"
    values = rule.values if isinstance(rule, Literals) else ()
    if isinstance(rule, Text):
        values = rule.enum
    if values:
        words = messages.enumerate_words(messages.quoted(values), "or")
        return words if len(values) == 1 else f"one of {words}"
    return _EXPECTED[type(rule)]
