"""What one call wants otherwise: the JSON object in its job's metadata. Pure.

It comes with the dispatch, with a token's room configuration or with a SIP dispatch rule, so from
people and programs that are not the worker's operator. It can set what is listed here, and
neither credentials nor where calls go.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from agent.config.checks import NO_TURN_END, contradictions, has_no_turn_end, is_silent
from agent.config.messages import parameter_problem, presentable_problem
from agent.config.settings import Settings
from agent.config.sources import problem
from agent.errors import Problem
from agent.realtime.protocol.event_json import is_unicode
from agent.realtime.protocol.parameter_text import finite
from agent.realtime.protocol.parameters import (
    BY_NAME,
    PARAMETERS,
    Finding,
    SessionParameters,
    find_parameter,
    findings,
    with_changes,
)
from agent.realtime.protocol.rules.messages import (
    LONE_SURROGATE,
    kind_of,
    plain,
    unknown,
    unsupported,
    wrong_type,
)
from agent.voice.turn_detection import MODES, PRESETS, session_parameters

MAX_METADATA_CHARACTERS = 64_000
"""LiveKit's own bound is 64 KiB; what is longer is not even read."""

MAX_MESSAGE_CHARACTERS = 300
"""Of one problem, so that twenty of them stay within LiveKit's 64 KiB for an attribute."""
MAX_LOGGED = 10

SOURCE = "job metadata"
FALLBACK = "The worker's own value is used."
NO_OBJECT = 'Pass a JSON object such as {"session": {"voice": "marin"}}. ' + FALLBACK
"""What to do about metadata of which nothing can be used."""

_SWITCH_OFF = "turn_detection.type"
_GROUPS = ("turn_detection", "transcription", "noise_reduction")
OVERRIDABLE = frozenset(
    parameter.name
    for parameter in PARAMETERS
    if parameter.group
    in {
        *_GROUPS,
        "instructions",
        "voice",
        "speed",
        "output_modalities",
        "max_output_tokens",
        "temperature",
        "tool_choice",
        "truncation",
    }
)
_SECTIONS = {"audio", "audio.input", "audio.output"}
_KEYS = ("session", "turn_taking", "turn_taking_preset")
_RESERVED = (*_KEYS, "persona", "vars", "phone_number", "transfer_to", "resumed")
"""The keys that metadata may have. ``resumed`` is the worker's own, of a call whose process died;
the four before it are for later and do nothing yet."""


@dataclass(slots=True)
class OverrideResult:
    """The worker's settings with a call's own."""

    settings: Settings
    problems: list[Problem] = field(default_factory=list)
    """What of the metadata does not hold; ``settings`` are without it."""


def apply_metadata(metadata: str, settings: Settings) -> OverrideResult:
    """``settings`` for one call. Whatever ``metadata`` holds, this neither raises nor takes
    long."""
    result = OverrideResult(settings)
    value = _read(metadata, result.problems)
    settings = _with_turn_taking(value, settings, result.problems)
    given = _unambiguous(
        _parameters(_session(value, result.problems), result.problems), result.problems
    )
    session = _valid_session(given, settings, result.problems)
    result.settings = settings.with_changes(session=session)
    secrets = settings.secrets()
    result.problems = [
        presentable_problem(each, secrets, MAX_MESSAGE_CHARACTERS) for each in result.problems
    ]
    return result


def summary(problems: Sequence[Problem]) -> list[str]:
    """A line for each of the first few ``problems``, and one that counts the rest."""
    lines = [str(each) for each in problems[:MAX_LOGGED]]
    if len(problems) > MAX_LOGGED:
        lines.append(f"{SOURCE}: {len(problems) - MAX_LOGGED} more problems.")
    return lines


def _with_turn_taking(
    value: dict[str, Any], settings: Settings, problems: list[Problem]
) -> Settings:
    """``settings`` in the mode and with the preset that ``value`` names."""
    chosen: dict[str, Any] = {}
    for key, known in (("turn_taking", MODES), ("turn_taking_preset", tuple(PRESETS))):
        if key in value and value[key] not in known:
            shown = f"{value[key]!r:.80}"
            message = f"'{key}' in the job's metadata is {shown}, none of {', '.join(known)}."
            problems.append(problem(f"AGENT_{key.upper()}", SOURCE, message, FALLBACK))
        elif key in value:
            chosen[key] = value[key]
    if not chosen:
        return settings
    voice = settings.voice.with_changes(**chosen)
    change = session_parameters(voice.turn_taking, voice.turn_taking_preset)
    session = with_changes(settings.session, change, settings.service.dialect)
    return settings.with_changes(voice=voice, session=session)


def _read(metadata: str, problems: list[Problem]) -> dict[str, Any]:
    """The object that ``metadata`` is."""
    if not metadata.strip():
        return {}
    if len(metadata) > MAX_METADATA_CHARACTERS:
        length = f"{len(metadata)} characters; at most {MAX_METADATA_CHARACTERS} are read."
        problems.append(problem("", SOURCE, f"The job's metadata has {length}", NO_OBJECT))
        return {}
    try:
        value = json.loads(metadata, parse_float=finite, parse_constant=finite)
    except (ValueError, RecursionError) as error:
        problems.append(problem("", SOURCE, f"The job's metadata is no JSON: {error}.", NO_OBJECT))
        return {}
    if not is_unicode(value):
        message = f"The job's metadata cannot be sent on. {LONE_SURROGATE}"
        problems.append(problem("", SOURCE, message, NO_OBJECT))
        return {}
    if not isinstance(value, dict):
        message = f"The job's metadata is {kind_of(value)}, not an object."
        problems.append(problem("", SOURCE, message, NO_OBJECT))
        return {}
    for key in value:
        if key not in _RESERVED:
            # Looking for a similar name takes long, and the first few are what is read.
            few = len(problems) < MAX_LOGGED
            near = difflib.get_close_matches(key[:80], _RESERVED, 1) if few else []
            fix = f"Did you mean '{near[0]}'?" if near else "Remove it."
            message = f"Unknown key in the job's metadata: '{key[:80]}'."
            problems.append(problem("", SOURCE, message, fix))
    return value


