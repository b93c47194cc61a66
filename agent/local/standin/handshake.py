"""Check the key and the model of a handshake, and refuse them as each service does.

OpenAI accepts the WebSocket, sends an error and closes it; Azure refuses the handshake.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agent.local.standin.dialects import OPENAI_BETA, OPENAI_GA, Dialect
from agent.local.standin.rules import Refusal, Schema

WRONG_KEYS = frozenset({"invalid", "null", "undefined", "none"})
"""Refused keys: one to test with, and what programs send for a key that is not set."""

BETA_HEADER = "realtime=v1"
PROTOCOL = "realtime"
_PROTOCOL_KEY = "openai-insecure-api-key."
_PROTOCOL_BETA = "openai-beta.realtime-v1"

_SPEECH = ("gpt-realtime", "gpt-4o-realtime", "gpt-4o-mini-realtime", "gpt-audio")
_NO_SPEECH = ("transcribe", "whisper", "translate")


@dataclass(frozen=True, slots=True)
class HandshakeRequest:
    """The headers and the query of a client's handshake."""

    headers: Mapping[str, str]
    query: Mapping[str, str]

    @property
    def protocols(self) -> list[str]:
        return [name.strip() for name in self.headers.get("Sec-WebSocket-Protocol", "").split(",")]

    @property
    def is_beta(self) -> bool:
        return self.headers.get("OpenAI-Beta") == BETA_HEADER or _PROTOCOL_BETA in self.protocols

    @property
    def key(self) -> str | None:
        """The API key, from any of the places clients put it; ``None`` if there is none."""
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() in {"bearer", "basic"} and token:
            return token
        named = self.headers.get("api-key") or self.query.get("api-key")
        if named:
            return named
        in_protocol = [name for name in self.protocols if name.startswith(_PROTOCOL_KEY)]
        return in_protocol[0].removeprefix(_PROTOCOL_KEY) if in_protocol else None


def is_wrong_key(key: str | None) -> bool:
    return key is None or key.lower() in WRONG_KEYS


class ClosedAfterAccept(Exception):
    """The connection is accepted, then closed after an error, as OpenAI does."""

    def __init__(self, refusal: Refusal, code: int) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal
        self.code = code
        named = f".{refusal.code}" if refusal.code else ""
        self.reason = f"{refusal.type}{named}"


class HandshakeRefused(Exception):
    """The handshake is refused with an HTTP status, as Azure does."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"code": code, "message": message}}


def admit(dialect: Dialect, request: HandshakeRequest, schema: Schema) -> str:
    """Return the requested model; raise one of the two exceptions above if it is refused."""
    return (
        _admit_azure(dialect, request)
        if dialect.is_azure
        else _admit_openai(dialect, request, schema)
    )


def _admit_openai(dialect: Dialect, request: HandshakeRequest, schema: Schema) -> str:
    if request.key is None:
        raise ClosedAfterAccept(
            Refusal(None, "Missing bearer or basic authentication in header", echo_event_id=False),
            3000,
        )
    if is_wrong_key(request.key):
        message = (
            f"Incorrect API key provided: {request.key}. "
            "You can find your API key at https://platform.openai.com/account/api-keys."
        )
        raise ClosedAfterAccept(Refusal("invalid_api_key", message, echo_event_id=False), 3000)
    if request.is_beta and dialect is OPENAI_GA:
        message = (
            "The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API."
        )
        raise ClosedAfterAccept(
            Refusal("beta_api_shape_disabled", message, echo_event_id=False), 4000
        )
    model = request.query.get("model", "")
    if request.query.get("intent") == "transcription":
        raise ClosedAfterAccept(_transcription(model), 4000)
    refusal = model_refusal(model, schema)
    if refusal is not None and dialect is not OPENAI_BETA:
        raise ClosedAfterAccept(refusal, 4000)
    return model


def _transcription(model: str) -> Refusal:
    if model:
        message = "You must not provide a model parameter for transcription sessions."
    else:
        message = (
            "This stand-in has no transcription sessions. Connect without intent=transcription."
        )
    return Refusal("invalid_model", message, echo_event_id=False)


def model_refusal(model: str, schema: Schema) -> Refusal | None:
    """Return why OpenAI refuses ``model``; ``None`` if it serves it."""
    if not model:
        message = (
            "You must provide a model parameter, for example "
            "wss://api.openai.com/v1/realtime?model=gpt-realtime-1.5"
        )
        return Refusal("missing_model", message, echo_event_id=False)
    if any(word in model for word in _NO_SPEECH):
        message = (
            f"Model {model} is a transcription model and cannot be used as the realtime session "
            "model. Pass this transcription model as audio.input.transcription.model instead."
        )
        return Refusal(None, message, echo_event_id=False)
    if model in schema.known_models or model.startswith(_SPEECH):
        return None
    message = (
        f'Model "{model}" is not supported in realtime mode. '
        "See https://platform.openai.com/docs/models for a list of supported models."
    )
    return Refusal("invalid_model", message, echo_event_id=False)


def _admit_azure(dialect: Dialect, request: HandshakeRequest) -> str:
    if is_wrong_key(request.key):
        raise HandshakeRefused(401, "401", "Access denied due to invalid subscription key.")
    if dialect.is_flat:
        if not request.query.get("api-version"):
            raise HandshakeRefused(404, "404", "Resource not found")
        deployment = request.query.get("deployment", "")
    else:
        if "api-version" in request.query:
            raise HandshakeRefused(401, "401", "api-version is not allowed on the v1 API.")
        deployment = request.query.get("model", "")
    if not deployment:
        raise HandshakeRefused(404, "DeploymentNotFound", "The API deployment does not exist.")
    if any(word in deployment for word in _NO_SPEECH):
        message = (
            "The realtime operation does not work with the specified model. "
            "Please choose different model and try again."
        )
        raise HandshakeRefused(400, "OpperationNotSupported", message)
    return deployment
