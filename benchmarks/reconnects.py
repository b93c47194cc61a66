"""A long call over a service that ends its sessions.

``python -m benchmarks.reconnects --minutes 60``


The caller asks, is answered, and asks again, while every session ends after ``--expire`` seconds
and the worker moves the call to another one before. Counted is what the caller gets: answers that
do not come, or come twice, the longest silence before and inside an answer, and what the worker's
processes hold in memory.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from typing import Any

import psutil

from agent.cli.call import synthesize
from agent.cli.progress import say
from agent.errors import LiveKitError
from agent.local.call_script import run_call, run_turn
from agent.local.caller import Caller
from agent.local.livekit_server import LiveKitAddress, LiveKitServer
from agent.local.standin import StandIn, StandInOptions
from agent.local.standin.faults import Fault
from agent.local.standin.script import Script, Turn
from benchmarks import command_line
from benchmarks.agent_worker import our_worker
from benchmarks.rig import Worker

ANSWERS = {
    "what are your opening hours": "We are open from noon until ten in the evening.",
    "do you have a table for two": "Yes, there is a table for two at the window.",
    "no thank you": "As you like. Ask me anything else.",
}
SCRIPT = Script(
    greeting="Harbour Restaurant. How can I help?",
    turns=tuple(Turn(hear=(asked,), say=answer) for asked, answer in ANSWERS.items()),
    otherwise="Pardon?",
)
SETTLE_SECONDS = 120.0
"""Until memory is looked at for the first time."""
GAP_SECONDS = 0.25
"""Longer than a pause between two words of generated speech."""


@dataclass(slots=True)
class CallQuality:
    """What a caller got of a call."""

    turns: int = 0
    lost: list[str] = field(default_factory=list)
    """Questions without their answer, and what came instead."""
    doubled: list[str] = field(default_factory=list)
    latencies_ms: list[int] = field(default_factory=list)
    longest_gap_ms: int = 0
    """Inside an answer."""
    connections: int = 0
    memory_mb: list[float] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        first, last = self.memory_mb[0], self.memory_mb[-1]
        return {
            "turns": self.turns,
            "lost": self.lost,
            "doubled": self.doubled,
            "connections": self.connections,
            "latency_ms": {
                "median": round(median(self.latencies_ms)),
                "most": max(self.latencies_ms),
            },
            "longest_gap_ms": self.longest_gap_ms,
            "memory_mb": {
                "first": round(first, 1),
                "last": round(last, 1),
                "most": round(max(self.memory_mb), 1),
                "change_percent": round(100 * (last - first) / first, 1),
            },
        }


async def long_call(address: LiveKitAddress, seconds: float, expire: float) -> CallQuality:
    """Talk to a worker for so long, over sessions that end after ``expire`` seconds."""
    held = CallQuality()
    options = StandInOptions(script=SCRIPT, faults=(Fault("expire", expire),))
    async with (
        StandIn(options) as stand_in,
        our_worker(address, stand_in.url, "line") as child,
        Caller(address, "line", agent_name="line") as caller,
    ):
        worker = Worker("ours", "line", psutil.Process(child.pid))
        await run_call(caller, [])
        began = time.monotonic()
        while (now := time.monotonic()) - began < seconds:
            asked = list(ANSWERS)[held.turns % len(ANSWERS)]
            await _ask(caller, asked, held)
            if now - began > min(SETTLE_SECONDS, seconds / 5):
                held.memory_mb.append(worker.private_mb())
            if held.turns % 10 == 0:
                say(f"  … {held.turns} turns in {now - began:.0f} s, {len(held.lost)} lost")
        held.connections = len(stand_in.record.sessions)
    return held


async def _ask(caller: Caller, asked: str, held: CallQuality) -> None:
    held.turns += 1
    expected = ANSWERS[asked]
    before = time.monotonic()
    try:
        turn = await run_turn(caller, synthesize(asked))
    except LiveKitError as error:
        held.lost.append(f"{asked}: {error}")
        return
    if expected not in turn.agent:
        held.lost.append(f"{asked}: {turn.agent}")
    if turn.agent.count(expected) > 1 or turn.agent.replace(expected, "").strip():
        held.doubled.append(f"{asked}: {turn.agent}")
    held.latencies_ms.append(turn.latency_ms)
    heard = [at for at in caller.received.speech_times if at > before]
    gaps = [then - at for at, then in pairwise(heard) if then - at > GAP_SECONDS]
    held.longest_gap_ms = max(held.longest_gap_ms, *(round(gap * 1000) for gap in gaps), 0)
    # A long call's recording is nobody's: only its times are looked at.
    caller.received.pcm.clear()
    del caller.received.speech_times[:-1]
    caller.transcripts.clear()


async def _measure(arguments: argparse.Namespace) -> int:
    async with LiveKitServer(say) as server:
        held = await long_call(server.address, arguments.minutes * 60, arguments.expire)
    command_line.show(held.summary(), as_json=arguments.json)
    return 1 if held.lost or held.doubled else 0


def main() -> int:
    made = command_line.parser("benchmarks.reconnects", __doc__)
    made.add_argument("--minutes", type=float, default=10, help="of talk (%(default)g)")
    made.add_argument("--expire", type=float, default=27, help="a session's life in seconds")
    return command_line.run(_measure, made.parse_args())


if __name__ == "__main__":
    sys.exit(main())
