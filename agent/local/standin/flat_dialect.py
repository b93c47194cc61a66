"""Conversion between the GA spelling and the flat one of the beta and Azure's preview."""

from __future__ import annotations

from typing import Any

_FLAT_FORMATS = {"audio/pcm": "pcm16", "audio/pcmu": "g711_ulaw", "audio/pcma": "g711_alaw"}
_GA_FORMATS = {
    "pcm16": {"type": "audio/pcm", "rate": 24000},
    "g711_ulaw": {"type": "audio/pcmu"},
    "g711_alaw": {"type": "audio/pcma"},
}

_SESSION_KEYS = {
    "voice": ("audio", "output", "voice"),
    "speed": ("audio", "output", "speed"),
    "output_audio_format": ("audio", "output", "format"),
    "input_audio_format": ("audio", "input", "format"),
    "input_audio_transcription": ("audio", "input", "transcription"),
    "input_audio_noise_reduction": ("audio", "input", "noise_reduction"),
    "turn_detection": ("audio", "input", "turn_detection"),
    "modalities": ("output_modalities",),
    "max_response_output_tokens": ("max_output_tokens",),
}

_SERVER_EVENTS = {
    "response.output_text.delta": "response.text.delta",
    "response.output_text.done": "response.text.done",
    "response.output_audio.delta": "response.audio.delta",
    "response.output_audio.done": "response.audio.done",
    "response.output_audio_transcript.delta": "response.audio_transcript.delta",
    "response.output_audio_transcript.done": "response.audio_transcript.done",
    "conversation.item.added": "conversation.item.created",
}
_GA_ONLY = {"conversation.item.done", "input_audio_buffer.timeout_triggered"}
_FLAT_CONTENT = {"output_text": "text", "output_audio": "audio"}
_GA_CONTENT = {flat: ga for ga, flat in _FLAT_CONTENT.items()}


def ga_settings(flat: dict[str, Any]) -> dict[str, Any]:
    """Convert a flat ``session`` or ``response`` object to the GA spelling; other keys stay."""
    ga: dict[str, Any] = {}
    for key, value in flat.items():
        place = ga
        *path, last = _SESSION_KEYS.get(key, (key,))
        for part in path:
            place = place.setdefault(part, {})
        place[last] = _ga_value(key, value)
    return ga


def flat_settings(ga: dict[str, Any]) -> dict[str, Any]:
    """Convert a GA ``session`` or ``response`` object to the flat spelling."""
    flat = {
        key: value
        for key, value in ga.items()
        if key not in {"type", "audio", "truncation", "prompt", "include", "tracing"}
    }
    for key, path in _SESSION_KEYS.items():
        place: Any = ga
        for part in path:
            place = place.get(part, _ABSENT) if isinstance(place, dict) else _ABSENT
        if place is not _ABSENT:
            flat.pop(path[-1], None)
            flat[key] = _flat_value(key, place)
    return flat


_ABSENT: Any = object()


def _ga_value(key: str, value: Any) -> Any:
    if key.endswith("_audio_format"):
        return _GA_FORMATS.get(value, value)
    if key == "modalities" and isinstance(value, list):
        return ["audio"] if "audio" in value else ["text"]
    if key == "turn_detection" and value == {"type": "none"}:
        return None
    return value


def _flat_value(key: str, value: Any) -> Any:
    if key.endswith("_audio_format") and isinstance(value, dict):
        return _FLAT_FORMATS.get(str(value.get("type")), value)
    if key == "modalities":
        return ["audio", "text"] if value == ["audio"] else value
    return value


def ga_item(item: dict[str, Any]) -> dict[str, Any]:
    """Convert a flat item to the GA spelling."""
    return _with_content(item, _GA_CONTENT)


def flat_event(event: dict[str, Any]) -> dict[str, Any] | None:
    """Convert a GA server event to the flat spelling; ``None`` if flat has no such event."""
    if event["type"] in _GA_ONLY:
        return None
    flat = {**event, "type": _SERVER_EVENTS.get(event["type"], event["type"])}
    if "session" in flat:
        flat["session"] = flat_settings(flat["session"])
    if "item" in flat:
        flat["item"] = _with_content(flat["item"], _FLAT_CONTENT)
    if "response" in flat:
        flat["response"] = flat_settings(flat["response"])
        # A session calls it max_response_output_tokens, a response does not.
        flat["response"]["max_output_tokens"] = flat["response"].pop("max_response_output_tokens")
        output = flat["response"].get("output", [])
        flat["response"]["output"] = [_with_content(item, _FLAT_CONTENT) for item in output]
    return flat


def _with_content(item: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    if item.get("role") != "assistant" or not isinstance(item.get("content"), list):
        return item
    content = [{**part, "type": names.get(part["type"], part["type"])} for part in item["content"]]
    return {**item, "content": content}
