"""The sound that tells the place in it, cut off anywhere, in noise."""

from __future__ import annotations

import numpy as np
import pytest

from agent.local.audio import ROOM_RATE, silence
from benchmarks.chirp import chirp, find_segments

SECONDS = (0.31, 0.5, 0.74, 1.0, 1.234, 2.9)


def cut(seconds: float) -> bytes:
    return chirp(10, ROOM_RATE)[: round(seconds * ROOM_RATE) * 2]


def test_find_segments_returns_the_position_of_any_cut() -> None:
    recording = b"".join(cut(seconds) + silence(0.4, ROOM_RATE) for seconds in SECONDS)
    samples = np.frombuffer(recording, np.int16).astype(np.float64)
    noisy = samples + np.random.default_rng(1).normal(size=samples.size) * 300
    found = find_segments(noisy.astype(np.int16).tobytes(), ROOM_RATE)
    assert [each.position for each in found] == pytest.approx(SECONDS, abs=0.002)
    assert all(each.likeness > 0.95 for each in found)


def test_what_was_made_up_at_the_end_is_not_counted() -> None:
    """A jitter buffer goes on with the last that it had."""
    said = cut(1.2)
    repeated = said[-ROOM_RATE * 2 // 50 :]
    (found,) = find_segments(said + repeated + silence(0.4, ROOM_RATE), ROOM_RATE)
    assert found.position == pytest.approx(1.2, abs=0.02)


def test_silence_holds_nothing() -> None:
    assert find_segments(silence(1, ROOM_RATE), ROOM_RATE) == []
