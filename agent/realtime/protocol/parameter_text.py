"""Read the value of a session parameter from text, as the environment and ``--set`` give it."""

from __future__ import annotations

import json
import math
from typing import Any

from agent.realtime.protocol.rules.parameter_rules import Row
from agent.realtime.protocol.rules.value_types import (
    Either,
    Flag,
    Group,
    Integer,
    Number,
    Text,
    Texts,
)

SWITCHES = {
    "turn_detection": "turn_detection.type",
    "transcription": "transcription.model",
    "noise_reduction": "noise_reduction",
}
"""The parameter without which a group of them is off."""

_TRUE = {"true", "1", "yes", "on"}
_FALSE = {"false", "0", "no", "off"}
_NONE = {"none", "null", "off"}


def parse_text(text: str, row: Row) -> Any:
    """Return the value that ``text`` spells for the parameter of ``row``. Text that cannot be read
    stays text: the rules say what is wrong with it."""
    rule = row.rule
    if _can_be_off(row) and text.lower() in _NONE:
        return None
    if isinstance(rule, Flag):
        word = text.lower()
        return True if word in _TRUE else False if word in _FALSE else text
    if isinstance(rule, Number | Integer) or (
        isinstance(rule, Either) and isinstance(rule.second, Integer)
    ):
        return _number(text)
    if isinstance(rule, Texts):
        listed = _json(text) if text.startswith("[") else None
        return listed if listed is not None else [word.strip() for word in text.split(",")]
    if isinstance(rule, Group | Either) and text.startswith("{"):
        value = _json(text)
        return text if value is None else value
    return text


def _can_be_off(row: Row) -> bool:
    name = row.path.rpartition(".")[0].rpartition(".")[2]
    switches = row.path.endswith((".type", "transcription.model")) and name in SWITCHES
    return switches or (row.null and not isinstance(row.rule, Text))


def finite(text: str) -> float:
    """The number that JSON's ``text`` spells. ``ValueError`` for one that cannot be sent."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no number that can be sent")
    return number


def _number(text: str) -> Any:
    """The number that ``text`` spells, else ``text`` itself."""
    value = _json(text)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else text


def _json(text: str) -> Any:
    """What ``text`` says in JSON that can be sent; ``None`` where it is none."""
    try:
        return json.loads(text, parse_float=finite, parse_constant=finite)
    except (ValueError, RecursionError):
        return None
