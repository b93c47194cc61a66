"""Who is near the microphone, told by loudness."""

from __future__ import annotations

import numpy as np

from agent.voice.loudness import Loudness

RATE = 16_000
SIZE = RATE // 50


def heard(loudness: Loudness, level: float, seconds: float, seed: int = 0) -> float:
    """The share of noise of this level that stands out."""
    rng = np.random.default_rng(seed)
    count = int(seconds * 50)
    outs = 0
    for _ in range(count):
        samples = (rng.normal(size=SIZE) * level).clip(-32768, 32767).astype(np.int16)
        outs += loudness.is_near_voice(samples, RATE)
    return outs / count


def test_a_voice_in_silence_stands_out_from_its_first_syllable() -> None:
    loudness = Loudness(3.0)
    assert heard(loudness, 1, 2) == 0
    assert heard(loudness, 2500, 1) > 0.95


def test_a_murmur_does_not_however_long_it_lasts() -> None:
    loudness = Loudness(3.0)
    heard(loudness, 700, 6)
    assert heard(loudness, 700, 20, seed=1) == 0


def test_a_voice_stands_out_from_the_murmur_behind_it() -> None:
    loudness = Loudness(3.0)
    heard(loudness, 700, 6)
    assert heard(loudness, 2500, 1, seed=1) > 0.9
    heard(loudness, 700, 2, seed=2)
    assert heard(loudness, 700, 6, seed=3) == 0


def test_who_is_much_fainter_than_the_caller_is_somebody_else() -> None:
    loudness = Loudness(3.0)
    heard(loudness, 1, 2)
    heard(loudness, 3000, 2)
    heard(loudness, 1, 8)
    assert heard(loudness, 150, 2) == 0, "an echo of the agent"
    assert heard(loudness, 1500, 1) > 0.9, "the caller, who leans back"


def test_digital_silence_and_nothing_at_all() -> None:
    loudness = Loudness(3.0)
    assert not loudness.is_near_voice(np.zeros(SIZE, np.int16), RATE)
    assert not loudness.is_near_voice(np.zeros(0, np.int16), RATE)
