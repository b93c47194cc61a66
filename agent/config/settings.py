"""Settings: read once from the environment and ``.env`` files, checked before anything starts.

Nothing else in the project reads the environment. A later layer wins: a default, ``.env``,
``.env.local``, the environment, ``--set``. Every secret can also be given as ``NAME_FILE``, the
path of a file that holds it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr

from agent.config.environment import (
    DeclaredName,
    EnvironmentName,
    SettingsGroup,
    declared_names,
    read_group,
)
from agent.config.fallback import fallback_session
from agent.config.service import ServiceSettings
from agent.config.sources import read_layers, read_secret_files
from agent.errors import Problem, SettingsError
from agent.realtime.connection.endpoint import OPENAI_URL
from agent.realtime.connection.service_target import ServiceTarget
from agent.realtime.protocol.parameters import PARAMETERS, SessionParameters
from agent.voice.speech_options import SpeechOptions


class LiveKitSettings(SettingsGroup):
    """The LiveKit server, and the name under which it dispatches calls to the worker."""

    url: Annotated[
        str,
        EnvironmentName(
            "LIVEKIT_URL", "The LiveKit server, such as wss://NAME.livekit.cloud", is_url=True
        ),
    ] = ""
    api_key: Annotated[str, EnvironmentName("LIVEKIT_API_KEY", "The server's API key")] = ""
    api_secret: Annotated[
        SecretStr, EnvironmentName("LIVEKIT_API_SECRET", "The server's API secret")
    ] = SecretStr("")
    api_secret_file: Annotated[
        str,
        EnvironmentName(
            "LIVEKIT_API_SECRET_FILE",
            "The file of LIVEKIT_API_SECRET; what it holds is not put into the environment"
            " of the job processes",
        ),
    ] = ""
    agent_name: Annotated[
        str,
        EnvironmentName(
            "LIVEKIT_AGENT_NAME", "The name that dispatches ask for; calls come to no other"
        ),
    ] = "realtime-agent"

    def for_libraries(self) -> dict[str, str]:
        """The server's address and key under the names that LiveKit's own code reads, but for a
        secret that was given as a file: that is to stay out of the environment."""
        names = {"LIVEKIT_URL": self.url, "LIVEKIT_API_KEY": self.api_key}
        if not self.api_secret_file:
            names["LIVEKIT_API_SECRET"] = self.api_secret.get_secret_value()
        return names


class VoiceSettings(SettingsGroup):
    """What the caller hears first and in whose voice, and who detects the end of a turn."""

    welcome: Annotated[
        str,
        EnvironmentName(
            "AGENT_WELCOME",
            "What the agent is to do first; empty to let the caller speak first",
            alias="OPENAI_WELCOME_MSG",
            keeps_empty=True,
        ),
    ] = "Greet the caller in one short sentence and ask how you can help."
    welcome_verbatim: Annotated[
        bool,
        EnvironmentName(
            "AGENT_WELCOME_VERBATIM",
            "Say AGENT_WELCOME as it stands, not in the model's own words",
        ),
    ] = False
    greeting_audio: Annotated[
        str,
        EnvironmentName(
            "AGENT_GREETING_AUDIO",
            "A stored greeting, made by `agent greeting`, that is spoken instead of"
            " AGENT_WELCOME while the model is still connecting",
        ),
    ] = ""
    turn_taking: Annotated[
        Literal["", "server_vad", "semantic_vad", "local", "push_to_talk"],
        EnvironmentName(
            "AGENT_TURN_TAKING",
            "What detects that a turn has ended: the service (server_vad, semantic_vad), the"
            " worker (local), the caller's button (push_to_talk); as REALTIME_TURN_DETECTION_TYPE"
            " says if empty",
        ),
    ] = ""
    turn_taking_preset: Annotated[
        Literal["", "quiet", "office", "noisy", "phone"],
        EnvironmentName(
            "AGENT_TURN_TAKING_PRESET",
            "Numbers for the caller's surroundings: docs/turn-taking.md",
        ),
    ] = ""
    speaker: Annotated[
        Literal["model", "tts"],
        EnvironmentName(
            "AGENT_VOICE_FROM", "Who speaks: the model, or a TTS that is given the model's text"
        ),
    ] = "model"
    tts: Annotated[
        str,
        EnvironmentName(
            "AGENT_TTS",
            "The TTS: openai, azure, or MODULE:FUNCTION that makes one; with"
            " AGENT_VOICE_FROM=model it speaks what the model answers in text",
        ),
    ] = ""
    tts_voice: Annotated[
        str, EnvironmentName("AGENT_TTS_VOICE", "The TTS's voice; its own default if empty")
    ] = ""
    tts_base_url: Annotated[
        str,
        EnvironmentName(
            "AGENT_TTS_BASE_URL",
            "Where the openai TTS is; OPENAI_BASE_URL if empty",
            default="",
            is_url=True,
        ),
        EnvironmentName("OPENAI_BASE_URL"),
    ] = OPENAI_URL
    tts_api_key: Annotated[SecretStr, EnvironmentName("OPENAI_API_KEY")] = SecretStr("")

    def speech_options(self) -> SpeechOptions | None:
        """The TTS to create; ``None`` if the model speaks and no TTS is named."""
        if self.speaker != "tts" and not self.tts:
            return None
        return SpeechOptions(
            self.tts, self.tts_voice, self.tts_base_url, self.tts_api_key.get_secret_value()
        )


class WorkerSettings(SettingsGroup):
    """The worker itself, and how it treats its calls."""

    persona: Annotated[str, EnvironmentName("AGENT_PERSONA", "The folder under prompts/")] = (
        "default"
    )
    instructions: str = Field("", repr=False)
    """The text of ``persona``'s instructions as the worker read it, so that an edit of the file
    reaches no running worker's calls. Empty if ``session['instructions']`` is set."""
    on_invalid_override: Annotated[
        Literal["fallback", "reject"],
        EnvironmentName(
            "AGENT_ON_INVALID_OVERRIDE",
            "What to do with a call whose metadata is wrong: answer it with the worker's own"
            " value, or refuse it",
        ),
    ] = "fallback"
    record_to_cloud: Annotated[
        bool,
        EnvironmentName(
            "AGENT_RECORD_TO_CLOUD",
            "Upload the audio, transcripts, traces and logs of calls to LiveKit Cloud, where the"
            " project is there",
        ),
    ] = False
    http_host: Annotated[
        str, EnvironmentName("AGENT_HTTP_HOST", "Address of the health endpoint")
    ] = "0.0.0.0"  # noqa: S104 - a prober asks from outside the container
    http_port: Annotated[
        int | None,
        Field(ge=0, le=65535),
        EnvironmentName(
            "AGENT_HTTP_PORT", "Port of the health endpoint: 8081, with `dev` a free one"
        ),
    ] = None


