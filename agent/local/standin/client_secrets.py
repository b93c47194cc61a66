"""``POST …/realtime/client_secrets``: short-lived keys for browsers, with session settings."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from agent.local.standin.dialects import Dialect
from agent.local.standin.handshake import HandshakeRequest, is_wrong_key, model_refusal
from agent.local.standin.http_json import read_object
from agent.local.standin.identifiers import new_id
from agent.local.standin.rules import Context, Refusal, check_event, schema_of
from agent.local.standin.rules.refusals import not_supported, out_of_range, wrong_type
from agent.local.standin.session_config import Config, default_config, merged

DEFAULT_SECONDS = 600
MIN_SECONDS, MAX_SECONDS = 10, 7200
MAX_KEPT = 1000
"""Older secrets are dropped."""


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """An issued key: its expiry (Unix time) and the settings of sessions opened with it."""

    expires_at: int
    model: str
    settings: Config

    def apply_to(self, request: HandshakeRequest) -> HandshakeRequest:
        """Return ``request`` with the secret's model, or with an invalid key if it has expired."""
        if time.time() > self.expires_at:
            return HandshakeRequest({"Authorization": "Bearer invalid"}, request.query)
        return HandshakeRequest(request.headers, {**request.query, "model": self.model})


class ClientSecrets:
    """The last ``MAX_KEPT`` issued secrets."""

    def __init__(self) -> None:
        self._issued: dict[str, ClientSecret] = {}

    def find(self, key: str | None) -> ClientSecret | None:
        """Return the secret with this ``key``; ``None`` for any other key."""
        return self._issued.get(key or "")

    async def issue(self, dialect: Dialect, request: web.Request) -> web.Response:
        if is_wrong_key(HandshakeRequest(request.headers, request.query).key):
            refusal = Refusal("invalid_api_key", "Incorrect API key provided.")
            return web.json_response({"error": refusal.as_error(None)}, status=401)
        try:
            secret = _parse_secret(dialect, await _read_body(request))
        except Refusal as refusal:
            return web.json_response({"error": refusal.as_error(None)}, status=400)
        value = f"ek_{new_id('')[1:]}"
        self._issued[value] = secret
        while len(self._issued) > MAX_KEPT:
            self._issued.pop(next(iter(self._issued)))
        config = merged(default_config(new_id("sess"), secret.model, flat=False), secret.settings)
        body = {"value": value, "expires_at": secret.expires_at, "session": config}
        return web.json_response(body)


async def _read_body(request: web.Request) -> dict[str, Any]:
    if not request.can_read_body:
        return {}
    return await read_object(request)


def _parse_secret(dialect: Dialect, body: dict[str, Any]) -> ClientSecret:
    settings = body.get("session") or {"type": "realtime", "model": "gpt-realtime"}
    schema = schema_of(dialect.name)
    model = settings.get("model", "") if isinstance(settings, dict) else ""
    event = {"type": "session.update", "session": settings}
    check_event(event, schema, Context(str(model)))
    refusal = None if dialect.is_azure and model else model_refusal(model, schema)
    if refusal is not None:
        raise refusal
    return ClientSecret(int(time.time()) + _seconds(body.get("expires_after")), model, settings)


def _seconds(expires_after: Any) -> int:
    if expires_after is None:
        return DEFAULT_SECONDS
    if not isinstance(expires_after, dict):
        raise wrong_type("expires_after", "an object", expires_after)
    anchor = expires_after.get("anchor", "created_at")
    if anchor != "created_at":
        raise not_supported("expires_after.anchor", str(anchor), ["created_at"])
    seconds = expires_after.get("seconds", DEFAULT_SECONDS)
    place = "expires_after.seconds"
    if not isinstance(seconds, int) or isinstance(seconds, bool):
        raise wrong_type(place, "an integer", seconds)
    if seconds < MIN_SECONDS:
        raise out_of_range(place, seconds, MIN_SECONDS, integer=True, above=False)
    if seconds > MAX_SECONDS:
        raise out_of_range(place, seconds, MAX_SECONDS, integer=True, above=True)
    return seconds
