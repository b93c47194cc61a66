"""Say why the text of a setting could not be read as the value that its parameter takes. Pure."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

from agent.realtime.protocol.parameters import Finding
from agent.realtime.protocol.rules.value_types import Either, Group, Integer, Number, Rule
from agent.redaction import shorten

MAX_SHOWN = 40


def explained(finding: Finding, value: Any) -> Finding:
    """``finding`` with the reason before the service's own sentence, where ``value`` is text that
    was to be a number or an object."""
    if finding.parameter is None or not isinstance(value, str) or finding.lacking:
        return finding
    reason = _reason(value, finding.parameter.rows[0].rule)
    if not reason:
        return finding
    violation = finding.violation
    return replace(finding, violation=replace(violation, message=f"{reason} {violation.message}"))


def _reason(text: str, rule: Rule) -> str:
    number = isinstance(rule, Number | Integer)
    whole = isinstance(rule, Either) and isinstance(rule.second, Integer)
    if not text.strip():
        return "The value is empty." if number else ""
    if number or (whole and text.lstrip("+-")[:1].isdigit()):
        return _why_no_number(text)
    if isinstance(rule, Group | Either) and text.startswith("{"):
        return _why_no_object(text)
    return ""


def _why_no_number(text: str) -> str:
    shown = shorten(text, MAX_SHOWN)
    try:
        beyond = math.isinf(float(text)) and any(letter.isdigit() for letter in text)
    except ValueError:
        beyond = False
    if beyond:
        return f"'{shown}' is greater than any number that can be sent."
    return f"'{shown}' is not a number."


def _why_no_object(text: str) -> str:
    try:
        json.loads(text)
    except (ValueError, RecursionError) as error:
        return f"It is not JSON: {error}."
    return "It holds a number that cannot be sent, such as NaN or 1e400."
