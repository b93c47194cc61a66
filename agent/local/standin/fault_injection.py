"""The faults that change the events of a response."""

from __future__ import annotations

import json
from typing import Any

from agent.local.standin.conversation import Item
from agent.local.standin.session import TEXT_DELTAS, Session, obfuscation

FILTERED_DELTA = 2
"""The index of the delta after which a response ends as filtered."""

SERVER_ERROR = "The server had an error while processing your request. Sorry about that!"


def emit(session: Session, type: str, fields: dict[str, Any]) -> None:
    """Send an event of a response, changed by the session's faults."""
    if session.fault("garbage") and type.endswith(".added"):
        _send_garbage(session)
    if session.fault("reorder") and _swap(session, type, fields):
        return
    if session.fault("duplicate"):
        if type.endswith(TEXT_DELTAS) and not session.is_flat:
            fields = {**fields, "obfuscation": obfuscation(fields["delta"])}
        session.emit(type, **fields)
    session.emit(type, **fields)


def _swap(session: Session, type: str, fields: dict[str, Any]) -> bool:
    """Send a transcript delta after the audio delta it preceded; return whether this sent or
    kept the event."""
    if type == "response.output_audio_transcript.delta":
        session.delayed_event = (type, fields)
        return True
    if session.delayed_event is None:
        return False
    (delayed, delayed_fields), session.delayed_event = session.delayed_event, None
    session.emit(type, **fields)
    session.emit(delayed, **delayed_fields)
    return True


def _send_garbage(session: Session) -> None:
    session.emit_raw('{"type": "response.output_audio.delta", "delta"')
    session.emit_raw("[]")
    session.emit_raw(json.dumps({"type": "response.telepathy.delta", "delta": "?"}))
    session.emit_raw(json.dumps({"type": "response.output_audio.delta"}))
    session.emit_raw(json.dumps({"type": "conversation.item.added", "item": None}))
    session.emit_raw(json.dumps({"no": "type"}))


def before_delta(session: Session, number: int) -> None:
    """Close the connection where a fault asks for it; ``number`` counts deltas from 0."""
    fault = session.fault("close-mid-reply")
    if fault is not None and number >= fault.amount:
        session.hang_up(1001, "")


def failure(session: Session, number: int) -> dict[str, Any] | None:
    """Return the ``status_details`` of a response that fails, ``None`` for one that does not.

    ``number`` counts the session's responses from 0.
    """
    if session.fault("rate-limit"):
        message = (
            f"Rate limit reached for {session.model} in organization org-stand-in on tokens per "
            "min (TPM): Limit 40000, Used 40000, Requested 3188. Please try again in 4.782s. "
            "Visit https://platform.openai.com/account/rate-limits to learn more."
        )
        return _failed("tokens", "rate_limit_exceeded", message)
    fault = session.fault("server-error")
    if fault is not None and (number == 0 or fault.word == "sticky"):
        hint = f" (include session ID in your message: {session.id})"
        return _failed("server_error", None, f"{SERVER_ERROR}{hint}")
    return None


def _failed(type: str, code: str | None, message: str) -> dict[str, Any]:
    return {"type": "failed", "error": {"type": type, "code": code, "message": message}}


def send_quota_error(session: Session) -> None:
    error = {
        "type": "insufficient_quota",
        "code": "insufficient_quota",
        "message": "You exceeded your current quota, please check your plan and billing details.",
        "param": None,
        "event_id": None,
    }
    session.emit("error", error=error)
    session.hang_up(4000, "insufficient_quota")


def after_done(session: Session, response_id: str, items: list[Item]) -> None:
    """Send a delta after ``response.done`` where the fault ``late-event`` asks for it."""
    messages = [pair for pair in enumerate(items) if pair[1].body["type"] == "message"]
    if messages and session.fault("late-event"):
        session.emit(
            "response.output_audio_transcript.delta",
            response_id=response_id,
            item_id=messages[-1][1].id,
            output_index=messages[-1][0],
            content_index=0,
            delta=" late",
        )
