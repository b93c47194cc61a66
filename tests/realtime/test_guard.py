"""The guard against the service's recorded sentences."""

from __future__ import annotations

from typing import Any

import pytest

from agent.errors import Violation
from agent.realtime.dialects import AZURE_PREVIEW, OPENAI_GA, Dialect
from agent.realtime.guard import check, error_event


def update(**session: Any) -> dict[str, Any]:
    return {"type": "session.update", "event_id": "e1", "session": session}


@pytest.mark.parametrize(
    ("dialect", "session", "code", "message"),
    [
        (
            AZURE_PREVIEW,
            {"temperature": 0},
            "decimal_below_min_value",
            "Invalid 'session.temperature': decimal below minimum value. "
            "Expected a value >= 0.6, but got 0 instead.",
        ),
        (
            AZURE_PREVIEW,
            {"temperature": 1.3},
            "decimal_above_max_value",
            "Invalid 'session.temperature': decimal above maximum value. "
            "Expected a value <= 1.2, but got 1.3 instead.",
        ),
        (
            AZURE_PREVIEW,
            {"temperature": True},
            "invalid_type",
            "Invalid type for 'session.temperature': expected a decimal, "
            "but got a boolean instead.",
        ),
        (
            OPENAI_GA,
            {"temperature": 0.8},
            "unknown_parameter",
            "Unknown parameter: 'session.temperature'.",
        ),
        (
            OPENAI_GA,
            {"max_output_tokens": 0},
            "integer_below_min_value",
            "Invalid 'session.max_output_tokens': integer below minimum value. "
            "Expected a value >= 1, but got 0 instead.",
        ),
        (
            AZURE_PREVIEW,
            {"max_response_output_tokens": 4097},
            "integer_above_max_value",
            "Invalid 'session.max_response_output_tokens': integer above maximum value. "
            "Expected a value <= 4096, but got 4097 instead.",
        ),
    ],
)
def test_a_broken_rule(dialect: Dialect, session: dict[str, Any], code: str, message: str) -> None:
    (violation,) = check(update(**session), dialect)
    assert (violation.code, violation.message) == (code, message)


@pytest.mark.parametrize("value", [0.6, 0.8, 1, 1.2, None])
def test_a_temperature_in_range(value: float | None) -> None:
    assert check(update(temperature=value), AZURE_PREVIEW) == []


@pytest.mark.parametrize("value", [1, 4096, "inf", None])
def test_a_token_limit_in_range(value: int | str | None) -> None:
    assert check(update(max_output_tokens=value), OPENAI_GA) == []


def test_not_a_number_is_in_no_range() -> None:
    assert check(update(temperature=float("nan")), AZURE_PREVIEW)


def test_the_error_names_the_event_it_answers() -> None:
    violation = Violation("unknown_parameter", "session.x", "Unknown parameter: 'session.x'.")
    assert error_event(violation, update(x=1)) == {
        "type": "error",
        "event_id": "event_guard",
        "error": {
            "type": "invalid_request_error",
            "code": "unknown_parameter",
            "message": "Unknown parameter: 'session.x'.",
            "param": "session.x",
            "event_id": "e1",
        },
    }
