"""Everything that is wrong with the settings, at once, and nothing of it over a network.

The worker asks it as it starts, ``agent check`` whenever it is called.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.config.checks import (
    NO_TURN_END,
    access_problems,
    contradictions,
    has_no_turn_end,
    is_silent,
    missing_livekit_settings,
    missing_service_settings,
)
from agent.config.messages import parameter_problem, presentable_problem
from agent.config.reading import GivenValues, build_settings, read_given
from agent.config.settings import SECRETS, Settings
from agent.config.sources import problem
from agent.errors import LocalError, Problem, SettingsError
from agent.realtime.protocol.dialects import to_service
from agent.realtime.protocol.parameters import MODEL, deprecation_warnings, findings
from agent.realtime.protocol.rules.models import TRANSCRIPTION_MODELS
from agent.realtime.protocol.rules.session import FLAT_VOICES, GA_VOICES
from agent.redaction import bounded
from agent.voice.greeting import load_greeting

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
        session: dict[str, Any] = to_service(event, self.settings.service.dialect)["session"]
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
    given = read_given(environ, directory or Path.cwd(), set_values or {}, malformed)
    settings = build_settings(given)
    report = ConfigReport(settings, given.problems, given.warnings)
    _judge_session(report, given.parameter_sources())
    settings = report.settings
    report.problems += contradictions(settings.voice, settings.session)
    report.problems += _greeting_problems(settings, given)
    report.problems += access_problems(settings.service, given.values)
    report.missing += missing_service_settings(settings.service, is_fallback=False)
    if settings.fallback is not None:
        report.missing += missing_service_settings(settings.fallback, is_fallback=True)
    report.missing_livekit += missing_livekit_settings(settings.livekit)
    report.warnings += _notes(settings)
    return _without_secrets(report, given)


def _without_secrets(report: ConfigReport, given: GivenValues) -> ConfigReport:
    """``report`` as it may be shown: a key can be pasted into any setting."""
    secrets = frozenset(given.values[name].text for name in SECRETS if name in given.values)
    report.problems = [
        presentable_problem(each, secrets, MAX_MESSAGE_CHARACTERS) for each in report.problems
    ]
    report.warnings = [bounded(each, MAX_MESSAGE_CHARACTERS, secrets) for each in report.warnings]
    report.secrets = secrets
    return report


def _judge_session(report: ConfigReport, where: Mapping[str, str]) -> None:
    """What the service would answer the session's first update with."""
    service, session = report.settings.service, report.settings.session
    found = findings(session, service.dialect, service.context)
    if service.unsupported == "drop":
        for lacking in (each for each in found if each.lacking):
            assert lacking.parameter is not None
            name = lacking.parameter.name
            report.warnings.append(f"{name} is left out: {lacking.violation.message}")
            session = session.without(name)
        report.settings = report.settings.with_changes(session=session)
        found = findings(session, service.dialect, service.context)
    for finding in found:
        name = finding.parameter.name if finding.parameter else ""
        source = where.get(name, "default")
        report.problems.append(
            parameter_problem(finding, session[name], source, service.dialect, service.model)
        )
    if is_silent(report.settings.voice, session):
        message = "output_modalities ['text'] would be a silent call: nothing speaks the text."
        name = "REALTIME_OUTPUT_MODALITIES"
        source = where.get("output_modalities", "default")
        fix = "Leave it at audio, or set AGENT_VOICE_FROM=tts."
        report.problems.append(problem(name, source, message, fix))
    if has_no_turn_end(report.settings.voice, session):
        name = "REALTIME_TURN_DETECTION_TYPE"
        source = where.get("turn_detection.type", "default")
        fix = "Set AGENT_TURN_TAKING to local or push_to_talk, or remove the setting."
        report.problems.append(problem(name, source, NO_TURN_END, fix))


def _greeting_problems(settings: Settings, given: GivenValues) -> Iterator[Problem]:
    if settings.voice.greeting_audio:
        try:
            load_greeting(Path(settings.voice.greeting_audio))
        except LocalError as error:
            name = "AGENT_GREETING_AUDIO"
            yield problem(name, given.source(name), error.what, error.fix)


def _notes(settings: Settings) -> Iterator[str]:
    """What is allowed, and worth knowing."""
    service, session = settings.service, settings.session
    yield from deprecation_warnings(session)
    for name in sorted(set(session.values) - set(settings.fallback_session.values)):
        yield f"{name} is left out where the fallback is taken: it would be refused there."
    if service.dialect.azure and session[MODEL] is None:
        yield "REALTIME_MODEL does not say which model the deployment holds: nothing is gated."
    transcriber = session["transcription.model"]
    if transcriber is None:
        yield "No transcription model is set: there is no transcript of what callers say."
    elif service.kind == "openai" and transcriber not in TRANSCRIPTION_MODELS:
        known = ", ".join(TRANSCRIPTION_MODELS)
        yield f"The transcription model '{transcriber}' is not one of the known: {known}."
    voice = session["voice"]
    voices = FLAT_VOICES if service.dialect.flat else GA_VOICES
    if service.kind == "compatible" and isinstance(voice, str) and voice not in voices:
        yield f"The voice '{voice}' is none of the service's own: {', '.join(voices)}."
