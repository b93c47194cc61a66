"""Read the options of ``update_options``: the plugin's own, and any parameter by its name. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openai.types.realtime import AudioTranscription, RealtimeAudioInputTurnDetection
from pydantic import BaseModel, TypeAdapter

from agent.realtime.protocol.dialects import OPENAI_GA, Event
from agent.realtime.protocol.parameters import (
    PARAMETERS,
    Parameter,
    SessionParameters,
    find_parameter,
    with_changes,
)

TURN_DETECTION: TypeAdapter[RealtimeAudioInputTurnDetection] = TypeAdapter(
    RealtimeAudioInputTurnDetection
)
PLUGINS_OPTIONS = {
    "tool_choice": "tool_choice",
    "voice": "audio.output.voice",
    "turn_detection": "audio.input.turn_detection",
    "max_response_output_tokens": "max_output_tokens",
    "input_audio_transcription": "audio.input.transcription",
    "input_audio_noise_reduction": "audio.input.noise_reduction",
    "speed": "audio.output.speed",
    "tracing": "tracing",
    "truncation": "truncation",
    "reasoning": "reasoning",
}
"""What the plugin's ``update_options`` takes, and where it stands in a GA session."""
_GROUPS = {
    "turn_detection": "turn_detection",
    "transcription": "input_audio_transcription",
    "noise_reduction": "input_audio_noise_reduction",
}
"""Groups of parameters that the service takes whole, by the plugin's name for them."""
_BY_KEYWORD = {parameter.name.replace(".", "_"): parameter for parameter in PARAMETERS}


def find_keyword(name: str) -> Parameter | None:
    """The parameter with any of its names, or its own with ``_`` for the dots."""
    return find_parameter(name) or _BY_KEYWORD.get(name)


def read_options(
    options: Mapping[str, Any], *, turn_detection: Any, transcription: Any
) -> dict[str, Any]:
    """``options`` in plain JSON, under the plugin's names where it has one.

    A parameter of turn detection or of transcription is put into all that is said of it now,
    which is ``turn_detection`` and ``transcription``: the service replaces such a group whole.
    Raises ``TypeError`` for a name that is no parameter.
    """
    read: dict[str, Any] = {}
    detection: dict[str, Any] = {}
    spoken: dict[str, Any] = {}
    for name, value in options.items():
        value = _plain(name, value)
        parameter = find_keyword(name)
        if name in PLUGINS_OPTIONS:
            read[name] = value
        elif parameter is None:
            group = _GROUPS.get(name)
            if group is None:
                raise TypeError(f"'{name}' is no parameter of a session")
            read[group] = value
        elif parameter.group == "turn_detection":
            detection[parameter.name] = value
        elif parameter.group == "transcription":
            spoken[parameter.name.partition(".")[2]] = value
        else:
            read[_plugins_name(parameter.name)] = _shaped(parameter.name, value)
    if detection:
        current = read.get("turn_detection", _plain("", turn_detection))
        read["turn_detection"] = _changed_detection(current, detection)
    if spoken:
        current = read.get("input_audio_transcription", _plain("", transcription))
        merged = {**(current or {}), **spoken}
        off = "model" in spoken and spoken["model"] is None
        read["input_audio_transcription"] = None if off else merged
    return read


def as_update(options: Mapping[str, Any]) -> Event:
    """The GA ``session.update`` that sets ``options``, which ``read_options`` has read."""
    session: dict[str, Any] = {"type": "realtime"}
    for name, value in options.items():
        parameter = find_parameter(name)
        path = PLUGINS_OPTIONS.get(name) or (parameter.path if parameter else name)
        place = session
        *parents, last = path.split(".")
        for part in parents:
            place = place.setdefault(part, {})
        place[last] = value
    return {"type": "session.update", "session": session}


def for_plugin(name: str, value: Any) -> Any:
    """The read ``value`` of the plugin's option ``name`` in the types that the plugin works on."""
    if value is None:
        return None
    if name == "turn_detection":
        return TURN_DETECTION.validate_python(value)
    if name == "input_audio_transcription":
        return AudioTranscription.model_validate(value)
    if name == "input_audio_noise_reduction":
        return value["type"]
    if name == "tool_choice" and isinstance(value, dict):
        return {"type": "function", "function": {"name": value["name"]}}
    return value


def plugin_takes(name: str, value: Any) -> bool:
    """Whether the plugin can send this option: it takes any tool choice but a function for
    ``auto`` (1.8.9)."""
    if name == "tool_choice" and isinstance(value, dict):
        return value.get("type") == "function"
    return name in PLUGINS_OPTIONS


def _changed_detection(current: Any, change: Mapping[str, Any]) -> Any:
    """The turn detection of ``current`` with ``change``; another kind starts from its defaults."""
    base = {f"turn_detection.{name}": value for name, value in (current or {}).items()}
    base.setdefault("turn_detection.type", None)
    session = with_changes(SessionParameters(base), change, OPENAI_GA).as_session()
    return session["audio"]["input"]["turn_detection"]


def _plugins_name(name: str) -> str:
    names = {"max_output_tokens": "max_response_output_tokens", **_GROUPS}
    return names.get(name, name)


def _shaped(name: str, value: Any) -> Any:
    """``value`` as the GA session has it."""
    if name in {"noise_reduction", "prompt"} and isinstance(value, str):
        return {"type" if name == "noise_reduction" else "id": value}
    return value


def _plain(name: str, value: Any) -> Any:
    """``value`` as JSON has it."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True, exclude_unset=True)
    if name == "input_audio_noise_reduction" and isinstance(value, str):
        return {"type": value}
    if name == "tool_choice":
        return _tool_choice(value)
    return value


def _tool_choice(choice: Any) -> Any:
    """LiveKit's ``ToolChoice`` as the service spells it; LiveKit's ``None`` is the default."""
    if choice is None:
        return "auto"
    if isinstance(choice, Mapping) and isinstance(choice.get("function"), Mapping):
        return {"type": "function", "name": choice["function"].get("name")}
    return choice
