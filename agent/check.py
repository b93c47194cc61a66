"""Everything that is wrong with the settings, at once, and nothing of it over a network.

The worker asks it as it starts, ``agent check`` whenever it is called.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from agent import fallback
from agent.environment import (
    ENV_FILES_SETTING,
    SECRETS,
    Given,
    layered,
    problem,
    read_secret_files,
    take_aliases,
    take_out_undecodable,
)
from agent.errors import LocalError, Problem, SettingsError
from agent.realtime.dialects import to_service
from agent.realtime.parameters import (
    BY_ENVIRONMENT_NAME,
    MODEL,
    Finding,
    changed,
    find,
    findings,
    warnings_of,
    with_defaults,
)
from agent.realtime.rules.models import TRANSCRIPTION_MODELS
from agent.realtime.rules.session import FLAT_VOICES, GA_VOICES
from agent.settings import Settings, field_values, host_of
from agent.voice import turn_taking
from agent.voice.greeting import load_greeting

_SET = "--set"
_CHANGE = "Change it, or remove it for the default."
_FALSE = {"0", "false", "no", "off"}


@dataclass(slots=True)
class Report:
    """The settings and what is to be said of them."""

    settings: Settings
    problems: list[Problem] = field(default_factory=list)
    """The worker does not start with one."""
    warnings: list[str] = field(default_factory=list)
    missing: list[Problem] = field(default_factory=list)
    """Credentials that a worker needs, and a check does not."""

    @property
    def session(self) -> dict[str, Any]:
        """The session as it would leave, in the dialect's spelling."""
        event = {"session": self.settings.session.as_session()}
        session: dict[str, Any] = to_service(event, self.settings.dialect)["session"]
        return session


def read_settings(environ: Mapping[str, str], directory: Path | None = None) -> Settings:
    """The worker's settings, or ``SettingsError`` with everything that is wrong with them."""
    report = check_settings(environ, directory)
    if problems := [*report.problems, *report.missing]:
        raise SettingsError(problems)
    return report.settings


def check_settings(
    environ: Mapping[str, str],
    directory: Path | None = None,
    *,
    set_values: Mapping[str, str] | None = None,
    malformed: Sequence[str] = (),
) -> Report:
    """The settings of ``environ`` and the files in ``directory``, with ``set_values`` above
    them: session parameters by name, or names of the environment. ``malformed`` is what was to
    be set and is no ``NAME=VALUE``."""
    given = layered(environ, directory or Path.cwd())
    problems = read_secret_files(given)
    chosen = environ.get(ENV_FILES_SETTING)
    if chosen and not ((directory or Path.cwd()) / chosen).is_file():
        message = f"Cannot read '{chosen}': there is no such file."
        problems.append(problem(ENV_FILES_SETTING, "environment", message, "Name one that is."))
    problems += [
        problem(text, _SET, f"'{text}' is no NAME=VALUE.", "Write --set temperature=0.8.")
        for text in malformed
    ]
    take_aliases(given)
    over: dict[str, Any] = {}
    for name, text in (set_values or {}).items():
        parameter = find(name)
        if parameter is not None:
            over[parameter.name] = parameter.parse(text)
        else:
            given[name.upper()] = Given(text, _SET)
    problems += take_out_undecodable(given, _known_names())
    problems += _unknown_names(given)
    fields = field_values(Settings, given)
    try:
        settings = Settings(**fields)
    except ValidationError as error:
        problems += _wrong_values(error, given)
        for detail in error.errors():  # what else is wrong is told without them
            fields.pop(str(detail["loc"][0]), None)
        settings = Settings(**fields)
    values = {
        parameter.name: parameter.parse(given[name].text)
        for name, parameter in reversed(BY_ENVIRONMENT_NAME.items())
        if name in given
    }
    values = {**_of_turn_taking(settings), **_of_voice(settings), **values}
    session = changed(with_defaults(values, settings.dialect), over, settings.dialect)
    report = Report(settings.model_copy(update={"session": session}), problems)
    report.warnings += _misspelt_names(given)
    _judge_session(report, sources(given, over))
    report.problems += contradictions(report.settings)
    report.problems += _greeting(report.settings, given)
    report.problems += [*_both_services(given), *_malformed_urls(given), *_disabled(given)]
    report.problems += _entra(report.settings, given)
    report.missing += _missing_credentials(report.settings)
    report.missing += fallback.problems(report.settings)
    report.warnings += _notes(report.settings)
    return report


