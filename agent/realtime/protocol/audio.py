"""Audio as events carry it: base64 in one of the formats that the Realtime API takes. Pure."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """A mono format, by the name that a session's ``format.type`` has."""

    name: str
    sample_rate: int
    """In Hz."""
    bytes_per_sample: int
    bytes_per_ms: int = field(init=False)

    def __post_init__(self) -> None:
        per_ms = self.sample_rate * self.bytes_per_sample // 1000
        object.__setattr__(self, "bytes_per_ms", per_ms)

    def duration_ms(self, size_bytes: int) -> float:
        """How long ``size_bytes`` of decoded audio last, in milliseconds."""
        return size_bytes / self.bytes_per_ms


FORMATS = {
    audio_format.name: audio_format
    for audio_format in (
        AudioFormat("audio/pcm", 24_000, 2),
        AudioFormat("audio/pcmu", 8_000, 1),
        AudioFormat("audio/pcma", 8_000, 1),
    )
}
"""All formats: 16-bit PCM, and the two laws of G.711."""
PLUGIN_FORMAT = FORMATS["audio/pcm"]
"""The format that the plugin sends and plays (livekit-agents 1.8.9), and the service's default."""


class AudioChunk(NamedTuple):
    """The audio of one ``input_audio_buffer.append``.

    A named tuple, because one is made for each append and a frozen dataclass takes twice as long.
    """

    event_text: str
    """The event in JSON, as the client wrote it and as it is sent."""
    size_bytes: int
    """Of the decoded audio."""
    format: AudioFormat = PLUGIN_FORMAT

    @property
    def duration_ms(self) -> float:
        """In milliseconds."""
        return self.format.duration_ms(self.size_bytes)

    @property
    def base64(self) -> str:
        """The audio in base64; parses the event."""
        audio: str = json.loads(self.event_text)["audio"]
        return audio


def format_of(session: dict[str, Any], side: str, default: AudioFormat) -> AudioFormat:
    """The format of ``side``, ``input`` or ``output``, in a GA ``session``; ``default`` where it
    names none that is known."""
    settings: Any = session
    for key in ("audio", side, "format", "type"):
        settings = settings.get(key) if isinstance(settings, dict) else None
    return FORMATS.get(settings, default) if isinstance(settings, str) else default


def decoded_bytes(base64: str) -> int:
    """How many bytes valid ``base64`` decodes to, without decoding it."""
    return len(base64) * 3 // 4 - base64.count("=", -2)


def concatenate_base64(parts: Iterable[str]) -> str:
    """Parts of base64, each valid by itself, as one."""
    return b64encode(b"".join(b64decode(part) for part in parts)).decode()
