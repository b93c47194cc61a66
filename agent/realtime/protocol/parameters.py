"""The parameters of a session that can be set, by the names that people set them by.

A name is the GA path without ``audio.input`` and ``audio.output``; the environment's is the same
with ``REALTIME_`` before it: ``turn_detection.threshold`` is
``REALTIME_TURN_DETECTION_THRESHOLD``. What there is to set comes from the rules' own rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.errors import Violation
from agent.realtime.protocol.dialects import OPENAI_GA, Dialect, flat_path, to_service
from agent.realtime.protocol.event_json import serialise
from agent.realtime.protocol.parameter_text import SWITCHES, parse_text
from agent.realtime.protocol.rules import Context, check_event
from agent.realtime.protocol.rules.models import SHUTDOWN, SPEECH_MODELS, TRANSCRIPTION_MODELS
from agent.realtime.protocol.rules.parameter_rules import Row, Setting
from agent.realtime.protocol.rules.session import FLAT_VOICES, SESSION

MODEL = "model"
_SECTIONS = ("audio.input.", "audio.output.")
_ONE_KEY = {"noise_reduction.type": "noise_reduction"}
"""Objects with one key that matters go by their own name."""
_DETECTION = "turn_detection.type"
_SERVER_VAD_ONLY = (
    "turn_detection.threshold",
    "turn_detection.prefix_padding_ms",
    "turn_detection.silence_duration_ms",
)
_FLAT_VOICE = FLAT_VOICES[0]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the session: where it stands, and what rules it where."""

    name: str
    path: str
    rows: tuple[Row, ...]
    setting: Setting

    @property
    def environment_name(self) -> str:
        return f"REALTIME_{self.name.upper().replace('.', '_')}"

    @property
    def group(self) -> str:
        return self.name.partition(".")[0]

    def row(self, dialect: Dialect) -> Row | None:
        """What rules it in ``dialect``; ``None`` where the dialect lacks it."""
        return next((row for row in self.rows if dialect in row.dialects), None)

    def place(self, dialect: Dialect) -> str:
        """Where the service has it, as its errors say it."""
        return f"session.{flat_path(self.path) if dialect.flat else self.path}"

    def parse(self, text: str) -> Any:
        """The value that ``text`` of the environment spells. What cannot be read stays text: the
        rules say what is wrong with it."""
        return parse_text(text, self.rows[0])


def _named() -> tuple[Parameter, ...]:
    rows: dict[str, list[Row]] = {}
    for row in SESSION:
        rows.setdefault(row.path, []).append(row)
    found = []
    for path, of_path in rows.items():
        setting = next((row.setting for row in of_path if row.setting), None)
        if setting is not None:
            name = path
            for section in _SECTIONS:
                name = name.removeprefix(section)
            found.append(Parameter(_ONE_KEY.get(name, name), path, tuple(of_path), setting))
    return tuple(found)


_MODEL = Parameter(
    MODEL,
    MODEL,
    tuple(row for row in SESSION if row.path == MODEL),
    Setting(
        "The speech model; with Azure, the one behind the deployment.",
        "gpt-realtime-2.1",
        "OPENAI_API_MODEL",
    ),
)
PARAMETERS = (_MODEL, *_named())
BY_NAME = {parameter.name: parameter for parameter in PARAMETERS}
_OTHER_NAMES = {
    **_ONE_KEY,
    **{
        spelling: parameter.name
        for parameter in PARAMETERS
        for spelling in (parameter.path, flat_path(parameter.path))
    },
}
BY_ENVIRONMENT_NAME = {parameter.environment_name: parameter for parameter in PARAMETERS} | {
    f"REALTIME_{flat_path(parameter.path).upper().replace('.', '_')}": parameter
    for parameter in PARAMETERS
}
"""By the canonical name and by the flat spelling's."""


def find_parameter(name: str) -> Parameter | None:
    """The parameter that ``name`` names, in the short, the GA or the flat spelling."""
    return BY_NAME.get(name) or BY_NAME.get(_OTHER_NAMES.get(name, ""))