def sources(given: Mapping[str, Given], over: Mapping[str, Any]) -> dict[str, str]:
    """Where each session parameter was set, by its name."""
    found = {
        parameter.name: given[name].source
        for name, parameter in reversed(BY_ENVIRONMENT_NAME.items())
        if name in given
    }
    return {**found, **dict.fromkeys(over, _SET)}


def as_problem(finding: Finding, source: str) -> Problem:
    """``finding`` as people and programs are told it."""
    parameter = finding.parameter
    if parameter is None:
        return Problem(finding.violation, "", source, _CHANGE)
    fix = parameter.setting.lacking if finding.lacking else _CHANGE
    return Problem(finding.violation, parameter.environment_name, source, fix)


def silent(settings: Settings) -> bool:
    """Whether nobody would hear anything: text only, and nothing that speaks it."""
    return settings.session["output_modalities"] == ["text"] and settings.agent_voice_from != "tts"


def _judge_session(report: Report, where: Mapping[str, str]) -> None:
    """What the service would answer the session's first update with."""
    settings = report.settings
    found = findings(settings.session, settings.dialect, settings.context)
    if settings.realtime_unsupported == "drop":
        for lacking in (each for each in found if each.lacking):
            assert lacking.parameter is not None
            name = lacking.parameter.name
            report.warnings.append(f"{name} is left out: {lacking.violation.message}")
            settings = settings.model_copy(update={"session": settings.session.without(name)})
        report.settings = settings
        found = findings(settings.session, settings.dialect, settings.context)
    for finding in found:
        name = finding.parameter.name if finding.parameter else ""
        report.problems.append(as_problem(finding, where.get(name, "default")))
    if silent(settings):
        message = "output_modalities ['text'] would be a silent call: nothing speaks the text."
        name = "REALTIME_OUTPUT_MODALITIES"
        source = where.get("output_modalities", "default")
        fix = "Leave it at audio, or set AGENT_VOICE_FROM=tts."
        report.problems.append(problem(name, source, message, fix))


def _of_turn_taking(settings: Settings) -> Mapping[str, Any]:
    """What the mode and its preset say of the session; other settings stand above them."""
    return turn_taking.parameters(settings.agent_turn_taking, settings.agent_turn_taking_preset)


def _of_voice(settings: Settings) -> Mapping[str, Any]:
    return {"output_modalities": ["text"]} if settings.agent_voice_from == "tts" else {}


def contradictions(settings: Settings) -> Iterator[Problem]:
    """Two settings of which only one can hold."""
    mode, kind = settings.agent_turn_taking, settings.session["turn_detection.type"]
    expected = None if mode in turn_taking.OURS else mode
    if mode and kind != expected:
        name = "AGENT_TURN_TAKING"
        message = f"{name} is {mode}, and the session's turn_detection.type is {kind or 'none'}."
        yield problem(name, "", message, "Set one of the two.")
    if settings.agent_voice_from == "tts" and settings.session["output_modalities"] != ["text"]:
        message = "AGENT_VOICE_FROM is tts, and the model is asked for audio."
        fix = "Remove REALTIME_OUTPUT_MODALITIES, or set AGENT_VOICE_FROM=model."
        yield problem("REALTIME_OUTPUT_MODALITIES", "", message, fix)


def _greeting(settings: Settings, where: Mapping[str, Given]) -> Iterator[Problem]:
    if settings.agent_greeting_audio:
        try:
            load_greeting(Path(settings.agent_greeting_audio))
        except LocalError as error:
            name = "AGENT_GREETING_AUDIO"
            yield problem(name, where[name].source, error.what, error.fix)


def _known_names() -> list[str]:
    fields = [name.upper() for name in Settings.model_fields if name != "session"]
    return [*fields, *BY_ENVIRONMENT_NAME]


def _unknown_names(given: Mapping[str, Given]) -> list[Problem]:
    known = _known_names()
    problems = []
    for name, value in given.items():
        ours = name.startswith("REALTIME_") or value.source == _SET
        if ours and name not in known:
            near = difflib.get_close_matches(name, known, 1)
            fix = f"Did you mean {near[0]}?" if near else "Remove it."
            problems.append(problem(name, value.source, f"Unknown setting: '{name}'.", fix))
    return problems


def _misspelt_names(given: Mapping[str, Given]) -> Iterator[str]:
    """``AGENT_*`` names that look like one of ours. Other software uses that prefix too."""
    known = [name.upper() for name in Settings.model_fields if name.startswith("agent_")]
    known.append(ENV_FILES_SETTING)
    for name, value in given.items():
        if name.startswith("AGENT_") and name not in known:
            near = difflib.get_close_matches(name, known, 1, cutoff=0.85)
            if near:
                yield f"{name} ({value.source}) is no setting: did you mean {near[0]}?"


