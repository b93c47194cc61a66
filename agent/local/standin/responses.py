"""``response.create`` and ``response.cancel``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agent.local.standin.flat_dialect import ga_settings
from agent.local.standin.response_run import start_reply
from agent.local.standin.rules import Refusal

if TYPE_CHECKING:
    from agent.local.standin.session import Session


def create(session: Session, event: dict[str, Any]) -> None:
    request = event.get("response") or {}
    start_reply(session, ga_settings(request) if session.flat else request)


def cancel(session: Session, event: dict[str, Any]) -> None:
    wanted = event.get("response_id")
    reply = session.reply
    if wanted is not None and (reply is None or reply.id != wanted):
        reply = session.out_of_band_replies.get(wanted)
    if reply is None:
        raise Refusal("response_cancel_not_active", "Cancellation failed: no active response found")
    reply.cancel("client_cancelled")


HANDLERS = {"response.create": create, "response.cancel": cancel}
