"""Read the settings: from the environment, ``.env`` files and ``--set`` to validated groups."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.config.environment import read_group
from agent.config.fallback import read_fallback
from agent.config.instructions import load_instructions
from agent.config.service import read_service, service_dialect
from agent.config.settings import (
    ALIASES,
    KEPT_EMPTY,
    NAMES,
    SECRETS,
    SERVICE_NAMES,
    LiveKitSettings,
    Settings,
    VoiceSettings,
    WorkerSettings,
)
from agent.config.sources import (
    ENV_FILES_SETTING,
    SET,
    SourcedValue,
    apply_aliases,
    ignored_name,
    problem,
    read_layers,
    read_secret_files,
    take_out_undecodable,
)
from agent.errors import LocalError, Problem
from agent.realtime.protocol.dialects import Dialect
from agent.realtime.protocol.parameters import (
    BY_ENVIRONMENT_NAME,
    BY_NAME,
    MODEL,
    SessionParameters,
    find_parameter,
    with_changes,
    with_defaults,
)
from agent.voice import turn_detection

KNOWN = tuple(dict.fromkeys([*NAMES, *BY_ENVIRONMENT_NAME]))
"""The environment names of all settings, the flat spellings among them."""


@dataclass(slots=True)
class GivenValues:
    """What is set, by its name in the environment, and what is wrong with how it is set."""

    values: dict[str, SourcedValue]
    session_overrides: dict[str, Any] = field(default_factory=dict)
    """Session parameters of ``--set`` by name, above all others."""
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def source(self, name: str) -> str:
        """Where the environment name ``name`` was set; ``default`` if nowhere."""
        return self.values[name].source if name in self.values else "default"

    def parameter_sources(self) -> dict[str, str]:
        """Where each session parameter was set, by its name."""
        found = {
            parameter.name: self.values[name].source
            for name, parameter in reversed(BY_ENVIRONMENT_NAME.items())
            if name in self.values
        }
        return {**found, **dict.fromkeys(self.session_overrides, SET)}


def read_given(
    environ: Mapping[str, str],
    directory: Path,
    set_values: Mapping[str, str],
    malformed: Sequence[str],
) -> GivenValues:
    """Every name that is set, with aliases and secret files resolved."""
    problems: list[Problem] = []
    values = read_layers(environ, directory, problems, kept_empty=KEPT_EMPTY)
    problems += read_secret_files(values, SECRETS)
    chosen = environ.get(ENV_FILES_SETTING)
    if chosen and not (directory / chosen).is_file():
        message = f"Cannot read '{chosen}': there is no such file."
        problems.append(problem(ENV_FILES_SETTING, "environment", message, "Name one that is."))
    problems += [
        problem(text, SET, f"'{text}' is no NAME=VALUE.", "Write --set temperature=0.8.")
        for text in malformed
    ]
    warnings = apply_aliases(values, ALIASES)
    given = GivenValues(values, problems=problems, warnings=warnings)
    _take_set_values(set_values, given)
    # Keys are judged by what an HTTP header can carry.
    problems += take_out_undecodable(values, set(KNOWN) - set(SECRETS))
    problems += _unknown_names(values)
    warnings += [*_ignored_spellings(values), *_misspelt_names(values)]
    return given


def build_settings(given: GivenValues) -> Settings:
    """The settings that ``given`` describes. Adds a problem to it for each value that no field
    takes, and leaves that field as if it were not set; the session is not judged."""
    values, problems = given.values, given.problems
    livekit = read_group(LiveKitSettings, values, problems)
    voice = read_group(VoiceSettings, values, problems)
    worker = read_group(WorkerSettings, values, problems)
    session = _session(given, voice, service_dialect(values))
    of_service = _with_model(values, session)
    settings = Settings(
        livekit=livekit,
        service=read_service(of_service, problems),
        fallback=read_fallback(of_service, problems),
        session=session,
        voice=voice,
        worker=worker,
    )
    try:
        instructions = load_instructions(worker.persona)
    except LocalError as error:
        if not session["instructions"]:
            name = "AGENT_PERSONA"
            problems.append(problem(name, given.source(name), error.what, error.fix))
        return settings
    return settings.with_changes(worker=worker.with_changes(instructions=instructions))


def _take_set_values(set_values: Mapping[str, str], given: GivenValues) -> None:
    """The session's parameters among ``set_values`` override; the others are values."""
    texts: dict[str, str] = {}
    for name, text in set_values.items():
        parameter = find_parameter(name)
        if parameter is not None:
            if texts.setdefault(parameter.name, text) != text:
                message = f"{parameter.name} is set twice, to different values."
                given.problems.append(
                    problem(parameter.environment_name, SET, message, "Set it once.")
                )
            given.session_overrides[parameter.name] = parameter.parse(text)
        elif not text and name.upper() in SERVICE_NAMES:
            given.values.pop(name.upper(), None)  # empty is as if it were not set
        else:
            given.values[name.upper()] = SourcedValue(text, SET)


def _session(given: GivenValues, voice: VoiceSettings, dialect: Dialect) -> SessionParameters:
    """The session's parameters over what the voice's settings imply, over the defaults."""
    implied = dict(turn_detection.session_parameters(voice.turn_taking, voice.turn_taking_preset))
    if voice.speaker == "tts":
        implied["output_modalities"] = ["text"]
    values = {
        parameter.name: parameter.parse(given.values[name].text)
        for name, parameter in reversed(BY_ENVIRONMENT_NAME.items())
        if name in given.values
    }
    session = with_defaults({**implied, **values}, dialect)
    return with_changes(session, given.session_overrides, dialect)


def _with_model(
    values: Mapping[str, SourcedValue], session: SessionParameters
) -> dict[str, SourcedValue]:
    """``values`` with the model that the session has, be it the default or of ``--set``."""
    name = BY_NAME[MODEL].environment_name
    others = {key: value for key, value in values.items() if key != name}
    model = session[MODEL]
    return {**others, name: SourcedValue(model, "default")} if isinstance(model, str) else others


def _unknown_names(given: Mapping[str, SourcedValue]) -> list[Problem]:
    """``REALTIME_*`` names and names of ``--set`` that name no setting."""
    problems = []
    for name, value in given.items():
        ours = name.startswith("REALTIME_") or value.source == SET
        if ours and name not in KNOWN:
            near = difflib.get_close_matches(name, KNOWN, 1)
            fix = f"Did you mean {near[0]}?" if near else "Remove it."
            problems.append(problem(name, value.source, f"Unknown setting: '{name}'.", fix))
    return problems


def _ignored_spellings(given: Mapping[str, SourcedValue]) -> Iterator[str]:
    """Flat spellings beside a canonical name that says something else."""
    for name, parameter in BY_ENVIRONMENT_NAME.items():
        other = parameter.environment_name
        if name != other and {name, other} <= set(given) and given[name].text != given[other].text:
            yield ignored_name(name, given[name].source, other, given[other].source)


def _misspelt_names(given: Mapping[str, SourcedValue]) -> Iterator[str]:
    """``AGENT_*`` names that look like one of ours. Other software uses that prefix too."""
    known = [name for name in NAMES if name.startswith("AGENT_")]
    known.append(ENV_FILES_SETTING)
    for name, value in given.items():
        if name.startswith("AGENT_") and name not in known:
            near = difflib.get_close_matches(name, known, 1, cutoff=0.85)
            if near:
                yield f"{name} ({value.source}) is no setting: did you mean {near[0]}?"
