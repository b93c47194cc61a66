"""A sound that tells where in it one is: every half second its pitch rises from low to high.

Speech has pauses and repeats itself; of this, a tenth of a second is enough to know the place to
a few milliseconds, through Opus and a jitter buffer.
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
"""As much of what was heard is looked for in the sound."""
EDGE_SECONDS = 0.01
"""Just before silence, the codec's fade: not looked at, and added again."""
GATE = 0.1
"""Of the amplitude: quieter is silence."""
SMOOTH_SECONDS = 0.002
STEP_SECONDS = 0.005
MADE_UP_SECONDS = 0.1
"""A jitter buffer bridges no more than this, fading, at the end of a sound."""
FITS = 0.9
"""Likeness of what was heard to what was said: the codec takes little, concealment a lot."""


def chirp(seconds: float, rate: int) -> bytes:
    """The sound as 16-bit mono PCM."""
    one = _period(rate)
    count = round(seconds * rate)
    return np.resize(one, count).astype(np.int16).tobytes()


@dataclass(frozen=True, slots=True)
class Heard:
    """A stretch of the sound, from its beginning to where it was cut off."""

    ended_at: float
    """Seconds into the recording."""
    position: float
    """How much of the sound was heard, in seconds."""
    likeness: float
    """How well its end fits, 0 to 1."""


def stretches(pcm: bytes, rate: int, *, apart: float = 0.1) -> list[Heard]:
    """Each stretch in a recording; ``apart`` is the least silence between two, in seconds."""
    samples = np.frombuffer(pcm, np.int16).astype(np.float64)
    return [_measured(samples, begin, end, rate) for begin, end in _loud(samples, rate, apart)]


def _period(rate: int) -> Samples:
    count = round(PERIOD_SECONDS * rate)
    time = np.arange(count) / rate
    slope = (HIGH_HZ - LOW_HZ) / PERIOD_SECONDS
    return AMPLITUDE * np.sin(2 * np.pi * (LOW_HZ * time + slope * time**2 / 2))


def _loud(samples: Samples, rate: int, apart: float) -> list[tuple[int, int]]:
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


def _measured(samples: Samples, begin: int, end: int, rate: int) -> Heard:
    """Where the sound ends, looked for from the end backwards: what a jitter buffer made up to
    bridge a gap fits nowhere, and is no part of what was said."""
    edge = round(EDGE_SECONDS * rate)
    first = max(begin + round(WINDOW_SECONDS * rate), end - round(MADE_UP_SECONDS * rate))
    best: tuple[float, float, int] = (0.0, 0.0, end)
    for last in range(end - edge, first, -round(STEP_SECONDS * rate)):
        place, likeness = _found(samples[:last], rate)
        best = max(best, (likeness, place, last))
        if likeness >= FITS:
            break
    likeness, place, found = best
    if found == end - edge:
        place, found = place + EDGE_SECONDS, end
    # The pitch tells the place within a period, the stretch's length which period it was.
    periods = round(((found - begin) / rate - place) / PERIOD_SECONDS)
    return Heard(found / rate, place + periods * PERIOD_SECONDS, likeness)


def _found(samples: Samples, rate: int) -> tuple[float, float]:
    """Where in a period the last samples are, in seconds, and how well they fit there."""
    window = samples[-round(WINDOW_SECONDS * rate) :]
    period = _period(rate)
    reference = np.concatenate([period, period[: window.size]])
    products = np.correlate(reference, window, "valid")
    energies = np.convolve(reference**2, np.ones(window.size), "valid")
    likeness = products / np.sqrt(energies * np.sum(window**2))
    at = int(np.argmax(likeness))
    return (at + window.size) / rate, float(likeness[at])
