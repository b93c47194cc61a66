"""The last look at a client event before it leaves, in the service's own spelling and words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from agent.errors import Violation
from agent.realtime.dialects import Dialect, Event
from agent.realtime.limits import Range, session_lacks, session_ranges


def check(event: Event, dialect: Dialect) -> list[Violation]:
    """What ``dialect`` would refuse ``event`` for; empty if nothing."""
    session = event.get("session")
    if event.get("type") != "session.update" or not isinstance(session, dict):
        return []
    return [
        *(_unknown(f"session.{key}") for key in session if key in session_lacks(dialect)),
        *(
            violation
            for key, limit in session_ranges(dialect).items()
            if session.get(key) is not None
            for violation in _outside(f"session.{key}", session[key], limit)
        ),
    ]


def error_event(violation: Violation, event: Event) -> Event:
    """The ``error`` event that the service would have answered ``event`` with.

    It always carries the ``event_id``: the service leaves it null for some rules, and then a
    client cannot tell which of its events failed.
    """
    return {
        "type": "error",
        "event_id": "event_guard",
        "error": {
            "type": violation.type,
            "code": violation.code,
            "message": violation.message,
            "param": violation.param,
            "event_id": event.get("event_id"),
        },
    }


def _unknown(param: str) -> Violation:
    return Violation("unknown_parameter", param, f"Unknown parameter: '{param}'.")


def _outside(param: str, value: Any, limit: Range) -> Iterator[Violation]:
    kind = "integer" if limit.integer else "decimal"
    if limit.infinite and value == "inf":
        return
    if isinstance(value, bool) or not isinstance(value, int if limit.integer else int | float):
        expected = f"an {kind}" if limit.integer else "a decimal"
        if limit.infinite:
            expected = "one of an integer or 'inf'"
        yield Violation(
            "invalid_type",
            param,
            f"Invalid type for '{param}': expected {expected}, "
            f"but got {_json_type(value)} instead.",
        )
    elif value < limit.minimum:
        yield Violation(
            f"{kind}_below_min_value",
            param,
            f"Invalid '{param}': {kind} below minimum value. "
            f"Expected a value >= {limit.minimum}, but got {value} instead.",
        )
    elif not value <= limit.maximum:
        yield Violation(
            f"{kind}_above_max_value",
            param,
            f"Invalid '{param}': {kind} above maximum value. "
            f"Expected a value <= {limit.maximum}, but got {value} instead.",
        )


def _json_type(value: Any) -> str:
    names: dict[type, str] = {
        bool: "a boolean",
        int: "an integer",
        float: "a decimal",
        str: "a string",
        list: "an array",
        dict: "an object",
    }
    return names.get(type(value), "null")
