"""Everything that is wrong with the settings, at once, and nothing of it over a network.

The worker asks it as it starts, ``agent check`` whenever it is called.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from agent.config import fallback
from agent.config.credential_checks import (
    access_problems,
    missing_livekit_settings,
    missing_service_settings,
)
from agent.config.required_files import file_problems
from agent.config.setting_names import ignored_spellings, known_names, misspelt_names, unknown_names
from agent.config.settings import Settings, field_values
from agent.config.sources import (
    ENV_FILES_SETTING,
    SECRETS,
    SET,
    SourcedValue,
    apply_aliases,
    problem,
    read_layers,
    read_secret_files,
    take_out_undecodable,
)
from agent.config.unreadable_values import explained
from agent.errors import Problem, SettingsError
from agent.masking import HIDDEN, mask, presentable, shorten
from agent.realtime.protocol.dialects import to_service
from agent.realtime.protocol.parameters import (
    BY_ENVIRONMENT_NAME,
    MODEL,
    Finding,
    deprecation_warnings,
    find_parameter,
    findings,
    with_changes,
    with_defaults,
)
from agent.realtime.protocol.rules.models import TRANSCRIPTION_MODELS
from agent.realtime.protocol.rules.session import FLAT_VOICES, GA_VOICES
from agent.voice import turn_detection

_CHANGE = "Change it, or remove it for the default."
MAX_MESSAGE_CHARACTERS = 1000


@dataclass(slots=True)
class ConfigReport:
    """The settings and what is to be said of them."""

    settings: Settings
    problems: list[Problem] = field(default_factory=list)
    """What is wrong, wherever the settings are used."""
    warnings: list[str] = field(default_factory=list)
    missing: list[Problem] = field(default_factory=list)
    """Credentials and addresses of the model's service that are not set."""
    missing_livekit: list[Problem] = field(default_factory=list)
    """The same of the LiveKit server, which only a worker needs."""
    secrets: frozenset[str] = frozenset()
    """The secrets that are set. None of them is in ``problems`` or ``warnings``."""

    @property
    def start_problems(self) -> list[Problem]:
        """All that a worker does not start with."""
        return [*self.problems, *self.missing, *self.missing_livekit]

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
) -> ConfigReport:
    """The settings of ``environ`` and the files in ``directory``, with ``set_values`` above
    them: session parameters by name, or names of the environment. ``malformed`` is what was to
    be set and is no ``NAME=VALUE``."""
    problems: list[Problem] = []
    given = read_layers(environ, directory or Path.cwd(), problems)
    problems += read_secret_files(given)
    chosen = environ.get(ENV_FILES_SETTING)
    if chosen and not ((directory or Path.cwd()) / chosen).is_file():
        message = f"Cannot read '{chosen}': there is no such file."
        problems.append(problem(ENV_FILES_SETTING, "environment", message, "Name one that is."))
    problems += [
        problem(text, SET, f"'{text}' is no NAME=VALUE.", "Write --set temperature=0.8.")
        for text in malformed
    ]
    ignored = apply_aliases(given)
    over = _take_set_values(set_values or {}, given, problems)
    # Keys are judged by what an HTTP header can carry.
    problems += take_out_undecodable(given, set(known_names()) - set(SECRETS))
    problems += unknown_names(given)
    settings = _plain_settings(given, problems)
    values = {
        parameter.name: parameter.parse(given[name].text)
        for name, parameter in reversed(BY_ENVIRONMENT_NAME.items())
        if name in given
    }
    values = {**_of_turn_taking(settings), **_of_voice(settings), **values}
    session = with_changes(with_defaults(values, settings.dialect), over, settings.dialect)
    report = ConfigReport(settings.model_copy(update={"session": session}), problems)
    report.warnings += [*ignored, *ignored_spellings(given), *misspelt_names(given)]
    _judge_session(report, sources(given, over))
    report.problems += contradictions(report.settings)
    report.problems += file_problems(report.settings, given)
    report.problems += access_problems(report.settings, given)
    report.missing += missing_service_settings(report.settings)
    report.missing += fallback.fallback_problems(report.settings)
    report.missing_livekit += missing_livekit_settings(report.settings)
    report.warnings += _notes(report.settings)
    return _without_secrets(report, given)


def _take_set_values(
    set_values: Mapping[str, str], given: dict[str, SourcedValue], problems: list[Problem]
) -> dict[str, Any]:
    """The session's parameters among ``set_values``; the others go into ``given``."""
    over: dict[str, Any] = {}
    said: dict[str, str] = {}
    for name, text in set_values.items():
        parameter = find_parameter(name)
        if parameter is None:
            given[name.upper()] = SourcedValue(text, SET)
            continue
        if said.setdefault(parameter.name, text) != text:
            message = f"{parameter.name} is set twice, to different values."
            problems.append(problem(parameter.environment_name, SET, message, "Set it once."))
        over[parameter.name] = parameter.parse(text)
    return over


def _plain_settings(given: Mapping[str, SourcedValue], problems: list[Problem]) -> Settings:
    """All but the session's parameters, without those whose value is wrong."""
    fields = field_values(Settings, given)
    try:
        return Settings(**fields)
    except ValidationError as error:
        problems += _wrong_values(error, given)
        for detail in error.errors():  # what else is wrong is told without them
            fields.pop(str(detail["loc"][0]), None)
        return Settings(**fields)


