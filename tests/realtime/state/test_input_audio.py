"""The caller's audio that no connection has committed."""

from __future__ import annotations

import pytest

from agent.realtime.protocol.audio import AudioChunk
from agent.realtime.state.input_audio import (
    PRE_ROLL_MS,
    SENTENCE_MS,
    STALE_SECONDS,
    UncommittedAudio,
)

CHUNK = AudioChunk("100 ms", 4800)


def filled(seconds: float, *, speaking: bool, connected: bool = True) -> UncommittedAudio:
    microphone = UncommittedAudio()
    for number in range(round(seconds * 10)):
        microphone.append(CHUNK, number / 10, speaking=speaking, connected=connected)
    return microphone


@pytest.mark.parametrize(
    ("speaking", "connected", "kept_ms"),
    [
        (False, True, PRE_ROLL_MS),
        (True, True, SENTENCE_MS),
        (True, False, SENTENCE_MS),
        (False, False, STALE_SECONDS * 1000 + 100),
    ],
)
def test_what_is_kept_of_a_minute(speaking: bool, connected: bool, kept_ms: float) -> None:
    assert filled(60, speaking=speaking, connected=connected).duration_ms == pytest.approx(
        kept_ms, abs=101
    )


def test_what_was_committed_is_kept_no_longer() -> None:
    microphone = filled(1, speaking=True)
    assert len(microphone.chunks()) == 10
    assert len(microphone.clear()) == 10
    assert microphone.chunks() == []
    assert microphone.duration_ms == 0
