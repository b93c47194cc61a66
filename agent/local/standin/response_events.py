"""The client events ``response.create`` and ``response.cancel``."""

from __future__ import annotations

from typing import Any

from agent.local.standin.flat_dialect import ga_settings
from agent.local.standin.response_run import start_response
from agent.local.standin.rules import Refusal
from agent.local.standin.session import Session


def create(session: Session, event: dict[str, Any]) -> None:
    request = event.get("response") or {}
    start_response(session, ga_settings(request) if session.is_flat else request)


def cancel(session: Session, event: dict[str, Any]) -> None:
    response_id = event.get("response_id")
    response = session.response
    if response_id is not None and (response is None or response.id != response_id):
        response = session.out_of_band_responses.get(response_id)
    if response is None:
        raise Refusal("response_cancel_not_active", "Cancellation failed: no active response found")
    response.cancel("client_cancelled")


HANDLERS = {"response.create": create, "response.cancel": cancel}
