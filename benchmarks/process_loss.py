"""What the death of a job process costs: ``python -m benchmarks.process_loss [--runs N] [--json]``.

Four callers hear an agent that speaks without a pause; the process of the fourth is killed. Told is
after how long the fourth hears words again, from another process, and the longest gap in what the
other three heard meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import signal
import sys
import time
from contextlib import AsyncExitStack
from statistics import median

import numpy as np

from agent.cli.progress import say
from agent.errors import LiveKitError
from agent.local.audio import ROOM_RATE, SERVICE_RATE
from agent.local.caller import Caller
from agent.local.livekit_server import LiveKitAddress, LiveKitServer
from agent.local.standin import StandIn, StandInOptions
from agent.local.standin.script import Script
from benchmarks import command_line
from benchmarks.agent_worker import our_worker
from benchmarks.chirp import AMPLITUDE, GATE, chirp

ROOMS = ("one", "two", "three", "four")
SPEECH_SECONDS = 120.0
BEFORE_SECONDS = 2.0
BRIDGED_SECONDS = 1.0
"""After the end of a sound, a jitter buffer may speak on for part of this."""
AFTER_SECONDS = 2.0
WITHIN_SECONDS = 20.0
SMOOTH_SECONDS = 0.002


async def killed(address: LiveKitAddress) -> tuple[float, list[float]]:
    """Seconds until the fourth caller hears words again, and milliseconds of the longest gap of
    each of the others."""
    sound = chirp(SPEECH_SECONDS, SERVICE_RATE)
    script = Script(greeting="A chirp.")
    options = StandInOptions(script=script, speak=lambda *_, **__: sound, recognise=False)
    lines: list[str] = []
    async with StandIn(options) as stand_in, AsyncExitStack() as calls:
        worker = our_worker(address, stand_in.url, "killed", on_line=lines.append)
        await calls.enter_async_context(worker)
        callers = []
        for room in ROOMS:
            call = Caller(address, room, agent_name="killed")
            caller = await calls.enter_async_context(call)
            if await caller.wait_for_speech(caller.joined_at, WITHIN_SECONDS) is None:
                raise LiveKitError("The agent said nothing.")
            callers.append(caller)
        *others, fourth = callers
        await asyncio.sleep(BEFORE_SECONDS)
        begins = [len(caller.received.pcm) for caller in others]
        os.kill(job_of(lines, ROOMS[-1]), signal.SIGKILL)
        at = time.monotonic()
        while (heard := fourth.received.first_speech_after(at + BRIDGED_SECONDS)) is None:
            if time.monotonic() > at + WITHIN_SECONDS:
                raise LiveKitError("Nobody came in place of the agent whose process was killed.")
            await asyncio.sleep(0.01)
        await asyncio.sleep(AFTER_SECONDS)
        gaps = [
            longest_gap_ms(bytes(caller.received.pcm[begin:]))
            for caller, begin in zip(others, begins, strict=True)
        ]
    return heard - at, gaps


def job_of(lines: list[str], room: str) -> int:
    """The process of the last job in ``room``, by the worker's log."""
    about = [line for line in lines if f'"room": "{room}"' in line and '"pid"' in line]
    found = re.search(r'"pid": (\d+)', about[-1])
    assert found
    return int(found[1])


def longest_gap_ms(pcm: bytes) -> float:
    """In a sound that has none."""
    samples = np.abs(np.frombuffer(pcm, np.int16).astype(np.float64))
    width = round(SMOOTH_SECONDS * ROOM_RATE)
    loud = np.flatnonzero(np.convolve(samples, np.ones(width) / width, "same") > GATE * AMPLITUDE)
    return float(np.diff(loud).max()) / ROOM_RATE * 1000


async def _measure(arguments: argparse.Namespace) -> int:
    times, gaps = [], []
    for number in range(arguments.runs):
        async with LiveKitServer(say) as server:
            again, others = await killed(server.address)
        times.append(again)
        gaps += others
        say(
            f"  … {number + 1}: words after {again:.2f} s, gaps {[round(gap) for gap in others]} ms"
        )
    result = {
        "words_again_s": {"median": round(median(times), 2), "most": round(max(times), 2)},
        "gap_of_others_ms": {"median": round(median(gaps)), "most": round(max(gaps))},
    }
    command_line.show(result, as_json=arguments.json)
    return 0


def main() -> int:
    made = command_line.parser("benchmarks.process_loss", __doc__)
    made.add_argument("--runs", type=int, default=5, help="processes to kill (%(default)s)")
    return command_line.run(_measure, made.parse_args())


if __name__ == "__main__":
    sys.exit(main())
