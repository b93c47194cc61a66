"""The worker's own detector, on speech in noise."""

from __future__ import annotations

import numpy as np
import pytest

from agent.voice.turn_detection import PRESETS
from benchmarks.noise import NOISES, RATE, WORDS, spoken, stopping


@pytest.mark.parametrize("name", list(PRESETS))
async def test_every_preset_hears_a_caller_in_a_quiet_room(name: str) -> None:
    silence = np.zeros(RATE)
    sound = np.concatenate([silence, spoken(WORDS[1], "cedar"), silence])
    stops = await stopping(PRESETS[name], sound)
    assert stops
    assert 1.0 < min(stops) < 2.2


@pytest.mark.slow
@pytest.mark.parametrize("noise", ["babble", "echo", "typing"])
async def test_noisy_stops_for_the_caller_and_not_for_the_noise(noise: str) -> None:
    """10 dB below the caller, there from the start; the caller speaks at 6 s and at the end."""
    said = spoken(WORDS[0], "ash")
    sound = NOISES[noise](np.random.default_rng(1), 30) * 10 ** (-10 / 20)
    first, last = 6 * RATE, len(sound) - len(said)
    for began in (first, last):
        sound[began : began + len(said)] += said
    stops = [at * RATE for at in await stopping(PRESETS["noisy"], sound)]
    assert [at for at in stops if first < at < first + len(said) + RATE]
    assert not [at for at in stops if first + len(said) + 2 * RATE < at < last]
    assert [at for at in stops if at > last]
