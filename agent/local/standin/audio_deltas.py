"""The three audio formats, and speech cut into the deltas of a response."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from agent.local import g711
from agent.local.audio import BYTES_PER_SAMPLE, SERVICE_RATE, resample
from agent.local.speech_synthesis import Speak

DELTA_MS = 200
"""Audio in one ``response.output_audio.delta``."""

_UPSAMPLING = SERVICE_RATE // g711.RATE


@dataclass(frozen=True, slots=True)
class Format:
    """An audio format of the Realtime API."""

    name: str
    law: Literal["ulaw", "alaw"] | None = None

    @property
    def bytes_per_ms(self) -> int:
        return (g711.RATE if self.law else SERVICE_RATE * BYTES_PER_SAMPLE) // 1000


PCM = Format("audio/pcm")
FORMATS = {
    "audio/pcm": PCM,
    "audio/pcmu": Format("audio/pcmu", "ulaw"),
    "audio/pcma": Format("audio/pcma", "alaw"),
}


def format_of(settings: dict[str, Any]) -> Format:
    """The format of an ``audio.input`` or ``audio.output`` object."""
    return FORMATS[settings["format"]["type"]]


class Decoder:
    """Converts incoming audio to PCM at 24 kHz. It keeps partial samples between two pieces."""

    def __init__(self) -> None:
        self._last = 0.0
        self._odd = b""

    def decode(self, data: bytes, format: Format) -> bytes:
        if format.law is None:
            data = self._odd + data
            self._odd = data[len(data) // BYTES_PER_SAMPLE * BYTES_PER_SAMPLE :]
            return data[: len(data) - len(self._odd)]
        narrow = np.frombuffer(g711.decode(data, format.law), np.int16).astype(np.float32)
        if not narrow.size:
            return b""
        points: npt.NDArray[np.float32] = np.concatenate([[self._last], narrow], dtype=np.float32)
        self._last = float(narrow[-1])
        places = np.arange(1, narrow.size * _UPSAMPLING + 1) / _UPSAMPLING
        wide = np.interp(places, np.arange(points.size), points)
        return wide.astype(np.int16).tobytes()


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of an answer: its audio in base64, and the words spoken by its end."""

    audio: str
    words: str
    duration_ms: float


@lru_cache(maxsize=512)
def deltas(
    speak: Speak, text: str, voice: str, language: str, speed: float, format: Format
) -> Sequence[Delta]:
    """Return ``text`` as speech in deltas. The cache serves all sessions that say the same."""
    pcm = speak(text, voice=voice, language=language, speed=speed)
    encoded = pcm
    if format.law is not None:
        encoded = g711.encode(resample(pcm, SERVICE_RATE, g711.RATE), format.law)
    size = DELTA_MS * format.bytes_per_ms
    words = split_words(text)
    count = max(1, -(-len(encoded) // size))
    pieces, sent_words = [], 0
    for index in range(count):
        piece = encoded[index * size : (index + 1) * size]
        due = -(-len(words) * (index + 1) // count)
        audio = base64.b64encode(piece).decode()
        delta_words = "".join(words[sent_words:due])
        pieces.append(Delta(audio, delta_words, len(piece) / format.bytes_per_ms))
        sent_words = due
    return pieces


def split_words(line: str) -> list[str]:
    """Split ``line`` into words, each with the space before it; joined, they are ``line`` again."""
    pieces = line.split(" ")
    return [pieces[0], *(f" {piece}" for piece in pieces[1:])]