def _wrong_values(error: ValidationError, given: Mapping[str, Given]) -> list[Problem]:
    problems = []
    for detail in error.errors():
        name = str(detail["loc"][0]).upper()
        value = given[name]
        shown = "(hidden)" if name in SECRETS else f"'{value.text}'"
        message = f"Invalid value for {name}: {detail['msg']}, but got {shown}."
        fix = f"{Settings.model_fields[name.lower()].description}."
        problems.append(problem(name, value.source, message, fix))
    return problems


def _missing_credentials(settings: Settings) -> list[Problem]:
    if settings.dialect.azure:
        needed: dict[str, Any] = {
            "AZURE_OPENAI_ENDPOINT": settings.azure_openai_endpoint,
            "AZURE_OPENAI_API_KEY": settings.azure_openai_api_key.get_secret_value()
            or settings.azure_openai_auth == "entra",
            "AZURE_OPENAI_DEPLOYMENT": settings.azure_openai_deployment,
        }
    else:
        needed = {"OPENAI_API_KEY": settings.openai_api_key.get_secret_value()}
    name = settings.dialect.name
    return [
        problem(setting, "", f"{setting} is not set; {name} needs it.", "Set it.")
        for setting, value in needed.items()
        if not value
    ]


def _entra(settings: Settings, where: Mapping[str, Given]) -> Iterator[Problem]:
    if settings.azure_openai_auth == "entra" and not _has_azure_identity():
        name = "AZURE_OPENAI_AUTH"
        message = f"{name} is entra, and azure-identity is not installed."
        yield problem(name, where[name].source, message, "Install realtime-agent[entra].")


def _has_azure_identity() -> bool:
    return bool(find_spec("azure") and find_spec("azure.identity"))


def _both_services(given: Mapping[str, Given]) -> Iterator[Problem]:
    both = {"OPENAI_API_KEY", "AZURE_OPENAI_ENDPOINT"} <= set(given)
    if both and "REALTIME_DIALECT" not in given:
        message = "OPENAI_API_KEY and AZURE_OPENAI_ENDPOINT are both set: which is it?"
        source = given["AZURE_OPENAI_ENDPOINT"].source
        fix = "Set REALTIME_DIALECT, or remove one of the two."
        yield problem("REALTIME_DIALECT", source, message, fix)


_URLS = (
    "OPENAI_BASE_URL",
    "AZURE_OPENAI_ENDPOINT",
    "LIVEKIT_URL",
    "REALTIME_FALLBACK_BASE_URL",
    "REALTIME_FALLBACK_AZURE_ENDPOINT",
)


def _malformed_urls(given: Mapping[str, Given]) -> list[Problem]:
    problems = []
    for setting in _URLS:
        url = given.get(setting, Given("http://host", "default"))
        scheme = url.text.partition("://")[0]
        if scheme not in {"http", "https", "ws", "wss"} or not host_of(url.text):
            message = f"Invalid value for {setting}: '{url.text}' is not a URL."
            like = "wss://HOST" if setting == "LIVEKIT_URL" else "https://HOST"
            problems.append(problem(setting, url.source, message, f"Write {like}."))
    return problems


def _disabled(given: Mapping[str, Given]) -> Iterator[Problem]:
    value = given.get("OPENAI_DISABLE")
    if value is not None and value.text.lower() not in _FALSE:
        message = "OPENAI_DISABLE is set, and there is no other engine to answer calls."
        yield problem("OPENAI_DISABLE", value.source, message, "Remove it.")


def _notes(settings: Settings) -> Iterator[str]:
    """What is allowed, and worth knowing."""
    yield from warnings_of(settings.session)
    for name in fallback.left_out(settings):
        yield f"{name} is left out where the fallback is taken: it would be refused there."
    if settings.dialect.azure and settings.session[MODEL] is None:
        yield "REALTIME_MODEL does not say which model the deployment holds: nothing is gated."
    transcriber = settings.session["transcription.model"]
    if transcriber is None:
        yield "No transcription model is set: there is no transcript of what callers say."
    elif settings.service == "openai" and transcriber not in TRANSCRIPTION_MODELS:
        known = ", ".join(TRANSCRIPTION_MODELS)
        yield f"The transcription model '{transcriber}' is not one of the known: {known}."
    voice = settings.session["voice"]
    voices = FLAT_VOICES if settings.dialect.flat else GA_VOICES
    if settings.service == "compatible" and isinstance(voice, str) and voice not in voices:
        yield f"The voice '{voice}' is none of the service's own: {', '.join(voices)}."