def _session(value: dict[str, Any], problems: list[Problem]) -> dict[str, Any]:
    session = value.get("session", {})
    if isinstance(session, dict):
        return session
    message = f"'session' in the job's metadata is {kind_of(session)}, not an object."
    problems.append(problem("", SOURCE, message, NO_OBJECT))
    return {}


def _parameters(
    session: dict[str, Any], problems: list[Problem], place: str = ""
) -> Iterator[tuple[str, Any]]:
    """The overrides by name. A group can be an object, or ``null`` to switch it off."""
    for key, value in session.items():
        path = f"{place}.{key}" if place else key
        parameter = find_parameter(path)
        group = _group(path)
        if group and isinstance(value, dict):
            yield from _parameters(value, problems, path)
        elif group and value is None:
            yield _switch(group), None
        elif parameter is None and path in _SECTIONS:
            if isinstance(value, dict):
                yield from _parameters(value, problems, path)
            else:
                violation = wrong_type(f"session.{path}", "an object", value)
                fix = f"Put the parameters of '{path}' in an object. {FALLBACK}"
                problems.append(Problem(violation, "", SOURCE, fix))
        elif path == "type":
            if value != "realtime":
                violation = unsupported("session.type", plain(value), ["realtime"])
                fix = f"Remove 'type'. {FALLBACK}"
                problems.append(Problem(violation, "", SOURCE, fix))
        elif parameter is not None and parameter.name in OVERRIDABLE:
            yield parameter.name, value
        elif parameter is not None:
            message = f"'{path}' cannot be set for one call."
            fix = f"Set {parameter.environment_name} for the worker."
            problems.append(problem(parameter.environment_name, SOURCE, message, fix))
        else:
            violation = unknown(f"session.{path[:80]}")
            problems.append(Problem(violation, "", SOURCE, "Remove it."))


def _unambiguous(given: Iterable[tuple[str, Any]], problems: list[Problem]) -> dict[str, Any]:
    """``given`` by name, without what is given twice, under two spellings, with two values."""
    found: dict[str, Any] = {}
    ambiguous = set()
    for name, value in given:
        if found.setdefault(name, value) != value:
            ambiguous.add(name)
    for name in sorted(ambiguous):
        del found[name]
        message = f"'{name}' is given twice, with different values."
        problems.append(problem(BY_NAME[name].environment_name, SOURCE, message, FALLBACK))
    return found


def _group(path: str) -> str:
    """The group of parameters that ``path`` names, in either spelling."""
    name = path.removeprefix("audio.input.").removeprefix("input_audio_")
    return name if name in _GROUPS else ""


def _switch(group: str) -> str:
    names = {"turn_detection": "turn_detection.type", "transcription": "transcription.model"}
    return names.get(group, group)


def _to_blame(found: list[Finding], given: dict[str, Any]) -> set[str]:
    """Which overrides to do without: those that break a rule; else those beside what lacks or
    breaks something because of them; else all."""
    named = [finding.parameter for finding in found if finding.parameter is not None]
    names = {parameter.name for parameter in named} & set(given)
    groups = {parameter.group for parameter in named}
    return names or {name for name in given if name.partition(".")[0] in groups} or set(given)


def _valid_session(
    given: dict[str, Any], settings: Settings, problems: list[Problem]
) -> SessionParameters:
    """``given`` over the worker's own, less what breaks a rule."""
    # What is wrong with the worker's own settings is no fault of the call's.
    dialect, context = settings.service.dialect, settings.service.context
    known = {finding.violation for finding in findings(settings.session, dialect, context)}
    while True:
        session = with_changes(settings.session, given, dialect)
        found = [
            finding
            for finding in findings(session, dialect, context)
            if finding.violation not in known
        ]
        if not found or not given:
            break
        for finding in found:
            name = finding.parameter.name if finding.parameter else ""
            found_problem = parameter_problem(
                finding, session[name], SOURCE, dialect, context.model
            )
            fix = found_problem.fix if finding.lacking else FALLBACK
            problems.append(replace(found_problem, fix=fix))
        for name in _to_blame(found, given):
            del given[name]
    for each in contradictions(settings.voice, session):
        problems.append(replace(each, source=SOURCE, fix=FALLBACK))
        for name in [name for name in given if name.startswith(("turn_detection", "output_"))]:
            del given[name]
        session = with_changes(settings.session, given, dialect)
    if is_silent(settings.voice, session) and "output_modalities" in given:
        message = "output_modalities ['text'] would be a silent call: nothing speaks the text."
        problems.append(problem("REALTIME_OUTPUT_MODALITIES", SOURCE, message, FALLBACK))
        del given["output_modalities"]
        session = with_changes(settings.session, given, dialect)
    if has_no_turn_end(settings.voice, session) and _SWITCH_OFF in given:
        fix = "Set turn_taking to local or push_to_talk with it."
        problems.append(problem("REALTIME_TURN_DETECTION_TYPE", SOURCE, NO_TURN_END, fix))
        del given[_SWITCH_OFF]
        session = with_changes(settings.session, given, dialect)
    return session
