"""Measure false and missed interruptions in noise, for each preset of ``local`` mode.

The worker's voice activity detector gets noise alone, and a caller's words in noise at 20, 10 and
5 dB. False: the share of the agent's five-second sentences that noise alone interrupts. Missed: the
share of the caller's interruptions that do not stop the agent. All sounds are synthetic, with fixed
seeds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Sequence

import numpy as np
from livekit import rtc
from livekit.agents import vad

from agent.cli.progress import say
from agent.local.audio import SERVICE_RATE, resample
from agent.local.speech_synthesis import VARIANTS, speech
from agent.voice.turn_detection import PRESETS, Preset
from agent.voice.vad import load_vad

RATE = 16_000
SNRS_DB = (20, 10, 5)
NOISE_SECONDS = 40
SENTENCE_SECONDS = 5
WORDS = ("wait a moment please", "no that is not right", "stop I have a question")
GAP_SECONDS = 2.5
LEVEL = 2500.0
"""Root mean square of speech, of 32767."""

Samples = np.ndarray[tuple[int], np.dtype[np.float64]]


def spoken(text: str, voice: str) -> Samples:
    pcm = resample(speech.say(text, voice=voice), SERVICE_RATE, RATE)
    return level(np.frombuffer(pcm, np.int16).astype(np.float64))


def level(samples: Samples) -> Samples:
    return samples * (LEVEL / max(1.0, float(np.sqrt(np.mean(samples**2)))))


def babble(rng: np.random.Generator, seconds: int) -> Samples:
    """Six voices at once, none of them intelligible."""
    total = np.zeros(seconds * RATE)
    for voice in list(VARIANTS)[:6]:
        text = "the weather is fine today and so we went to the market to buy some bread and fish"
        one = spoken(text, voice)
        total += np.resize(np.roll(one, int(rng.integers(len(one)))), len(total))
    return level(total)


def traffic(rng: np.random.Generator, seconds: int) -> Samples:
    """Low rumble that swells and fades."""
    white = rng.normal(size=seconds * RATE)
    rumble = np.cumsum(white)
    rumble -= np.convolve(rumble, np.ones(400) / 400, "same")
    swell = 1.2 + np.sin(np.arange(len(rumble)) / RATE * 2 * np.pi / 7)
    return level(rumble * swell)


def typing(rng: np.random.Generator, seconds: int) -> Samples:
    """Clicks, five to ten a second."""
    total = rng.normal(size=seconds * RATE) * 0.02
    at = 0
    while at < len(total) - 800:
        click = rng.normal(size=400) * np.exp(-np.arange(400) / 60)
        total[at : at + 400] += click
        at += int(rng.integers(RATE // 10, RATE // 5))
    return level(total)


def echo(rng: np.random.Generator, seconds: int) -> Samples:
    """The agent's own voice from a loudspeaker, 20 dB lower after an echo canceller."""
    text = "from noon until ten shall I book a table for you this evening or would you rather wait"
    one = spoken(text, "marin")
    room = np.convolve(np.resize(one, seconds * RATE), np.exp(-np.arange(1600) / 300), "same")
    return level(room) * 0.1


def line(rng: np.random.Generator, seconds: int) -> Samples:
    """Hum and hiss of a telephone line."""
    time = np.arange(seconds * RATE) / RATE
    hum = sum(np.sin(2 * np.pi * 50 * n * time) / n for n in (1, 2, 3, 5))
    return level(np.asarray(hum) + 0.5 * rng.normal(size=len(time)))


NOISES: dict[str, Callable[[np.random.Generator, int], Samples]] = {
    "babble": babble,
    "traffic": traffic,
    "typing": typing,
    "echo": echo,
    "line": line,
}


async def stopping(preset: Preset, sound: Samples) -> list[float]:
    """Return the times, in seconds, at which the detector would interrupt the agent."""
    stream = load_vad(preset).stream()
    pcm = sound.clip(-32768, 32767).astype(np.int16)
    size = RATE // 50
    for start in range(0, len(pcm) - size, size):
        piece = pcm[start : start + size].tobytes()
        stream.push_frame(rtc.AudioFrame(piece, RATE, 1, size))
    stream.end_input()
    found = [
        event.samples_index / RATE
        async for event in stream
        if event.type is vad.VADEventType.INFERENCE_DONE
        and event.speaking
        and event.speech_duration >= preset.min_interruption_seconds
    ]
    await stream.aclose()
    return found


async def measure(preset: Preset, noise: Samples, snr_db: int) -> tuple[int, int, int]:
    """Return the counts of false, missed and real interruptions."""
    quiet = noise * 10 ** (-snr_db / 20)
    # The caller speaks before, so that the detector knows the caller's level.
    said = spoken(WORDS[0], "cedar")
    before = len(said) / RATE
    stops = await stopping(preset, np.concatenate([said + np.resize(quiet, len(said)), quiet]))
    sentences = {int((at - before) // SENTENCE_SECONDS) for at in stops if at > before + 1}
    false = len(sentences)
    gap = np.zeros(int(GAP_SECONDS * RATE))
    parts, spans, at = [gap], [], len(gap)
    for voice in list(VARIANTS)[:5]:
        for text in WORDS:
            words = spoken(text, voice)
            spans.append((at / RATE, (at + len(words)) / RATE + 0.3))
            parts += [words, gap]
            at += len(words) + len(gap)
    sound = np.concatenate(parts)
    stops = await stopping(preset, sound + np.resize(quiet, len(sound)))
    missed = sum(not any(start <= stop <= end for stop in stops) for start, end in spans)
    return false, missed, len(spans)


async def table(names: Sequence[str]) -> dict[str, dict[str, dict[str, float]]]:
    rows: dict[str, dict[str, dict[str, float]]] = {}
    for name in names:
        preset = PRESETS[name]
        rows[name] = {}
        for snr_db in SNRS_DB:
            false = missed = real = 0
            for number, make in enumerate(NOISES.values()):
                noise = make(np.random.default_rng(number), NOISE_SECONDS)
                counts = await measure(preset, noise, snr_db)
                false, missed, real = false + counts[0], missed + counts[1], real + counts[2]
            sentences = NOISE_SECONDS / SENTENCE_SECONDS * len(NOISES)
            rows[name][f"{snr_db} dB"] = {
                "false_percent": round(100 * false / sentences, 2),
                "missed_percent": round(100 * missed / real, 2),
            }
            say(f"{name:8} {snr_db:3} dB  {rows[name][f'{snr_db} dB']}")
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.noise", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")
    parser.add_argument("--preset", choices=tuple(PRESETS), help="measure only this preset")
    arguments = parser.parse_args()
    names = (arguments.preset,) if arguments.preset else tuple(PRESETS)
    rows = asyncio.run(table(names))
    if arguments.json:
        print(json.dumps(rows))
        return 0
    print(f"{'preset':8} " + " ".join(f"{f'{snr} dB':>18}" for snr in SNRS_DB))
    for name, cells in rows.items():
        shown = (
            f"{cell['false_percent']:5.1f} % {cell['missed_percent']:5.1f} %"
            for cell in cells.values()
        )
        print(f"{name:8} " + " ".join(f"{text:>18}" for text in shown))
    return 0


if __name__ == "__main__":
    sys.exit(main())
