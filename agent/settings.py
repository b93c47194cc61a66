"""Settings: read once from the environment and ``.env`` files, checked before anything starts.

Nothing else in the project reads the environment. A later layer wins: a default, ``.env``,
``.env.local``, the environment. Every secret can also be given as ``NAME_FILE``, the path of a
file that holds it.
"""

from __future__ import annotations

import difflib
import multiprocessing
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from agent.errors import Problem, SettingsError, Violation
from agent.realtime.dialects import (
    AZURE_PREVIEW,
    DIALECTS,
    OPENAI_GA,
    Dialect,
    flat_path,
    to_service,
)
from agent.realtime.endpoint import (
    AZURE_PREVIEW_VERSION,
    OPENAI_URL,
    Endpoint,
    azure_endpoint,
    openai_endpoint,
)
from agent.realtime.guard import check
from agent.realtime.parameters import BY_SETTING, PARAMETERS, SessionParameters, with_defaults

ENV_FILES = (".env", ".env.local")
ENV_FILES_SETTING = "AGENT_ENV_FILE"
"""Names one file to read instead of ``ENV_FILES``; empty for none."""

SECRETS = ("LIVEKIT_API_SECRET", "OPENAI_API_KEY", "AZURE_OPENAI_API_KEY")


class LiveKitSettings(BaseSettings):
    """The LiveKit server. Fields are the environment's names in small letters."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    livekit_url: str = Field("", description="The LiveKit server, such as wss://NAME.livekit.cloud")
    livekit_api_key: str = Field("", description="The server's API key")
    livekit_api_secret: SecretStr = Field(SecretStr(""), description="The server's API secret")
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
        """Only what is passed in: ``read_settings`` layers the sources and remembers them."""
        return (init_settings,)


class Settings(LiveKitSettings):
    """The worker's settings: the LiveKit server's, the service's, the session's, its own."""

    realtime_dialect: Literal["", "openai_ga", "azure_preview"] = Field(
        "", description="The spelling that the service speaks; follows from the rest if empty"
    )
    openai_api_key: SecretStr = Field(SecretStr(""), description="The key of OpenAI's API")
    openai_base_url: str = Field(
        OPENAI_URL, description="OpenAI's API or a server compatible to it"
    )
    azure_openai_endpoint: str = Field("", description="https://NAME.openai.azure.com")
    azure_openai_api_key: SecretStr = Field(SecretStr(""), description="The resource's key")
    azure_openai_deployment: str = Field("", description="The deployment of the speech model")
    openai_api_version: str = Field(
        "", description="Azure's api-version; named, it selects azure_preview"
    )

    realtime_instructions: str = Field(
        "", description="What the model is told to be, instead of the persona's instructions"
    )
    agent_persona: str = Field("default", description="The folder under prompts/")
    agent_welcome: str = Field(
        "Greet the caller in one short sentence and ask how you can help.",
        description="What the agent is to do first; empty to let the caller speak first",
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
        azure = self.azure_openai_endpoint and self.openai_api_version
        return AZURE_PREVIEW if azure else OPENAI_GA

    @property
    def endpoint(self) -> Endpoint:
        """Where calls go, with the key that belongs there."""
        if self.dialect.azure:
            return azure_endpoint(
                self.dialect,
                self.azure_openai_endpoint,
                self.azure_openai_deployment,
                self.azure_openai_api_key.get_secret_value(),
                self.openai_api_version or AZURE_PREVIEW_VERSION,
            )
        return openai_endpoint(
            self.dialect,
            self.openai_base_url,
            str(self.session["model"]),
            self.openai_api_key.get_secret_value(),
        )


@dataclass(frozen=True, slots=True)
class Given:
    """A value and where it was set."""

    text: str
    source: str


def layered(environ: Mapping[str, str], directory: Path) -> dict[str, Given]:
    """All names that the environment and the ``.env`` files in ``directory`` set.

    A job process gets its worker's environment, so that an edited file cannot change the
    settings between two calls; it reads no files.
    """
    chosen = environ.get(ENV_FILES_SETTING)
    files = ENV_FILES if chosen is None else (chosen,) if chosen else ()
    if multiprocessing.parent_process() is not None:
        files = ()
    given: dict[str, Given] = {}
    for file in files:
        values = dotenv_values(directory / file, encoding="utf-8")
        given.update({name: Given(text, file) for name, text in values.items() if text is not None})
    given.update({name: Given(text, "environment") for name, text in environ.items()})
    return {name: value for name, value in given.items() if value.text != ""}


def read_livekit_settings(
    environ: Mapping[str, str], directory: Path | None = None
) -> LiveKitSettings:
    """The LiveKit server alone, for a caller; ``SettingsError`` where a secret cannot be read."""
    given = layered(environ, directory or Path.cwd())
    problems: list[Problem] = []
    _read_secret_files(given, problems)
    if problems:
        raise SettingsError(problems)
    return LiveKitSettings(**_values(LiveKitSettings, given))


def read_settings(environ: Mapping[str, str], directory: Path | None = None) -> Settings:
    """The settings, or ``SettingsError`` with everything that is wrong with them."""
    given = layered(environ, directory or Path.cwd())
    problems: list[Problem] = []
    _read_secret_files(given, problems)
    if "AZURE_OPENAI_API_VERSION" in given:
        given.setdefault("OPENAI_API_VERSION", given["AZURE_OPENAI_API_VERSION"])
    problems += _unknown_names(given)

    parameters = {
        parameter.name: parameter.parse(given[parameter.setting].text)
        for parameter in PARAMETERS
        if parameter.setting in given
    }
    try:
        settings = Settings(**_values(Settings, given))
    except ValidationError as error:
        raise SettingsError([*problems, *_wrong_values(error, given)]) from None
    session = with_defaults(parameters, settings.dialect)
    settings = settings.model_copy(update={"session": session})
    problems += _malformed_urls(given)
    problems += [*_missing_credentials(settings), *_broken_rules(settings, given)]
    if problems:
        raise SettingsError(problems)
    return settings


def _values(kind: type[BaseSettings], given: Mapping[str, Given]) -> dict[str, Any]:
    names = {name.upper(): name for name in kind.model_fields}
    return {field: given[name].text for name, field in names.items() if name in given}


def without_accounts(environ: Mapping[str, str]) -> dict[str, str]:
    """``environ`` without keys, addresses and proxies, and without what ``.env`` files say: for
    a worker that is to talk to this machine only."""
    foreign = ("LIVEKIT_", "OPENAI_", "AZURE_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    kept = {name: text for name, text in environ.items() if not name.upper().startswith(foreign)}
    return {**kept, ENV_FILES_SETTING: ""}


def prepare_for_libraries(environ: MutableMapping[str, str], settings: LiveKitSettings) -> None:
    """Make ``environ`` what upstream's libraries should find in it, in the worker and in the job
    processes that inherit it."""
    # Seen by the plugin, it turns a plain OpenAI model into an Azure one (1.8.9, defect D12).
    if version := environ.pop("OPENAI_API_VERSION", ""):
        environ.setdefault("AZURE_OPENAI_API_VERSION", version)
    # 245 MB of end-of-turn weights that a Realtime model has no use for (1.8.9, defect D23).
    environ.setdefault("LIVEKIT_AGENTS_PRELOAD_LOCAL_INFERENCE", "0")
    # What upstream sets itself, but only after the forkserver has been started.
    for name in LiveKitSettings.model_fields:
        value = getattr(settings, name)
        if value and name != "livekit_agent_name":
            text = value.get_secret_value() if isinstance(value, SecretStr) else value
            environ[name.upper()] = text


def _read_secret_files(given: dict[str, Given], problems: list[Problem]) -> None:
    for name in SECRETS:
        file = given.get(f"{name}_FILE")
        if file is None or name in given:
            continue
        try:
            given[name] = Given(Path(file.text).read_text(encoding="utf-8").strip(), file.source)
        except OSError as error:
            message = f"Cannot read '{file.text}': {error.strerror}."
            problems.append(_problem(f"{name}_FILE", file.source, message, "Give a readable file."))


def _unknown_names(given: Mapping[str, Given]) -> list[Problem]:
    known = [name.upper() for name in Settings.model_fields if name.startswith("realtime_")]
    known += BY_SETTING
    problems = []
    for name, value in given.items():
        if name.startswith("REALTIME_") and name not in known:
            near = difflib.get_close_matches(name, known, 1)
            fix = f"Did you mean {near[0]}?" if near else "Remove it."
            problems.append(_problem(name, value.source, f"Unknown setting: '{name}'.", fix))
    return problems


def _wrong_values(error: ValidationError, given: Mapping[str, Given]) -> list[Problem]:
    problems = []
    for detail in error.errors():
        name = str(detail["loc"][0]).upper()
        value = given[name]
        shown = "(hidden)" if name in SECRETS else f"'{value.text}'"
        message = f"Invalid value for {name}: {detail['msg']}, but got {shown}."
        fix = f"{Settings.model_fields[name.lower()].description}."
        problems.append(_problem(name, value.source, message, fix))
    return problems


def _missing_credentials(settings: Settings) -> list[Problem]:
    if settings.dialect.azure:
        needed: dict[str, Any] = {
            "AZURE_OPENAI_ENDPOINT": settings.azure_openai_endpoint,
            "AZURE_OPENAI_API_KEY": settings.azure_openai_api_key.get_secret_value(),
            "AZURE_OPENAI_DEPLOYMENT": settings.azure_openai_deployment,
        }
    else:
        needed = {"OPENAI_API_KEY": settings.openai_api_key.get_secret_value()}
    name = settings.dialect.name
    return [
        _problem(setting, "", f"{setting} is not set; {name} needs it.", "Set it.")
        for setting, value in needed.items()
        if not value
    ]


def _malformed_urls(given: Mapping[str, Given]) -> list[Problem]:
    problems = []
    for setting in ("OPENAI_BASE_URL", "AZURE_OPENAI_ENDPOINT", "LIVEKIT_URL"):
        url = given.get(setting, Given("http://", "default"))
        if urlsplit(url.text).scheme not in {"http", "https", "ws", "wss"}:
            message = f"Invalid value for {setting}: '{url.text}' is not a URL."
            scheme = "wss" if setting == "LIVEKIT_URL" else "https"
            problems.append(_problem(setting, url.source, message, f"Begin it with {scheme}://."))
    return problems


def _broken_rules(settings: Settings, given: Mapping[str, Given]) -> list[Problem]:
    """What the service would answer the session's first update with."""
    dialect = settings.dialect
    event = {"type": "session.update", "session": settings.session.as_session()}
    problems = []
    for violation in check(to_service(event, dialect), dialect):
        for parameter in PARAMETERS:
            path = flat_path(parameter.path) if dialect.flat else parameter.path
            if violation.param == f"session.{path}":
                source = given.get(parameter.setting, Given("", "default")).source
                unknown = violation.code == "unknown_parameter"
                fix = parameter.lacking if unknown else "Change it, or remove it for the default."
                problems.append(Problem(violation, parameter.setting, source, fix))
    return problems


def _problem(setting: str, source: str, message: str, fix: str) -> Problem:
    return Problem(Violation("invalid_setting", None, message), setting, source, fix)
