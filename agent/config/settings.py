"""Settings: read once from the environment and ``.env`` files, checked before anything starts.

Nothing else in the project reads the environment. A later layer wins: a default, ``.env``,
``.env.local``, the environment, ``--set``. Every secret can also be given as ``NAME_FILE``, the
path of a file that holds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from agent.config.sources import SourcedValue, read_layers, read_secret_files
from agent.errors import Problem, SettingsError
from agent.realtime.connection.credentials import ApiKey, Credential, EntraToken
from agent.realtime.connection.endpoint import (
    AZURE_PREVIEW_VERSION,
    OPENAI_URL,
    Endpoint,
    azure_endpoint,
    openai_endpoint,
)
from agent.realtime.protocol.dialects import AZURE_GA, AZURE_PREVIEW, DIALECTS, OPENAI_GA, Dialect
from agent.realtime.protocol.parameters import MODEL, SessionParameters
from agent.realtime.protocol.rules import Context

_AZURE_HOSTS = (".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com")
_OPENAI_HOST = "api.openai.com"
_ROTATED = "read again for each connection, so that a rotated key is taken"


class LiveKitSettings(BaseSettings):
    """The LiveKit server. Fields are the environment's names in small letters."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    livekit_url: str = Field("", description="The LiveKit server, such as wss://NAME.livekit.cloud")
    livekit_api_key: str = Field("", description="The server's API key")
    livekit_api_secret: SecretStr = Field(SecretStr(""), description="The server's API secret")
    livekit_api_secret_file: str = Field(
        "",
        description="The file of LIVEKIT_API_SECRET; what it holds is not put into the environment"
        " of the job processes",
    )
    livekit_agent_name: str = Field(
        "realtime-agent", description="The name that dispatches ask for; calls come to no other"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is passed in: the layers are read elsewhere, and remembered."""
        return (init_settings,)

    def secrets(self) -> list[str]:
        """Every secret that is set, for whoever keeps them out of texts."""
        values = [getattr(self, name) for name in type(self).model_fields]
        return [value.get_secret_value() for value in values if isinstance(value, SecretStr)]

    def for_libraries(self) -> dict[str, str]:
        """The server's address and key under the names that LiveKit's own code reads, but for a
        secret that was given as a file: that is to stay out of the environment."""
        names = {"LIVEKIT_URL": self.livekit_url, "LIVEKIT_API_KEY": self.livekit_api_key}
        if not self.livekit_api_secret_file:
            names["LIVEKIT_API_SECRET"] = self.livekit_api_secret.get_secret_value()
        return names


class Settings(LiveKitSettings):
    """The worker's settings: the LiveKit server's, the service's, the session's, its own."""

    realtime_dialect: Literal["", "openai_ga", "azure_ga", "azure_preview", "openai_beta"] = Field(
        "", description="The spelling that the service speaks; follows from the rest if empty"
    )
    realtime_service: Literal["", "openai", "azure", "compatible"] = Field(
        "",
        description="Whose lists of voices and models hold; follows from the host if empty,"
        " `compatible` holds none",
    )
    realtime_unsupported: Literal["error", "drop"] = Field(
        "error", description="What to do with a parameter that the dialect or the model lacks"
    )
    openai_api_key: SecretStr = Field(SecretStr(""), description="The key of OpenAI's API")
    openai_api_key_file: str = Field("", description=f"The file of OPENAI_API_KEY; {_ROTATED}")
    openai_base_url: str = Field(
        OPENAI_URL, description="OpenAI's API or a server compatible to it"
    )
    azure_openai_endpoint: str = Field("", description="https://NAME.openai.azure.com")
    azure_openai_api_key: SecretStr = Field(SecretStr(""), description="The resource's key")
    azure_openai_api_key_file: str = Field(
        "", description=f"The file of AZURE_OPENAI_API_KEY; {_ROTATED}"
    )
    azure_openai_auth: Literal["key", "entra"] = Field(
        "key",
        description="What proves who calls: the resource's key, or a token of Entra ID"
        " (realtime-agent[entra])",
    )
    azure_openai_deployment: str = Field("", description="The deployment of the speech model")
    openai_api_version: str = Field(
        "", description="Azure's api-version; named, it selects azure_preview"
    )

    realtime_fallback_model: str = Field(
        "", description="Another model, taken when the service is gone for good"
    )
    realtime_fallback_base_url: str = Field(
        "", description="Another server that speaks OpenAI's API, with REALTIME_FALLBACK_API_KEY"
    )
    realtime_fallback_api_key: SecretStr = Field(
        SecretStr(""), description="The key of the other server or resource"
    )
    realtime_fallback_api_key_file: str = Field(
        "", description=f"The file of REALTIME_FALLBACK_API_KEY; {_ROTATED}"
    )
    realtime_fallback_azure_endpoint: str = Field("", description="Another Azure resource")
    realtime_fallback_azure_deployment: str = Field("", description="Another deployment")
    realtime_fallback_azure_api_version: str = Field("", description="As OPENAI_API_VERSION")
    realtime_fallback_dialect: Literal[
        "", "openai_ga", "azure_ga", "azure_preview", "openai_beta"
    ] = Field("", description="As REALTIME_DIALECT; follows from the rest if empty")

    agent_persona: str = Field("default", description="The folder under prompts/")
    agent_welcome: str = Field(
        "Greet the caller in one short sentence and ask how you can help.",
        description="What the agent is to do first; empty to let the caller speak first",
    )
    agent_welcome_verbatim: bool = Field(
        False, description="Say AGENT_WELCOME as it stands, not in the model's own words"
    )
    agent_greeting_audio: str = Field(
        "",
        description="A stored greeting, made by `agent greeting`, that is spoken instead of"
        " AGENT_WELCOME while the model is still connecting",
    )
    agent_turn_taking: Literal["", "server_vad", "semantic_vad", "local", "push_to_talk"] = Field(
        "",
        description="Who hears that a turn has ended: the service (server_vad, semantic_vad), the"
        " worker (local), the caller's button (push_to_talk); as REALTIME_TURN_DETECTION_TYPE says"
        " if empty",
    )
    agent_turn_taking_preset: Literal["", "quiet", "office", "noisy", "phone"] = Field(
        "", description="Numbers for the caller's surroundings: docs/turn-taking.md"
    )
    agent_voice_from: Literal["model", "tts"] = Field(
        "model",
        description="Who speaks: the model, or a TTS that is given the model's text",
    )
    agent_tts: str = Field(
        "",
        description="The TTS: openai, azure, or MODULE:FUNCTION that makes one; with"
        " AGENT_VOICE_FROM=model it speaks what the model answers in text",
    )
    agent_tts_voice: str = Field("", description="The TTS's voice; its own default if empty")
    agent_tts_base_url: str = Field(
        "", description="Where the openai TTS is; OPENAI_BASE_URL if empty"
    )
    agent_on_invalid_override: Literal["fallback", "reject"] = Field(
        "fallback",
        description="What to do with a call whose metadata is wrong: answer it with the worker's"
        " own value, or refuse it",
    )
    agent_record_to_cloud: bool = Field(
        False,
        description="Upload the audio, transcripts, traces and logs of calls to LiveKit Cloud,"
        " where the project is there",
    )
    agent_http_host: str = Field(
        "0.0.0.0",  # noqa: S104 - a prober asks from outside the container
        description="Address of the health endpoint",
    )
    agent_http_port: int | None = Field(
        None, ge=0, le=65535, description="Port of the health endpoint: 8081, with `dev` a free one"
    )

    session: SessionParameters = SessionParameters()
    """The ``REALTIME_*`` parameters of the session, with their defaults."""

    @property
    def dialect(self) -> Dialect:
        if self.realtime_dialect:
            return DIALECTS[self.realtime_dialect]
        if not self.azure_openai_endpoint:
            return OPENAI_GA
        return AZURE_PREVIEW if self.openai_api_version else AZURE_GA

    @property
    def service(self) -> str:
        """``openai``, ``azure`` or ``compatible``."""
        if self.realtime_service:
            return self.realtime_service
        if self.dialect.azure:
            host = host_of(self.azure_openai_endpoint) or _AZURE_HOSTS[0]
            return "azure" if host.endswith(_AZURE_HOSTS) else "compatible"
        host = host_of(self.openai_base_url)
        own = host == _OPENAI_HOST or host.endswith(f".{_OPENAI_HOST}")
        return "openai" if own else "compatible"

    @property
    def context(self) -> Context:
        """What the rules depend on besides the dialect."""
        model = self.session[MODEL]
        return Context(
            model=model if isinstance(model, str) else "", closed=self.service != "compatible"
        )

    @property
    def endpoint(self) -> Endpoint:
        """Where calls go, with the key that belongs there."""
        if self.dialect.azure:
            return azure_endpoint(
                self.dialect,
                self.azure_openai_endpoint,
                self.azure_openai_deployment,
                self._azure_credential,
                self.openai_api_version or AZURE_PREVIEW_VERSION,
                self.context,
            )
        return openai_endpoint(
            self.dialect,
            self.openai_base_url,
            str(self.session[MODEL]),
            _key(self.openai_api_key, self.openai_api_key_file),
            self.context,
        )

    @property
    def _azure_credential(self) -> Credential:
        if self.azure_openai_auth == "entra":
            return EntraToken()
        return _key(self.azure_openai_api_key, self.azure_openai_api_key_file, azure=True)


def read_livekit_settings(
    environ: Mapping[str, str], directory: Path | None = None
) -> LiveKitSettings:
    """The LiveKit server alone, for a caller; ``SettingsError`` where a secret cannot be read."""
    problems: list[Problem] = []
    given = read_layers(environ, directory or Path.cwd(), problems)
    problems += read_secret_files(given)
    if problems:
        raise SettingsError(problems)
    return LiveKitSettings(**field_values(LiveKitSettings, given))


def _key(secret: SecretStr, file: str, *, azure: bool = False) -> ApiKey:
    return ApiKey(secret.get_secret_value(), azure, Path(file) if file else None)


def host_of(url: str) -> str:
    """The host that ``url`` names; empty where it names none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def field_values(kind: type[BaseSettings], given: Mapping[str, SourcedValue]) -> dict[str, Any]:
    """What is given for the fields of ``kind``, as pydantic takes it."""
    names = {name.upper(): name for name in kind.model_fields if name != "session"}
    return {field: given[name].text for name, field in names.items() if name in given}