class Settings(SettingsGroup):
    """All that the worker is set to, in groups."""

    livekit: LiveKitSettings = LiveKitSettings()
    service: ServiceSettings = ServiceSettings()
    fallback: ServiceSettings | None = None
    """Taken for the rest of a call when ``service`` is gone for good."""
    session: SessionParameters = SessionParameters()
    """The ``REALTIME_*`` parameters of the session, with their defaults."""
    voice: VoiceSettings = VoiceSettings()
    worker: WorkerSettings = WorkerSettings()

    @property
    def instructions(self) -> str:
        """The instructions of the agent: the session's own, or the persona's."""
        return self.session["instructions"] or self.worker.instructions

    @property
    def fallback_session(self) -> SessionParameters:
        """The session as the fallback takes it; ``session`` if there is no fallback."""
        if self.fallback is None:
            return self.session
        return fallback_session(self.service, self.session, self.fallback)

    def service_targets(self) -> tuple[ServiceTarget, ...]:
        """The services of a call, in the order in which it uses them: each when the one before is
        gone for good."""
        primary = self.service.service_target(self.session)
        if self.fallback is None:
            return (primary,)
        return primary, self.fallback.service_target(self.fallback_session)


SECTIONS: Mapping[str, tuple[DeclaredName, ...]] = {
    "LiveKit": tuple(declared_names(LiveKitSettings)),
    "Which service": tuple(declared_names(ServiceSettings)),
    "The worker and its calls": (
        *declared_names(VoiceSettings),
        *declared_names(WorkerSettings),
    ),
}
"""The environment names of all settings but the session's parameters, by what they are about."""

_DECLARED = tuple(each for section in SECTIONS.values() for each in section)


def _names(declared: Iterable[DeclaredName]) -> tuple[str, ...]:
    """The names of ``declared``, then those of the same fields of the fallback."""
    declared = tuple(declared)
    fallback = [each.declaration.fallback for each in declared if each.declaration.fallback]
    return tuple(dict.fromkeys([*(each.name for each in declared), *fallback]))


NAMES = _names(_DECLARED)
"""Every environment name of a setting, REALTIME_MODEL alone of the session's parameters."""
SERVICE_NAMES = _names(SECTIONS["Which service"])
SECRETS = _names(each for each in _DECLARED if each.is_secret)
"""Names that can also be given as ``NAME_FILE``."""
URLS = _names(each for each in _DECLARED if each.declaration.is_url)
KEPT_EMPTY = _names(each for each in _DECLARED if each.declaration.keeps_empty)
ALIASES = {
    **{
        parameter.setting.alias: parameter.environment_name
        for parameter in PARAMETERS
        if parameter.setting.alias
    },
    **{each.declaration.alias: each.name for each in _DECLARED if each.declaration.alias},
}
"""Names that other software has for the same thing, the OpenSIPS AI voice connector first of
all, with the canonical name of each."""


def read_livekit_settings(
    environ: Mapping[str, str], directory: Path | None = None
) -> LiveKitSettings:
    """The LiveKit server alone, for a caller. Raises ``SettingsError`` if a file that sets it
    cannot be read."""
    problems: list[Problem] = []
    given = read_layers(environ, directory or Path.cwd(), problems)
    problems += read_secret_files(given, SECRETS)
    settings = read_group(LiveKitSettings, given, problems)
    if problems:
        raise SettingsError(problems)
    return settings
