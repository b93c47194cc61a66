"""Measure the recovery after the process of a call is killed.

Four callers listen to an agent that speaks without a pause, and the process of the fourth call is
killed. The results are the time until the fourth caller receives speech again, from another
process, and the longest gap that the other three receive.
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
from benchmarks.agent_worker import agent_worker
from benchmarks.chirp import AMPLITUDE, GATE, chirp

ROOMS = ("one", "two", "three", "four")
SPEECH_SECONDS = 120.0
BEFORE_SECONDS = 2.0
BRIDGED_SECONDS = 1.0
"""How long a jitter buffer may continue speech after its end."""
AFTER_SECONDS = 2.0
WITHIN_SECONDS = 20.0
SMOOTH_SECONDS = 0.002


async def kill_process(address: LiveKitAddress) -> tuple[float, list[float]]:
    """Kill the process of the fourth call.

    Return the seconds until that caller receives speech again, and for each other caller the
    longest gap in milliseconds.
    """
    sound = chirp(SPEECH_SECONDS, SERVICE_RATE)
    script = Script(greeting="A chirp.")
    options = StandInOptions(script=script, speak=lambda *_, **__: sound, recognise=False)
    lines: list[str] = []
    async with StandIn(options) as stand_in, AsyncExitStack() as calls:
        worker = agent_worker(address, stand_in.url, "killed", on_line=lines.append)
        await calls.enter_async_context(worker)
        callers = []
        for room in ROOMS:
            call = Caller(address, room, agent_name="killed")
            caller = await calls.enter_async_context(call)
            if await caller.wait_for_speech(caller.joined_at, WITHIN_SECONDS) is None:
                raise LiveKitError(f"The agent said nothing for {WITHIN_SECONDS:g} s.")
            callers.append(caller)
        *others, fourth = callers
        await asyncio.sleep(BEFORE_SECONDS)
        begins = [len(caller.received.pcm) for caller in others]
        os.kill(job_of(lines, ROOMS[-1]), signal.SIGKILL)
        at = time.monotonic()
        while (resumed_at := fourth.received.first_speech_after(at + BRIDGED_SECONDS)) is None:
            if time.monotonic() > at + WITHIN_SECONDS:
                raise LiveKitError(f"No agent replaced the killed one within {WITHIN_SECONDS:g} s.")
            await asyncio.sleep(0.01)
        await asyncio.sleep(AFTER_SECONDS)
        gaps = [
            longest_gap_ms(bytes(caller.received.pcm[begin:]))
            for caller, begin in zip(others, begins, strict=True)
        ]
    return resumed_at - at, gaps


def job_of(lines: list[str], room: str) -> int:
    """Return the process id of the last job in ``room``, from the worker's log."""
    about = [line for line in lines if f'"room": "{room}"' in line and '"pid"' in line]
    found = re.search(r'"pid": (\d+)', about[-1])
    assert found
    return int(found[1])


def longest_gap_ms(pcm: bytes) -> float:
    """Return the longest gap in a recording of a sound without pauses."""
    samples = np.abs(np.frombuffer(pcm, np.int16).astype(np.float64))
    width = round(SMOOTH_SECONDS * ROOM_RATE)
    loud = np.flatnonzero(np.convolve(samples, np.ones(width) / width, "same") > GATE * AMPLITUDE)
    return float(np.diff(loud).max()) / ROOM_RATE * 1000


async def _measure(arguments: argparse.Namespace) -> int:
    times, gaps = [], []
    for number in range(arguments.runs):
        async with LiveKitServer(say) as server:
            seconds, others = await kill_process(server.address)
        times.append(seconds)
        gaps += others
        say(
            f"  … {number + 1}: speech after {seconds:.2f} s, "
            f"gaps {[round(gap) for gap in others]} ms"
        )
    result = {
        "words_again_s": {"median": round(median(times), 2), "most": round(max(times), 2)},
        "gap_of_others_ms": {"median": round(median(gaps)), "most": round(max(gaps))},
    }
    command_line.show(result, as_json=arguments.json)
    return 0


def main() -> int:
    parser = command_line.create_parser("benchmarks.process_loss", __doc__)
    parser.add_argument("--runs", type=int, default=5, help="processes to kill (%(default)s)")
    return command_line.run(_measure, parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