def _without_secrets(report: ConfigReport, given: Mapping[str, SourcedValue]) -> ConfigReport:
    """``report`` as it may be shown: a key can be pasted into any setting."""
    secrets = frozenset(given[name].text for name in SECRETS if name in given)
    report.problems = [
        presentable(each, secrets, MAX_MESSAGE_CHARACTERS) for each in report.problems
    ]
    report.warnings = [
        shorten(mask(each, secrets), MAX_MESSAGE_CHARACTERS) for each in report.warnings
    ]
    report.secrets = secrets
    return report


def sources(given: Mapping[str, SourcedValue], over: Mapping[str, Any]) -> dict[str, str]:
    """Where each session parameter was set, by its name."""
    found = {
        parameter.name: given[name].source
        for name, parameter in reversed(BY_ENVIRONMENT_NAME.items())
        if name in given
    }
    return {**found, **dict.fromkeys(over, SET)}


def as_problem(finding: Finding, source: str) -> Problem:
    """``finding`` as people and programs are told it."""
    parameter = finding.parameter
    if parameter is None:
        return Problem(finding.violation, "", source, _CHANGE)
    fix = parameter.setting.lacking if finding.lacking else _CHANGE
    return Problem(finding.violation, parameter.environment_name, source, fix)


def is_silent(settings: Settings) -> bool:
    """Whether nobody would hear anything: text only, and nothing that speaks it."""
    return settings.session["output_modalities"] == ["text"] and settings.agent_voice_from != "tts"


DEAF = "Without turn detection nobody notices that the caller has finished, and no answer follows."


def deaf(settings: Settings) -> bool:
    """Whether nobody would notice that the caller has finished speaking: such a call is greeted
    and never answered."""
    return not settings.agent_turn_taking and settings.session["turn_detection.type"] is None


def _judge_session(report: ConfigReport, where: Mapping[str, str]) -> None:
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
        finding = explained(finding, settings.session[name])
        report.problems.append(as_problem(finding, where.get(name, "default")))
    if is_silent(settings):
        message = "output_modalities ['text'] would be a silent call: nothing speaks the text."
        name = "REALTIME_OUTPUT_MODALITIES"
        source = where.get("output_modalities", "default")
        fix = "Leave it at audio, or set AGENT_VOICE_FROM=tts."
        report.problems.append(problem(name, source, message, fix))
    if deaf(settings):
        name = "REALTIME_TURN_DETECTION_TYPE"
        source = where.get("turn_detection.type", "default")
        fix = "Set AGENT_TURN_TAKING to local or push_to_talk, or remove the setting."
        report.problems.append(problem(name, source, DEAF, fix))


def _of_turn_taking(settings: Settings) -> Mapping[str, Any]:
    """What the mode and its preset say of the session; other settings stand above them."""
    return turn_detection.session_parameters(
        settings.agent_turn_taking, settings.agent_turn_taking_preset
    )


def _of_voice(settings: Settings) -> Mapping[str, Any]:
    return {"output_modalities": ["text"]} if settings.agent_voice_from == "tts" else {}


def contradictions(settings: Settings) -> Iterator[Problem]:
    """Two settings of which only one can hold."""
    mode, kind = settings.agent_turn_taking, settings.session["turn_detection.type"]
    expected = None if mode in turn_detection.WORKER_MODES else mode
    if mode and kind != expected:
        name = "AGENT_TURN_TAKING"
        message = f"{name} is {mode}, and the session's turn_detection.type is {kind or 'none'}."
        yield problem(name, "", message, "Set one of the two.")
    if settings.agent_voice_from == "tts" and settings.session["output_modalities"] != ["text"]:
        message = "AGENT_VOICE_FROM is tts, and the model is asked for audio."
        fix = "Remove REALTIME_OUTPUT_MODALITIES, or set AGENT_VOICE_FROM=model."
        yield problem("REALTIME_OUTPUT_MODALITIES", "", message, fix)

    if kind is not None and settings.session["turn_detection.create_response"] is False:
        name = "REALTIME_TURN_DETECTION_CREATE_RESPONSE"
        message = f"{name} is false: the service detects turns, and nobody answers them."
        fix = "Remove it, or set AGENT_TURN_TAKING to local or push_to_talk."
        yield problem(name, "", message, fix)


def _wrong_values(error: ValidationError, given: Mapping[str, SourcedValue]) -> list[Problem]:
    problems = []
    for detail in error.errors():
        name = str(detail["loc"][0]).upper()
        value = given[name]
        shown = HIDDEN if name in SECRETS else f"'{value.text}'"
        message = f"Invalid value for {name}: {detail['msg']}, but got {shown}."
        fix = f"{Settings.model_fields[name.lower()].description}."
        problems.append(problem(name, value.source, message, fix))
    return problems


def _notes(settings: Settings) -> Iterator[str]:
    """What is allowed, and worth knowing."""
    yield from deprecation_warnings(settings.session)
    for name in fallback.unsupported_parameters(settings):
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