@dataclass(frozen=True, slots=True)
class SessionParameters:
    """What a session is to be set to: parameters by name, those that were given or default."""

    values: Mapping[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.values.get(name)

    def as_session(self) -> dict[str, Any]:
        """The GA ``session`` object, without the model: that is chosen by the URL."""
        session: dict[str, Any] = {"type": "realtime"}
        for name, value in self.values.items():
            if name == MODEL or self._is_off(name):
                continue
            parameter = BY_NAME[name]
            path = parameter.path.removesuffix(".type") if value is None else parameter.path
            path = path.removesuffix(".model") if value is None else path
            _put(session, path.split("."), _as_ga(parameter, value))
        return session

    def without(self, name: str) -> SessionParameters:
        return SessionParameters({key: value for key, value in self.values.items() if key != name})

    def _is_off(self, name: str) -> bool:
        """Whether ``name`` belongs to a group that was switched off."""
        switch = SWITCHES.get(name.partition(".")[0])
        return switch not in (None, name) and self.values.get(switch or "", "") is None


def with_defaults(given: Mapping[str, Any], dialect: Dialect) -> SessionParameters:
    """``given`` over the defaults; a default that only suits server VAD goes with it."""
    given = _with_detection(given)
    defaults = {
        parameter.name: parameter.setting.default
        for parameter in PARAMETERS
        if parameter.setting.default is not None
    }
    if given.get(_DETECTION, defaults[_DETECTION]) != "server_vad":
        for key in _SERVER_VAD_ONLY:
            del defaults[key]
    if dialect is not OPENAI_GA:
        # Elsewhere a transcriber has a name that only its owner knows.
        del defaults["transcription.model"]
    if dialect.azure:
        # The URL names a deployment; the model behind it is not known, and nothing is gated.
        del defaults[MODEL]
    if dialect.flat:
        defaults["voice"] = _FLAT_VOICE
    return SessionParameters({**defaults, **given})


def with_changes(
    base: SessionParameters, change: Mapping[str, Any], dialect: Dialect
) -> SessionParameters:
    """``change`` over ``base``. Another kind of turn detection starts from its own defaults."""
    change = _with_detection(change)
    values = dict(base.values)
    if _DETECTION in change and change[_DETECTION] != base[_DETECTION]:
        values = {name: value for name, value in values.items() if not _is_detection(name)}
    return with_defaults({**values, **change}, dialect)


def _with_detection(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """``given`` with the kind of turn detection that its other settings imply."""
    if _DETECTION in given:
        return given
    if "turn_detection.eagerness" in given:
        return {**given, _DETECTION: "semantic_vad"}
    if any(name in given for name in _SERVER_VAD_ONLY):
        return {**given, _DETECTION: "server_vad"}
    return given


def _is_detection(name: str) -> bool:
    return name.startswith("turn_detection.")


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that a parameter breaks."""

    parameter: Parameter | None
    """``None`` for what no parameter is to blame for."""
    violation: Violation
    lacking: bool = False
    """The dialect or the model has no such parameter."""


def findings(parameters: SessionParameters, dialect: Dialect, context: Context) -> list[Finding]:
    """All that the service would refuse the session's first update for, and the model."""
    found = [Finding(BY_NAME[MODEL], violation) for violation in _model(parameters, context)]
    event = {"type": "session.update", "session": parameters.as_session()}
    for violation in check_event(to_service(event, dialect), dialect, context):
        parameter = _at(violation.place or "", parameters, dialect)
        found.append(Finding(parameter, violation, _lacks(parameter, violation, dialect)))
    reported = [finding.parameter for finding in found]
    for name, value in parameters.values.items():
        # What an object holds is open to the rules, and must still be JSON.
        unwritable = serialise({name: value}) if isinstance(value, dict) else ""
        if isinstance(unwritable, Violation) and BY_NAME[name] not in reported:
            found.append(Finding(BY_NAME[name], unwritable))
    return found


def deprecation_warnings(parameters: SessionParameters) -> list[str]:
    """What will stop working on a day that has been announced."""
    names = (parameters[MODEL], parameters["transcription.model"])
    return [
        f"{name} will be shut down on {SHUTDOWN[name]}: choose another model before."
        for name in names
        if isinstance(name, str) and name in SHUTDOWN
    ]


def _model(parameters: SessionParameters, context: Context) -> list[Violation]:
    """What the service would close the connection for: the URL names the model."""
    model = parameters[MODEL]
    if model is None or not context.closed or model in SPEECH_MODELS:
        return []
    if model in TRANSCRIPTION_MODELS:
        message = (
            f"Model {model} is a transcription model and cannot be used as the realtime session "
            "model. Pass this transcription model as audio.input.transcription.model instead."
        )
        return [Violation(None, "model", message)]
    message = (
        f'Model "{model}" is not supported in realtime mode. See '
        "https://platform.openai.com/docs/models for a list of supported models."
    )
    return [Violation("invalid_model", None, message, at="session.model")]


def _lacks(parameter: Parameter | None, violation: Violation, dialect: Dialect) -> bool:
    if parameter is None:
        return False
    row = parameter.row(dialect)
    if violation.code == "unknown_parameter":
        return row is None or bool(row.models or row.not_models)
    return violation.at is not None and row is not None and violation.param is None


def _at(place: str, parameters: SessionParameters, dialect: Dialect) -> Parameter | None:
    """The parameter that stands at ``place``, holds it, or is held by it."""
    given = [BY_NAME[name] for name in parameters.values]
    places = {parameter.place(dialect): parameter for parameter in PARAMETERS}
    for end in range(len(place), 0, -1):
        if (end == len(place) or place[end] in ".[") and place[:end] in places:
            return places[place[:end]]
    return next(
        (parameter for parameter in given if parameter.place(dialect).startswith(f"{place}.")), None
    )


def _as_ga(parameter: Parameter, value: Any) -> Any:
    if parameter.name == "prompt" and isinstance(value, str):
        return {"id": value}
    return value


def _put(place: dict[str, Any], path: list[str], value: Any) -> None:
    *parents, last = path
    for part in parents:
        place = place.setdefault(part, {})
    place[last] = value
