"""The parameters of a session: their names, what they do, and what they are by default.

Names are the GA spelling without ``audio.input`` and ``audio.output``; the environment's are
the same with ``REALTIME_`` before them: ``turn_detection.threshold`` is
``REALTIME_TURN_DETECTION_THRESHOLD``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.realtime.dialects import Dialect


@dataclass(frozen=True, slots=True)
class Parameter:
    """A row of the table of session parameters."""

    name: str
    effect: str
    parent: str = ""
    """Where it stands in the GA session: ``audio.input``, ``audio.output`` or the top."""
    parse: Callable[[str], Any] = str
    default: Any = None
    """``None``: left to the service."""
    lacking: str = ""
    """What to do instead where a dialect has no such parameter."""

    @property
    def setting(self) -> str:
        return f"REALTIME_{self.name.upper().replace('.', '_')}"

    @property
    def path(self) -> str:
        return f"{self.parent}.{self.name}" if self.parent else self.name


def number(text: str) -> Any:
    """The number that ``text`` spells, else ``text`` itself: the guard says what is wrong."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, int | float) and not isinstance(value, bool) else text


def boolean(text: str) -> Any:
    """``True`` or ``False`` for the usual words, else ``text`` itself."""
    words = {"true": True, "1": True, "yes": True, "on": True}
    words |= {"false": False, "0": False, "no": False, "off": False}
    return words.get(text.lower(), text)


def or_none(text: str) -> str | None:
    """``None`` for ``none``: the feature is switched off."""
    return None if text.lower() in {"none", "null", "off"} else text


PARAMETERS = (
    Parameter("model", "The speech model.", default="gpt-realtime-2.1"),
    Parameter("voice", "The voice it speaks with.", "audio.output", default="marin"),
    Parameter("speed", "How fast it speaks, as a factor.", "audio.output", number),
    Parameter(
        "temperature",
        "How freely it words its answers.",
        parse=number,
        lacking="Remove it: the GA API has no temperature, the instructions set the style.",
    ),
    Parameter(
        "max_output_tokens", "The longest answer, in tokens; a call's words and audio.", "", number
    ),
    Parameter(
        "turn_detection.type",
        "Who hears the caller's pauses: server_vad, semantic_vad, or none.",
        "audio.input",
        or_none,
        "server_vad",
    ),
    Parameter("turn_detection.threshold", "How loud speech must be.", "audio.input", number, 0.5),
    Parameter(
        "turn_detection.prefix_padding_ms",
        "Audio kept from before speech began.",
        "audio.input",
        number,
        300,
    ),
    Parameter(
        "turn_detection.silence_duration_ms",
        "The pause that ends a turn.",
        "audio.input",
        number,
        500,
    ),
    Parameter(
        "turn_detection.create_response",
        "Answer by itself at the end of a turn.",
        "audio.input",
        boolean,
    ),
    Parameter(
        "turn_detection.interrupt_response",
        "Stop speaking when the caller does.",
        "audio.input",
        boolean,
    ),
    Parameter(
        "turn_detection.eagerness",
        "With semantic_vad: how soon a turn is taken to be over.",
        "audio.input",
    ),
    Parameter(
        "transcription.model",
        "Writes down what the caller says; none for no transcript.",
        "audio.input",
        or_none,
        "gpt-transcribe",
    ),
    Parameter("transcription.language", "The caller's language, as ISO 639-1.", "audio.input"),
    Parameter(
        "noise_reduction",
        "Filter the caller's noise: near_field, far_field, or none.",
        "audio.input",
        or_none,
    ),
)
BY_NAME = {parameter.name: parameter for parameter in PARAMETERS}
BY_SETTING = {parameter.setting: parameter for parameter in PARAMETERS}

_SERVER_VAD_ONLY = {"threshold", "prefix_padding_ms", "silence_duration_ms"}


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
            if name != "model":
                _put(session, BY_NAME[name].path.split("."), value)
        audio_input = session.get("audio", {}).get("input", {})
        for group, key in (("turn_detection", "type"), ("transcription", "model")):
            # Without its kind, a group of settings is off.
            if group in audio_input and audio_input[group].get(key) is None:
                audio_input[group] = None
        if audio_input.get("noise_reduction") is not None:
            audio_input["noise_reduction"] = {"type": audio_input["noise_reduction"]}
        return session


def with_defaults(given: Mapping[str, Any], dialect: Dialect) -> SessionParameters:
    """``given`` over the defaults. A default that only suits server VAD goes with it; Azure
    transcribes with a deployment, which only its owner can name."""
    values = {
        parameter.name: parameter.default
        for parameter in PARAMETERS
        if parameter.default is not None
    }
    if given.get("turn_detection.type", "server_vad") != "server_vad":
        for key in _SERVER_VAD_ONLY:
            del values[f"turn_detection.{key}"]
    if dialect.azure:
        del values["transcription.model"]
    return SessionParameters({**values, **given})


def _put(place: dict[str, Any], path: list[str], value: Any) -> None:
    *parents, last = path
    for part in parents:
        place = place.setdefault(part, {})
    place[last] = value
