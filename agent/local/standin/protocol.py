"""A client's frame: read, judged by the rules, and handed to the family it belongs to."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from agent.local.standin import (
    input_audio_events,
    item_events,
    response_events,
    session_events,
)
from agent.local.standin.rules import Context, Refusal, judge_event, schema_of
from agent.local.standin.rules.checker import Literal
from agent.local.standin.session import Session

Handler = Callable[[Session, dict[str, Any]], None]


def _not_here(session: Session, event: dict[str, Any]) -> None:
    """Listed by the service among its events, but not of a conversation over a WebSocket."""
    raise Refusal("invalid_event", f"'{event['type']}' is not available in this kind of session.")


HANDLERS: dict[str, Handler] = {
    **session_events.HANDLERS,
    **input_audio_events.HANDLERS,
    **item_events.HANDLERS,
    **response_events.HANDLERS,
    "session.input_audio_buffer.append": _not_here,
    "output_audio_buffer.clear": _not_here,
}


def receive(session: Session, text: str | None) -> Any:
    """Do what a frame asks for, or answer with an ``error``; the event, as far as it was one.

    ``text`` is ``None`` for a binary frame.
    """
    event: Any = None
    try:
        if text is None:
            raise Refusal(
                "invalid_event",
                "Expected a text WebSocket message; binary frames are not supported.",
            )
        event = _parse(text)
        judge_event(event, schema_of(session.dialect.name), Context(session.model))
        HANDLERS[event["type"]](session, event)
    except Refusal as refusal:
        session.emit("error", error=refusal.as_error(event))
    return event


def _parse(text: str) -> Any:
    try:
        return json.loads(text, parse_float=Literal, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise Refusal("invalid_json", "Invalid event: failed to parse JSON value.") from None


def _no_number(name: str) -> None:
    """NaN and the infinities, which Python would take."""
    raise ValueError(name)
