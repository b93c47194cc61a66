"""Parse and check a client's frame, and dispatch it to the handler of its event type."""

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
from agent.local.standin.rules import Context, Refusal, check_event, schema_of
from agent.local.standin.rules.checker import Literal
from agent.local.standin.session import Session

Handler = Callable[[Session, dict[str, Any]], None]


def _refuse_unavailable(session: Session, event: dict[str, Any]) -> None:
    """Refuse an event that the service knows, but not in a conversation over a WebSocket."""
    raise Refusal("invalid_event", f"'{event['type']}' is not available in this kind of session.")


HANDLERS: dict[str, Handler] = {
    **session_events.HANDLERS,
    **input_audio_events.HANDLERS,
    **item_events.HANDLERS,
    **response_events.HANDLERS,
    "session.input_audio_buffer.append": _refuse_unavailable,
    "output_audio_buffer.clear": _refuse_unavailable,
}


def receive(session: Session, text: str | None) -> Any:
    """Handle a frame, or answer it with an ``error``; return the parsed event.

    ``text`` is ``None`` for a binary frame. Return ``None`` if the frame is not JSON.
    """
    event: Any = None
    try:
        if text is None:
            raise Refusal(
                "invalid_event",
                "Expected a text WebSocket message; binary frames are not supported.",
            )
        event = _parse(text)
        check_event(event, schema_of(session.dialect.name), Context(session.model))
        HANDLERS[event["type"]](session, event)
    except Refusal as refusal:
        session.emit("error", error=refusal.as_error(event))
    return event


def _parse(text: str) -> Any:
    try:
        return json.loads(text, parse_float=Literal, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise Refusal("invalid_json", "Invalid event: failed to parse JSON value.") from None


def _refuse_constant(name: str) -> None:
    """Refuse NaN and infinity, which are not JSON, but which Python accepts."""
    raise ValueError(name)
