"""When the caller starts and stops speaking, judged on the audio itself, in audio time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from agent.local.vad import WINDOW_MS, VoiceActivity

START_WINDOWS = 2
"""Windows in a row that must hold speech: one alone is a click."""
HYSTERESIS = 0.15
"""Speech goes on until its probability falls this far below the threshold that began it."""

SEMANTIC_WAIT_MS = {"low": 1200, "medium": 800, "auto": 800, "high": 400}
"""Semantic VAD is stood in for by a fixed wait: the stand-in does not judge meaning."""
SEMANTIC_THRESHOLD = 0.5
SEMANTIC_PADDING_MS = 300


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    start_ms: float
    """Where the utterance begins in the session's audio, its padding included."""


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    end_ms: float
    """The end of the audio that belongs to it, the waited silence included."""


@dataclass(frozen=True, slots=True)
class IdleTimeout:
    """Nobody has spoken for ``idle_timeout_ms`` after the end of an answer."""

    start_ms: float
    end_ms: float


class TurnDetector:
    """Reads audio at 24 kHz and tells the edges of speech.

    ``settings`` is the session's ``turn_detection`` and may be replaced at any time.
    """

    def __init__(self, settings: dict[str, Any], position_ms: float) -> None:
        self.settings = settings
        self._activity = VoiceActivity()
        self._position_ms = position_ms
        self._floor_ms = position_ms
        self._loud_windows = 0
        self._silent_ms = 0.0
        self._speaking = False
        self._idle_from_ms: float | None = None

    @property
    def threshold(self) -> float:
        return float(self.settings.get("threshold", SEMANTIC_THRESHOLD))

    @property
    def padding_ms(self) -> float:
        return float(self.settings.get("prefix_padding_ms", SEMANTIC_PADDING_MS))

    @property
    def wait_ms(self) -> float:
        if self.settings["type"] == "semantic_vad":
            return SEMANTIC_WAIT_MS[self.settings["eagerness"]]
        return float(self.settings["silence_duration_ms"])

    def reset(self) -> None:
        """Forget speech that has begun: its audio was cleared."""
        self._speaking = False
        self._loud_windows = 0
        self._floor_ms = self._position_ms

    def expect_answer(self, after_ms: float) -> None:
        """The other side has begun ``after_ms`` of speech: silence counts from its end."""
        self._idle_from_ms = self._position_ms + after_ms

    def push(self, pcm: bytes) -> Iterator[SpeechStarted | SpeechStopped | IdleTimeout]:
        for probability in self._activity.push(pcm):
            self._position_ms += WINDOW_MS
            found = self._stop(probability) if self._speaking else self._start(probability)
            if found is not None:
                self._idle_from_ms = None
                yield found
            elif (timeout := self._idle()) is not None:
                yield timeout

    def _idle(self) -> IdleTimeout | None:
        limit_ms, start_ms = self.settings.get("idle_timeout_ms"), self._idle_from_ms
        if limit_ms is None or start_ms is None or self._position_ms - start_ms < limit_ms:
            return None
        self._idle_from_ms = None
        return IdleTimeout(max(start_ms, self._floor_ms), self._position_ms)

    def _start(self, probability: float) -> SpeechStarted | None:
        self._loud_windows = self._loud_windows + 1 if probability >= self.threshold else 0
        if self._loud_windows < START_WINDOWS:
            return None
        self._speaking, self._silent_ms = True, 0.0
        start_ms = self._position_ms - START_WINDOWS * WINDOW_MS - self.padding_ms
        return SpeechStarted(max(start_ms, self._floor_ms))

    def _stop(self, probability: float) -> SpeechStopped | None:
        loud = probability >= max(self.threshold - HYSTERESIS, 0.01)
        self._silent_ms = 0.0 if loud else self._silent_ms + WINDOW_MS
        if self._silent_ms < self.wait_ms:
            return None
        self._speaking, self._loud_windows = False, 0
        self._floor_ms = self._position_ms
        return SpeechStopped(self._position_ms)
