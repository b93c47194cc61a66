"""Who may connect: addresses, keys and models, refused as each service refuses them.

OpenAI accepts the WebSocket first and then says why it closes it; Azure refuses the handshake.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agent.local.standin.dialects import OPENAI_BETA, OPENAI_GA, Dialect
from agent.local.standin.rules import Refusal, Schema

WRONG_KEYS = frozenset({"invalid", "null", "undefined", "none"})
"""Keys that are not accepted: one to try it, and what programs make of a key that is not set."""

BETA_HEADER = "realtime=v1"
PROTOCOL = "realtime"
_PROTOCOL_KEY = "openai-insecure-api-key."
_PROTOCOL_BETA = "openai-beta.realtime-v1"

_SPEECH = ("gpt-realtime", "gpt-4o-realtime", "gpt-4o-mini-realtime", "gpt-audio")
_NO_SPEECH = ("transcribe", "whisper", "translate")


@dataclass(frozen=True, slots=True)
class Hello:
    """What a client brings."""

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
        """The API key, wherever it is put; ``None`` for none."""
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


class ClosedAfterwards(Exception):
    """Accepted, then told why and closed: OpenAI's way."""

    def __init__(self, refusal: Refusal, code: int) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal
        self.code = code
        named = f".{refusal.code}" if refusal.code else ""
        self.reason = f"{refusal.type}{named}"


class HandshakeRefused(Exception):
    """Not accepted at all: Azure's way."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"code": code, "message": message}}


def admit(dialect: Dialect, hello: Hello, schema: Schema) -> str:
    """The model that is asked for; raises one of the two exceptions above."""
    return _admit_azure(dialect, hello) if dialect.azure else _admit_openai(dialect, hello, schema)


def _admit_openai(dialect: Dialect, hello: Hello, schema: Schema) -> str:
    if hello.key is None:
        raise ClosedAfterwards(
            Refusal(None, "Missing bearer or basic authentication in header", echo_event_id=False),
            3000,
        )
    if is_wrong_key(hello.key):
        message = (
            f"Incorrect API key provided: {hello.key}. "
            "You can find your API key at https://platform.openai.com/account/api-keys."
        )
        raise ClosedAfterwards(Refusal("invalid_api_key", message, echo_event_id=False), 3000)
    if hello.is_beta and dialect is OPENAI_GA:
        message = (
            "The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API."
        )
        raise ClosedAfterwards(
            Refusal("beta_api_shape_disabled", message, echo_event_id=False), 4000
        )
    model = hello.query.get("model", "")
    if hello.query.get("intent") == "transcription":
        raise ClosedAfterwards(_transcription(model), 4000)
    refusal = model_refusal(model, schema)
    if refusal is not None and dialect is not OPENAI_BETA:
        raise ClosedAfterwards(refusal, 4000)
    return model


def _transcription(model: str) -> Refusal:
    if model:
        message = "You must not provide a model parameter for transcription sessions."
    else:
        message = "This server holds conversations only: it has no transcription sessions."
    return Refusal("invalid_model", message, echo_event_id=False)


def model_refusal(model: str, schema: Schema) -> Refusal | None:
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


def _admit_azure(dialect: Dialect, hello: Hello) -> str:
    if is_wrong_key(hello.key):
        raise HandshakeRefused(401, "401", "Access denied due to invalid subscription key.")
    if dialect.flat:
        if not hello.query.get("api-version"):
            raise HandshakeRefused(404, "404", "Resource not found")
        deployment = hello.query.get("deployment", "")
    else:
        if "api-version" in hello.query:
            raise HandshakeRefused(401, "401", "api-version is not allowed on the v1 API.")
        deployment = hello.query.get("model", "")
    if not deployment:
        raise HandshakeRefused(404, "DeploymentNotFound", "The API deployment does not exist.")
    if any(word in deployment for word in _NO_SPEECH):
        message = (
            "The realtime operation does not work with the specified model. "
            "Please choose different model and try again."
        )
        raise HandshakeRefused(400, "OpperationNotSupported", message)
    return deployment
