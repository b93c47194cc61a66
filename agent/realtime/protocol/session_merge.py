"""How the service merges a ``session.update`` into its session. Pure; in GA."""

from __future__ import annotations

from typing import Any

_NESTED = frozenset({"audio", "input", "output"})


def merge_session(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """``above`` over ``below``, key by key under ``audio``, else whole: the keys of turn detection
    and of transcription depend on their kind."""
    result = dict(below)
    for key, value in above.items():
        lower = result.get(key)
        if key in _NESTED and isinstance(value, dict):
            result[key] = merge_session(lower if isinstance(lower, dict) else {}, value)
        else:
            result[key] = value
    return result


def session_difference(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """What ``merge_session`` has to lay over ``before`` to get ``after``."""
    result = {}
    for key, value in after.items():
        lower = before.get(key)
        if key in _NESTED and isinstance(value, dict) and isinstance(lower, dict):
            if inner := session_difference(lower, value):
                result[key] = inner
        elif key not in before or value != lower:
            result[key] = value
    return result
