"""The spellings of the Realtime API, and translation from the plugin's to the service's and back.

The plugin always speaks GA. Events for a service that speaks an older, flat spelling are
translated before they leave, and that service's events before the plugin gets them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Dialect:
    name: str
    flat: bool
    """Session fields stand side by side, as in the beta, instead of nested under ``audio``."""
    azure: bool
    """Azure OpenAI: a deployment stands for the model, a key goes in ``api-key``."""


OPENAI_GA = Dialect("openai_ga", flat=False, azure=False)
AZURE_GA = Dialect("azure_ga", flat=False, azure=True)
AZURE_PREVIEW = Dialect("azure_preview", flat=True, azure=True)
OPENAI_BETA = Dialect("openai_beta", flat=True, azure=False)

DIALECTS = {dialect.name: dialect for dialect in (OPENAI_GA, AZURE_GA, AZURE_PREVIEW, OPENAI_BETA)}

# The renames, GA to flat: the migration guide of Microsoft's Azure docs (2026-07-29), checked
# against the beta and GA types of the openai package 3.52.0.
_SETTINGS: dict[tuple[str, ...], str] = {
    ("output_modalities",): "modalities",
    ("max_output_tokens",): "max_response_output_tokens",
    ("audio", "input", "format"): "input_audio_format",
    ("audio", "input", "transcription"): "input_audio_transcription",
    ("audio", "input", "noise_reduction"): "input_audio_noise_reduction",
    ("audio", "input", "turn_detection"): "turn_detection",
    ("audio", "output", "format"): "output_audio_format",
    ("audio", "output", "voice"): "voice",
    ("audio", "output", "speed"): "speed",
}
_OF_RESPONSES = {path: name for path, name in _SETTINGS.items() if path != ("max_output_tokens",)}
"""A flat response calls its limit as GA does: RealtimeBetaResponseCreateParams of openai-openapi,
Azure's rtclient and go-openai-realtime#2; the openai package's request type alone does not."""
_FORMATS = {"audio/pcm": "pcm16", "audio/pcmu": "g711_ulaw", "audio/pcma": "g711_alaw"}
_CONTENT = {"output_text": "text", "output_audio": "audio"}
_SERVER_EVENTS = {
    "response.text.delta": "response.output_text.delta",
    "response.text.done": "response.output_text.done",
    "response.audio.delta": "response.output_audio.delta",
    "response.audio.done": "response.output_audio.done",
    "response.audio_transcript.delta": "response.output_audio_transcript.delta",
    "response.audio_transcript.done": "response.output_audio_transcript.done",
    "conversation.item.created": "conversation.item.added",
}

_AUDIO_DEPTH = 2
"""How deep ``audio.input`` and ``audio.output`` are; what is below has a flat name or none."""

_MISSING: Any = object()

Event = dict[str, Any]


def flat_path(path: str) -> str:
    """A GA parameter path such as ``audio.output.voice`` in the flat spelling."""
    parts = tuple(path.split("."))
    for length in range(len(parts), 0, -1):
        if parts[:length] in _SETTINGS:
            return ".".join((_SETTINGS[parts[:length]], *parts[length:]))
    return path


def to_service(event: Event, dialect: Dialect) -> Event:
    """A client event of the plugin as ``dialect`` spells it. Unknown keys are kept: judging
    them is the guard's work."""
    if not dialect.flat:
        return event
    event = dict(event)
    if isinstance(event.get("session"), dict):
        session = dict(event["session"])
        if session.get("type") == "realtime":  # flat sessions are of no other type
            del session["type"]
        event["session"] = _flat_settings(session, _SETTINGS)
    if isinstance(event.get("response"), dict):
        response = _flat_settings(event["response"], _OF_RESPONSES)
        if isinstance(response.get("input"), list):
            response["input"] = [_with_content(item, _CONTENT) for item in response["input"]]
        event["response"] = response
    if "item" in event:
        event["item"] = _with_content(event["item"], _CONTENT)
    return event


def to_ga(event: Event, dialect: Dialect) -> Event:
    """A server event in ``dialect``'s spelling as GA has it."""
    if not dialect.flat:
        return event
    kind = event.get("type")
    if isinstance(kind, str):
        event = {**event, "type": _SERVER_EVENTS.get(kind, kind)}
    back = {flat: ga for ga, flat in _CONTENT.items()}
    if isinstance(event.get("session"), dict):
        event["session"] = {"type": "realtime", **_ga_settings(event["session"])}
    if isinstance(event.get("response"), dict):
        response = _ga_settings(event["response"])
        output = response.get("output")
        if isinstance(output, list):
            response["output"] = [_with_content(item, back) for item in output]
        event["response"] = response
    if "item" in event:
        event["item"] = _with_content(event["item"], back)
    return event


