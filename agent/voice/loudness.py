"""Tells the caller's voice from voices behind it, by how loud they are. Pure.

A detector of speech finds speech in a murmur of people and in the agent's own echo as well, however
faint. The caller sits nearest to the microphone.
"""

from __future__ import annotations

from collections import deque

import numpy as np

SILENT_DB = -60.0
"""Of full scale: fainter is no voice."""
MEMORY_SECONDS = 6.0
"""Of the surroundings' level. A caller's sentence is no part of it."""
RISE_SECONDS = 0.12
"""Over how much sound a level is taken: a syllable."""
HANG_SECONDS = 0.45
"""How long it may be fainter within a sentence, between words."""
SURROUNDINGS = 0.9
"""The share of the remembered levels that is the surroundings' own swell."""
QUIETEST = 0.1
"""The share of all levels, the caller's among them, that lies between words: as loud as the
surroundings are, however long somebody speaks."""
SWELL_DB = 4.0
"""By how much the surroundings rise above their quietest."""
NEAR_RANGE_DB = 15.0
"""How much fainter than the loudest of late the caller may become."""
NEAR_DECAY_DB = 0.1
"""By how much a second that loudest is forgotten: the caller may lean back."""


class Loudness:
    """Lets through what stands out by ``margin_db`` from what was there before it."""

    def __init__(self, margin_db: float) -> None:
        self._margin_db = margin_db
        self._levels: deque[tuple[float, float]] = deque()
        """The surroundings: how long each piece was in seconds, and its level in dB."""
        self._kept_seconds = 0.0
        self._all: deque[tuple[float, float]] = deque()
        self._all_seconds = 0.0
        self._pending: deque[tuple[float, float]] = deque()
        self._mean_square = 0.0
        self._open_seconds = 0.0
        self._near_db = SILENT_DB

    def is_near_voice(self, samples: np.ndarray[tuple[int], np.dtype[np.int16]], rate: int) -> bool:
        """Whether a piece of sound, 10 to 100 ms of it, is the caller's."""
        seconds = len(samples) / rate
        square = float(np.mean((samples.astype(np.float64) / 32768) ** 2)) if len(samples) else 0.0
        share = min(1.0, seconds / RISE_SECONDS)
        self._mean_square += share * (square - self._mean_square)
        level_db = 10 * float(np.log10(self._mean_square + 1e-12))
        self._all.append((seconds, level_db))
        self._all_seconds += seconds
        while self._all_seconds > MEMORY_SECONDS:
            self._all_seconds -= self._all.popleft()[0]
        self._near_db = max(SILENT_DB, self._near_db - NEAR_DECAY_DB * seconds)
        surroundings_db = self._surroundings_db() + self._margin_db
        if level_db > max(SILENT_DB, surroundings_db, self._near_db - NEAR_RANGE_DB):
            self._open_seconds = HANG_SECONDS
            self._near_db = max(self._near_db, level_db)
            self._pending.clear()
            return True
        if self._open_seconds > 0:
            self._open_seconds -= seconds
            return True
        self._remember(seconds, level_db)
        return False

    def _surroundings_db(self) -> float:
        between_words = _share(self._all, QUIETEST) + SWELL_DB
        return max(between_words, _share(self._levels, SURROUNDINGS))

    def _remember(self, seconds: float, level_db: float) -> None:
        """Take a piece for surroundings, unless it turns out to have been the rise of a word."""
        self._pending.append((seconds, level_db))
        if sum(each for each, _ in self._pending) < 2 * RISE_SECONDS:
            return
        piece = self._pending.popleft()
        self._levels.append(piece)
        self._kept_seconds += piece[0]
        while self._kept_seconds > MEMORY_SECONDS:
            self._kept_seconds -= self._levels.popleft()[0]


def _share(levels: deque[tuple[float, float]], share: float) -> float:
    """The level that this share of ``levels`` stays below."""
    if not levels:
        return SILENT_DB
    return sorted(level for _, level in levels)[int(share * (len(levels) - 1))]
