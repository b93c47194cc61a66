"""The caller's audio since the last commit, and the turn detection that reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from agent.local.audio import BYTES_PER_SAMPLE, SERVICE_RATE
from agent.local.standin.audio_deltas import Decoder, format_of
from agent.local.standin.turn_detection import (
    IdleTimeout,
    SpeechStarted,
    SpeechStopped,
    TurnDetector,
)

BYTES_PER_MS = SERVICE_RATE * BYTES_PER_SAMPLE // 1000
MAX_UNCOMMITTED_MS = 120_000
"""Older uncommitted audio is dropped, which bounds the memory of a session."""


class InputAudioBuffer:
    """Uncommitted audio as PCM at 24 kHz.

    All positions are in milliseconds of audio since the session began: what counts is how much
    audio came, not when it came.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        """``settings`` is the ``audio.input`` object of the session."""
        self.speech_item_id = ""
        """The id of the item that the caller's current utterance becomes."""
        self._settings = settings
        self._audio = bytearray()
        self._start_bytes = 0
        self._detector: TurnDetector | None = None
        self._decoder = Decoder()
        self.configure(settings)

    def configure(self, settings: dict[str, Any]) -> None:
        """Apply changed ``audio.input`` settings. An utterance in progress continues."""
        self._settings = settings
        turn_detection = settings["turn_detection"]
        if turn_detection is None:
            self._detector = None
        elif self._detector is None:
            self._detector = TurnDetector(turn_detection, self.end_ms)
        else:
            self._detector.settings = turn_detection

    @property
    def end_ms(self) -> float:
        return (self._start_bytes + len(self._audio)) / BYTES_PER_MS

    @property
    def duration_ms(self) -> float:
        return len(self._audio) / BYTES_PER_MS

    def append(self, data: bytes) -> Iterator[SpeechStarted | SpeechStopped | IdleTimeout]:
        """Append audio in the session's input format; yield what turn detection finds in it.

        The caller handles each result before it asks for the next.
        """
        pcm = self._decoder.decode(data, format_of(self._settings))
        self._audio += pcm
        if self._detector is not None:
            yield from self._detector.push(pcm)
        self._drop(len(self._audio) - MAX_UNCOMMITTED_MS * BYTES_PER_MS)

    def clear(self) -> None:
        self._drop(len(self._audio))
        if self._detector is not None:
            self._detector.reset()

    def drop_until(self, position_ms: float) -> None:
        """Drop the audio before ``position_ms``."""
        self._drop(round(position_ms * BYTES_PER_MS) - self._start_bytes)

    def take_until(self, position_ms: float) -> bytes:
        """Remove and return the audio before ``position_ms``."""
        return self._take(round(position_ms * BYTES_PER_MS) - self._start_bytes)

    def take_all(self) -> bytes:
        """Remove and return all audio."""
        return self._take(len(self._audio))

    def expect_answer(self, audio_ms: float) -> None:
        """Start the idle timeout after an answer of ``audio_ms`` that begins to play now."""
        if self._detector is not None:
            self._detector.expect_answer(audio_ms)

    def _take(self, size: int) -> bytes:
        size = size // BYTES_PER_SAMPLE * BYTES_PER_SAMPLE
        pcm = bytes(self._audio[:size])
        self._drop(size)
        return pcm

    def _drop(self, size: int) -> None:
        if size > 0:
            size = min(size, len(self._audio))
            del self._audio[:size]
            self._start_bytes += size
