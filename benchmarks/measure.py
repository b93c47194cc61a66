"""One measured call."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Sequence

from agent.cli.call import spoken
from agent.local.caller import Caller
from agent.local.conversation import converse
from benchmarks.rig import Rig, Worker

UTTERANCES = ("what are your opening hours", "I would like to book a table", "no thank you")
IDLE_SECONDS = 20.0
"""Given to a worker to end a call and warm up the next process."""

Sample = dict[str, float]

ROWS = {
    "greeting": "ms",
    "turn": "ms",
    "pss_idle": "MB",
    "pss_call": "MB",
    "cpu_call": "core",
}
"""What is measured, and its unit. ``pss_call`` is what a call adds to the idle worker."""


def sounds() -> list[bytes]:
    return [spoken(text) for text in UTTERANCES]


async def measured_call(rig: Rig, worker: Worker, said: Sequence[bytes]) -> Sample:
    """Call ``worker``; the median turn of the call, and what it took."""
    idle = worker.pss_mb()
    peak = [idle]
    cpu, began = worker.cpu_seconds(), time.monotonic()
    room = f"bench-{secrets.token_hex(4)}"
    async with Caller(rig.address, room, agent_name=worker.agent_name) as caller:
        conversation = await converse(caller, said, on_turn=lambda _: peak.append(worker.pss_mb()))
        used = worker.cpu_seconds() - cpu
        seconds = time.monotonic() - began
    await rig.delete_room(room)  # the plain worker leaves it to time out
    await _idle_again(worker, idle)
    turns = sorted(turn.latency_ms for turn in conversation.turns)
    return {
        "greeting": conversation.greeting_ms,
        "turn": turns[len(turns) // 2],
        "pss_idle": idle,
        "pss_call": max(peak) - idle,
        "cpu_call": used / seconds,
    }


async def _idle_again(worker: Worker, idle: float) -> None:
    """Until the job's process is gone and a warm one stands ready."""
    deadline = time.monotonic() + IDLE_SECONDS
    while abs(worker.pss_mb() - idle) > 0.1 * idle and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.2)
