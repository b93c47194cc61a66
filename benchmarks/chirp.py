"""A sound whose pitch shows the playback position: it rises every half second.

Speech has pauses and repeats itself. Of this sound, a tenth of a second is enough to find the
position to a few milliseconds, through Opus and a jitter buffer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64]

PERIOD_SECONDS = 0.5
LOW_HZ, HIGH_HZ = 400.0, 2400.0
AMPLITUDE = 8000.0
WINDOW_SECONDS = 0.06
"""The length of the recording that is matched with the sound."""
EDGE_SECONDS = 0.01
"""The codec's fade before silence: left out of the match, and added to the position."""
GATE = 0.1
"""Fraction of the amplitude below which audio is silence."""
SMOOTH_SECONDS = 0.002
STEP_SECONDS = 0.005
CONCEALED_SECONDS = 0.1
"""The longest audio that a jitter buffer synthesizes after the end of a sound."""
FITS = 0.9
"""Correlation that counts as a match: the codec lowers it little, concealment a lot."""


def chirp(seconds: float, rate: int) -> bytes:
    """Return the sound as 16-bit mono PCM."""
    one = _period(rate)
    count = round(seconds * rate)
    return np.resize(one, count).astype(np.int16).tobytes()


@dataclass(frozen=True, slots=True)
class PlayedSegment:
    """A part of a recording with the sound, from its start to where it was cut off."""

    position: float
    """How much of the sound was played, in seconds."""
    likeness: float
    """Correlation of its end with the sound, 0 to 1."""


def find_segments(pcm: bytes, rate: int, *, apart: float = 0.1) -> list[PlayedSegment]:
    """Return the segments of a recording, at least ``apart`` seconds of silence between them."""
    samples = np.frombuffer(pcm, np.int16).astype(np.float64)
    return [
        _measure_segment(samples, begin, end, rate)
        for begin, end in _find_loud(samples, rate, apart)
    ]


def _period(rate: int) -> Samples:
    count = round(PERIOD_SECONDS * rate)
    time = np.arange(count) / rate
    slope = (HIGH_HZ - LOW_HZ) / PERIOD_SECONDS
    return AMPLITUDE * np.sin(2 * np.pi * (LOW_HZ * time + slope * time**2 / 2))


def _find_loud(samples: Samples, rate: int, apart: float) -> list[tuple[int, int]]:
    width = round(SMOOTH_SECONDS * rate)
    envelope = np.convolve(np.abs(samples), np.ones(width) / width, "same")
    loud = np.flatnonzero(envelope > GATE * AMPLITUDE)
    if not loud.size:
        return []
    breaks = np.flatnonzero(np.diff(loud) > apart * rate)
    begins = [int(loud[0]), *(int(loud[at + 1]) for at in breaks)]
    ends = [*(int(loud[at]) for at in breaks), int(loud[-1])]
    least = (WINDOW_SECONDS + EDGE_SECONDS) * rate
    return [(begin, end) for begin, end in zip(begins, ends, strict=True) if end - begin > least]


def _measure_segment(samples: Samples, begin: int, end: int, rate: int) -> PlayedSegment:
    """Find the end of the sound by searching backwards.

    Audio that a jitter buffer synthesized to conceal a gap matches nowhere and does not count.
    """
    edge = round(EDGE_SECONDS * rate)
    first = max(begin + round(WINDOW_SECONDS * rate), end - round(CONCEALED_SECONDS * rate))
    best: tuple[float, float, int] = (0.0, 0.0, end)
    for last in range(end - edge, first, -round(STEP_SECONDS * rate)):
        position, likeness = _find_position(samples[:last], rate)
        best = max(best, (likeness, position, last))
        if likeness >= FITS:
            break
    likeness, position, found = best
    if found == end - edge:
        position, found = position + EDGE_SECONDS, end
    # The pitch gives the position within a period, the length of the segment the period.
    periods = round(((found - begin) / rate - position) / PERIOD_SECONDS)
    return PlayedSegment(position + periods * PERIOD_SECONDS, likeness)


def _find_position(samples: Samples, rate: int) -> tuple[float, float]:
    """Return the position of the last samples in a period, in seconds, and their correlation."""
    window = samples[-round(WINDOW_SECONDS * rate) :]
    period = _period(rate)
    reference = np.concatenate([period, period[: window.size]])
    products = np.correlate(reference, window, "valid")
    energies = np.convolve(reference**2, np.ones(window.size), "valid")
    likeness = products / np.sqrt(energies * np.sum(window**2))
    at = int(np.argmax(likeness))
    return (at + window.size) / rate, float(likeness[at])
