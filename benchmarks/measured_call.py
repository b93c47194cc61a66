"""Measure one call: latency, barge-in, memory and processor time."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Sequence
from itertools import pairwise

from agent.cli.call import synthesize
from agent.errors import LiveKitError
from agent.local.audio import ROOM_RATE, SPEECH_DBFS, dbfs, frames, seconds_of
from agent.local.call_script import run_call
from agent.local.caller import Caller
from benchmarks.rig import Rig, Worker

UTTERANCES = ("what are your opening hours", "I would like to book a table", "no thank you")
INTERRUPT_AFTER_SECONDS = 1.0
GAP_SECONDS = 0.25
"""Longer than any pause in the stand-in's speech, in seconds."""
IDLE_SECONDS = 20.0
"""How long a worker may take to end a call and warm up the next process."""

Sample = dict[str, float]

ROWS = {
    "greeting": "ms",
    "turn": "ms",
    "barge_in": "ms",
    "pss_idle": "MB",
    "pss_call": "MB",
    "cpu_call": "core",
}
"""The measurements and their units. ``pss_call`` is what a call adds to the idle worker."""


def synthesize_utterances() -> list[bytes]:
    """Return the caller's utterances, PCM at 48 kHz."""
    return [synthesize(text) for text in UTTERANCES]


async def measure_call(rig: Rig, worker: Worker, utterances: Sequence[bytes]) -> Sample:
    """Call ``worker`` and return its measurements; ``turn`` is the median of the call."""
    idle = worker.pss_mb()
    peak = [idle]
    cpu, began = worker.cpu_seconds(), time.monotonic()
    room = f"bench-{secrets.token_hex(4)}"
    async with Caller(rig.address, room, agent_name=worker.agent_name) as caller:
        result = await run_call(caller, utterances, on_turn=lambda _: peak.append(worker.pss_mb()))
        used = worker.cpu_seconds() - cpu
        seconds = time.monotonic() - began
        barge_in = await _measure_barge_in(caller, utterances[0], utterances[-1])
    await rig.delete_room(room)  # the plain worker leaves it to time out
    await _wait_until_idle(worker, idle)
    turns = sorted(turn.latency_ms for turn in result.turns)
    return {
        "greeting": result.greeting_ms,
        "turn": turns[len(turns) // 2],
        "barge_in": barge_in,
        "pss_idle": idle,
        "pss_call": max(peak) - idle,
        "cpu_call": used / seconds,
    }


async def _measure_barge_in(caller: Caller, question: bytes, interruption: bytes) -> float:
    """Return milliseconds from the start of the caller's interruption to silence at the caller.

    The service's turn detection finds the interruption: for both workers, the stand-in's Silero.
    """
    asked = await caller.say(question)
    answered = await caller.wait_for_speech(asked, 10)
    if answered is None:
        raise LiveKitError("The agent gave no answer to interrupt within 10 s.")
    await asyncio.sleep(INTERRUPT_AFTER_SECONDS)
    ended = await caller.say(interruption)
    began = ended - seconds_of(interruption, ROOM_RATE) + _leading_silence(interruption)
    # Speech after this gap is the answer to the interruption.
    speech = [at for at in caller.received.speech_times if at > answered]
    pauses = (at for at, then in pairwise([*speech, ended + 1]) if then - at > GAP_SECONDS)
    stopped = next((at for at in pauses if at > began), ended)
    return (stopped - began) * 1000


def _leading_silence(pcm: bytes) -> float:
    """Return the seconds before the first speech in ``pcm``."""
    for number, frame in enumerate(frames(pcm, ROOM_RATE, 10)):
        if dbfs(frame) > SPEECH_DBFS:
            return number * 0.01
    return 0.0


async def _wait_until_idle(worker: Worker, idle: float) -> None:
    """Wait until the job's process has ended and a warm one is ready."""
    deadline = time.monotonic() + IDLE_SECONDS
    while abs(worker.pss_mb() - idle) > 0.1 * idle and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.2)
