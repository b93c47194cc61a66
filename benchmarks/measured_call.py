"""One measured call."""

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
"""Longer than any pause in the stand-in's speech."""
IDLE_SECONDS = 20.0
"""Given to a worker to end a call and warm up the next process."""

Sample = dict[str, float]

ROWS = {
    "greeting": "ms",
    "turn": "ms",
    "barge_in": "ms",
    "pss_idle": "MB",
    "pss_call": "MB",
    "cpu_call": "core",
}
"""What is measured, and its unit. ``pss_call`` is what a call adds to the idle worker."""


def sounds() -> list[bytes]:
    return [synthesize(text) for text in UTTERANCES]


async def measured_call(rig: Rig, worker: Worker, said: Sequence[bytes]) -> Sample:
    """Call ``worker``; the median turn of the call, and what it took."""
    idle = worker.pss_mb()
    peak = [idle]
    cpu, began = worker.cpu_seconds(), time.monotonic()
    room = f"bench-{secrets.token_hex(4)}"
    async with Caller(rig.address, room, agent_name=worker.agent_name) as caller:
        conversation = await run_call(caller, said, on_turn=lambda _: peak.append(worker.pss_mb()))
        used = worker.cpu_seconds() - cpu
        seconds = time.monotonic() - began
        barge_in = await _barge_in(caller, said[0], said[-1])
    await rig.delete_room(room)  # the plain worker leaves it to time out
    await _idle_again(worker, idle)
    turns = sorted(turn.latency_ms for turn in conversation.turns)
    return {
        "greeting": conversation.greeting_ms,
        "turn": turns[len(turns) // 2],
        "barge_in": barge_in,
        "pss_idle": idle,
        "pss_call": max(peak) - idle,
        "cpu_call": used / seconds,
    }


async def _barge_in(caller: Caller, question: bytes, interruption: bytes) -> float:
    """Milliseconds from the first sample of the caller's interruption to silence at the caller.

    The service's own turn detection hears it, the stand-in's Silero in both workers' case.
    """
    asked = await caller.say(question)
    answered = await caller.wait_for_speech(asked, 10)
    if answered is None:
        raise LiveKitError("There was no answer to interrupt.")
    await asyncio.sleep(INTERRUPT_AFTER_SECONDS)
    ended = await caller.say(interruption)
    began = ended - seconds_of(interruption, ROOM_RATE) + _leading_silence(interruption)
    # What is heard after this gap answers the interruption.
    heard = [at for at in caller.received.speech_times if at > answered]
    pauses = (at for at, then in pairwise([*heard, ended + 1]) if then - at > GAP_SECONDS)
    stopped = next((at for at in pauses if at > began), ended)
    return (stopped - began) * 1000


def _leading_silence(pcm: bytes) -> float:
    """Seconds before the first sound of ``pcm``."""
    for number, frame in enumerate(frames(pcm, ROOM_RATE, 10)):
        if dbfs(frame) > SPEECH_DBFS:
            return number * 0.01
    return 0.0


async def _idle_again(worker: Worker, idle: float) -> None:
    """Until the job's process is gone and a warm one stands ready."""
    deadline = time.monotonic() + IDLE_SECONDS
    while abs(worker.pss_mb() - idle) > 0.1 * idle and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.2)
