"""Find the client event that an ``error`` event of the service refuses. Pure; in GA.

Most refusals name the event by its id. For several the service sends ``event_id: null``; the error
then tells by its ``param`` or its ``code`` what kind of event it refuses. The service answers in
order, so that the oldest unanswered event of that kind is meant.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from agent.realtime.protocol.rules.messages import UNSUPPORTED_BY_MODEL


def refused_update(error: dict[str, Any], pending: Iterable[str]) -> str | None:
    """The id of the ``session.update`` that ``error`` refuses, of those ``pending``, oldest first;
    ``None`` where it refuses none of them."""
    return _refused(error, pending, _is_about_session(error))


def refused_commit(error: dict[str, Any], pending: Iterable[str]) -> str | None:
    """As ``refused_update``, for ``input_audio_buffer.commit``."""
    code = error.get("code")
    about = isinstance(code, str) and code.startswith("input_audio_buffer_commit")
    return _refused(error, pending, about)


def _refused(error: dict[str, Any], pending: Iterable[str], is_its_kind: bool) -> str | None:
    event_id, ids = error.get("event_id"), list(pending)
    if isinstance(event_id, str) and event_id:
        return event_id if event_id in ids else None
    return ids[0] if ids and is_its_kind else None


def _is_about_session(error: dict[str, Any]) -> bool:
    param, message = error.get("param"), error.get("message")
    if isinstance(param, str) and param:
        return param.partition(".")[0] == "session"
    if error.get("code") == "cannot_update_voice":
        return True
    return isinstance(message, str) and message.startswith(UNSUPPORTED_BY_MODEL)