def _flat_settings(ga: dict[str, Any], names: dict[tuple[str, ...], str]) -> dict[str, Any]:
    flat = {key: value for key, value in ga.items() if key != "audio"}
    for path, name in names.items():
        value = _at(ga, path)
        if value is not _MISSING:
            if len(path) == 1:
                del flat[path[0]]
            flat[name] = _flat_value(name, value)
    rest = _without_named(ga.get("audio", {}), ("audio",))
    if rest != {}:
        flat["audio"] = rest
    if isinstance(flat.get("tool_choice"), dict):
        flat["tool_choice"] = _flat_tool_choice(flat["tool_choice"])
    return flat


def _without_named(part: Any, path: tuple[str, ...]) -> Any:
    """What of ``part`` has no flat name, so that it is not lost but judged."""
    if not isinstance(part, dict):
        return part
    rest = {
        key: _without_named(value, (*path, key)) if len(path) < _AUDIO_DEPTH else value
        for key, value in part.items()
        if (*path, key) not in _SETTINGS
    }
    return {key: value for key, value in rest.items() if value != {}}


def _flat_value(name: str, value: Any) -> Any:
    if name == "modalities" and value == ["audio"]:
        return ["audio", "text"]  # audio alone is not a combination the flat dialects know
    if name.endswith("_audio_format") and isinstance(value, dict):
        return _flat_format(value)
    if name == "turn_detection" and isinstance(value, dict) and "type" not in value:
        # The beta's default; a set of keys is judged by its type, so it is stated.
        return {"type": "semantic_vad" if "eagerness" in value else "server_vad", **value}
    return value


def _flat_format(ga: dict[str, Any]) -> Any:
    """The flat name of a format. One with a rate that no flat format has is kept, to be judged."""
    name = _FORMATS.get(str(ga.get("type")))
    plain = {"type": ga.get("type")}
    if name is None or ga not in (plain, {**plain, "rate": 24000} if name == "pcm16" else plain):
        return ga
    return name


def _flat_tool_choice(choice: dict[str, Any]) -> dict[str, Any]:
    if choice.get("type") == "function" and choice.keys() == {"type", "name"}:
        return {"type": "function", "function": {"name": choice["name"]}}
    return choice


def _ga_settings(flat: dict[str, Any]) -> dict[str, Any]:
    paths = {name: path for path, name in _SETTINGS.items()}
    formats = {name: kind for kind, name in _FORMATS.items()}
    ga: dict[str, Any] = {}
    for name, value in flat.items():
        if name == "modalities" and isinstance(value, list):
            value = ["audio"] if "audio" in value else ["text"]
        elif name.endswith("_audio_format"):
            kind = formats.get(value, value) if isinstance(value, str) else value
            value = {"type": kind, "rate": 24000} if kind == "audio/pcm" else {"type": kind}
        place = ga
        *path, last = paths.get(name, (name,))
        for part in path:
            if not isinstance(place.get(part), dict):
                place[part] = {}
            place = place[part]
        place[last] = value
    choice = ga.get("tool_choice")
    if isinstance(choice, dict) and isinstance(choice.get("function"), dict):
        ga["tool_choice"] = {"type": choice.get("type"), "name": choice["function"].get("name")}
    return ga


def _at(settings: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        if not isinstance(settings, dict) or part not in settings:
            return _MISSING
        settings = settings[part]
    return settings


def _with_content(item: Any, names: dict[str, str]) -> Any:
    """Assistant content goes by other type names in the two spellings; a user's by the same."""
    if not isinstance(item, dict) or item.get("role") != "assistant":
        return item
    if not isinstance(item.get("content"), list):
        return item
    return {**item, "content": [_renamed(part, names) for part in item["content"]]}


def _renamed(part: Any, names: dict[str, str]) -> Any:
    """``part`` of a message's content by its other name. What is malformed is kept as it is."""
    kind = part.get("type") if isinstance(part, dict) else None
    return {**part, "type": names[kind]} if isinstance(kind, str) and kind in names else part
