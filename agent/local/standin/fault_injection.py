"""How the faults of a running answer come about."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from agent.local.standin.items import Item
from agent.local.standin.session import TEXT_DELTAS, obfuscation

if TYPE_CHECKING:
    from agent.local.standin.session import Session

FILTERED_DELTA = 2
"""The delta after which an answer breaks off for its content."""

SERVER_ERROR = "The server had an error while processing your request. Sorry about that!"


def emit(session: Session, type: str, fields: dict[str, Any]) -> None:
    """Send an event of an answer, as the session's faults let it come."""
    if session.fault("garbage") and type.endswith(".added"):
        _garbage(session)
    if session.fault("reorder") and _swap(session, type, fields):
        return
    if session.fault("duplicate"):
        if type.endswith(TEXT_DELTAS) and not session.flat:
            fields = {**fields, "obfuscation": obfuscation(fields["delta"])}
        session.emit(type, **fields)
    session.emit(type, **fields)


def _swap(session: Session, type: str, fields: dict[str, Any]) -> bool:
    """Let a transcript's delta come after the audio's that it was before."""
    if type == "response.output_audio_transcript.delta":
        session.held_back = (type, fields)
        return True
    if session.held_back is None:
        return False
    (late, late_fields), session.held_back = session.held_back, None
    session.emit(type, **fields)
    session.emit(late, **late_fields)
    return True


def _garbage(session: Session) -> None:
    session.emit_raw('{"type": "response.output_audio.delta", "delta"')
    session.emit_raw("[]")
    session.emit_raw(json.dumps({"type": "response.telepathy.delta", "delta": "?"}))
    session.emit_raw(json.dumps({"type": "response.output_audio.delta"}))
    session.emit_raw(json.dumps({"type": "conversation.item.added", "item": None}))
    session.emit_raw(json.dumps({"no": "type"}))


def before_delta(session: Session, number: int) -> None:
    fault = session.fault("close-mid-reply")
    if fault is not None and number >= fault.amount:
        session.hang_up(1001, "")


def failure(session: Session, number: int) -> dict[str, Any] | None:
    """The ``status_details`` of a response that is to fail; ``number`` is its place."""
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
    """A word too many."""
    messages = [place for place in enumerate(items) if place[1].body["type"] == "message"]
    if messages and session.fault("late-event"):
        session.emit(
            "response.output_audio_transcript.delta",
            response_id=response_id,
            item_id=messages[-1][1].id,
            output_index=messages[-1][0],
            content_index=0,
            delta=" late",
        )
