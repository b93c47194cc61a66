"""Detect on the audio when the caller starts and stops speaking, in audio time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from agent.local.vad import WINDOW_MS, VoiceActivity

START_WINDOWS = 2
"""Windows in a row that must contain speech: a single one is a click."""
HYSTERESIS = 0.15
"""Speech continues until its probability falls this far below the threshold."""

SEMANTIC_WAIT_MS = {"low": 1200, "medium": 800, "auto": 800, "high": 400}
"""For semantic VAD, the stand-in waits a fixed time: it does not understand meaning."""
SEMANTIC_THRESHOLD = 0.5
SEMANTIC_PADDING_MS = 300


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The caller starts speaking."""

    start_ms: float
    """The start of the utterance in the session's audio, including its padding."""


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The caller stops speaking."""

    end_ms: float
    """The end of the utterance, including the silence that ended it."""


@dataclass(frozen=True, slots=True)
class IdleTimeout:
    """Nobody spoke for ``idle_timeout_ms`` after the end of a response."""

    start_ms: float
    end_ms: float


class TurnDetector:
    """Finds the start and the end of speech in audio at 24 kHz.

    ``settings`` is the session's ``turn_detection``; it may be replaced at any time.
    """

    def __init__(self, settings: dict[str, Any], position_ms: float) -> None:
        self.settings = settings
        self._activity = VoiceActivity()
        self._position_ms = position_ms
        self._min_start_ms = position_ms
        self._loud_windows = 0
        self._silent_ms = 0.0
        self._is_speaking = False
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
        """Forget speech that has started, because its audio is cleared."""
        self._is_speaking = False
        self._loud_windows = 0
        self._min_start_ms = self._position_ms

    def expect_answer(self, after_ms: float) -> None:
        """Count the idle timeout from ``after_ms`` from now, the end of a response."""
        self._idle_from_ms = self._position_ms + after_ms

    def push(self, pcm: bytes) -> Iterator[SpeechStarted | SpeechStopped | IdleTimeout]:
        """Add audio; yield what is found in it, in order."""
        for probability in self._activity.push(pcm):
            self._position_ms += WINDOW_MS
            found = (
                self._check_stop(probability)
                if self._is_speaking
                else self._check_start(probability)
            )
            if found is not None:
                self._idle_from_ms = None
                yield found
            elif (timeout := self._check_idle()) is not None:
                yield timeout

    def _check_idle(self) -> IdleTimeout | None:
        limit_ms, start_ms = self.settings.get("idle_timeout_ms"), self._idle_from_ms
        if limit_ms is None or start_ms is None or self._position_ms - start_ms < limit_ms:
            return None
        self._idle_from_ms = None
        return IdleTimeout(max(start_ms, self._min_start_ms), self._position_ms)

    def _check_start(self, probability: float) -> SpeechStarted | None:
        self._loud_windows = self._loud_windows + 1 if probability >= self.threshold else 0
        if self._loud_windows < START_WINDOWS:
            return None
        self._is_speaking, self._silent_ms = True, 0.0
        start_ms = self._position_ms - START_WINDOWS * WINDOW_MS - self.padding_ms
        return SpeechStarted(max(start_ms, self._min_start_ms))

    def _check_stop(self, probability: float) -> SpeechStopped | None:
        loud = probability >= max(self.threshold - HYSTERESIS, 0.01)
        self._silent_ms = 0.0 if loud else self._silent_ms + WINDOW_MS
        if self._silent_ms < self.wait_ms:
            return None
        self._is_speaking, self._loud_windows = False, 0
        self._min_start_ms = self._position_ms
        return SpeechStopped(self._position_ms)
