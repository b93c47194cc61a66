"""Measure a long call over a service that ends its sessions.

The caller asks one question after another. Every session ends after ``--expire`` seconds, and the
worker moves the call to a new session before. The results are the lost and the doubled answers, the
longest silence before and within an answer, and the memory of the worker's processes.
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
from benchmarks.agent_worker import agent_worker
from benchmarks.rig import Worker

ANSWERS = {
    "what are your opening hours": "We are open from noon until ten in the evening.",
    "do you have a table for two": "Yes, there is a table for two at the window.",
    "no thank you": "As you like. Ask me anything else.",
}
SCRIPT = Script(
    greeting="Harbour Restaurant. How can I help?",
    turns=tuple(Turn(hear=(question,), say=answer) for question, answer in ANSWERS.items()),
    otherwise="Pardon?",
)
SETTLE_SECONDS = 120.0
"""Time before the first measurement of memory."""
GAP_SECONDS = 0.25
"""Longer than a pause between two words of generated speech."""


@dataclass(slots=True)
class CallQuality:
    """The answers, latencies and gaps of a call, and the worker's memory."""

    turns: int = 0
    lost: list[str] = field(default_factory=list)
    """Questions without their answer, each with what came instead."""
    doubled: list[str] = field(default_factory=list)
    latencies_ms: list[int] = field(default_factory=list)
    longest_gap_ms: int = 0
    """Within an answer."""
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
    """Talk to a worker for ``seconds``, over sessions that end after ``expire`` seconds."""
    quality = CallQuality()
    options = StandInOptions(script=SCRIPT, faults=(Fault("expire", expire),))
    async with (
        StandIn(options) as stand_in,
        agent_worker(address, stand_in.url, "reconnects") as child,
        Caller(address, "reconnects", agent_name="reconnects") as caller,
    ):
        worker = Worker("ours", "reconnects", psutil.Process(child.pid))
        await run_call(caller, [])
        began = time.monotonic()
        while (now := time.monotonic()) - began < seconds:
            question = list(ANSWERS)[quality.turns % len(ANSWERS)]
            await _ask(caller, question, quality)
            if now - began > min(SETTLE_SECONDS, seconds / 5):
                quality.memory_mb.append(worker.private_mb())
            if quality.turns % 10 == 0:
                say(f"  … {quality.turns} turns in {now - began:.0f} s, {len(quality.lost)} lost")
        quality.connections = len(stand_in.record.sessions)
    return quality


async def _ask(caller: Caller, question: str, quality: CallQuality) -> None:
    quality.turns += 1
    expected = ANSWERS[question]
    before = time.monotonic()
    try:
        turn = await run_turn(caller, synthesize(question))
    except LiveKitError as error:
        quality.lost.append(f"{question}: {error}")
        return
    if expected not in turn.agent:
        quality.lost.append(f"{question}: {turn.agent}")
    if turn.agent.count(expected) > 1 or turn.agent.replace(expected, "").strip():
        quality.doubled.append(f"{question}: {turn.agent}")
    quality.latencies_ms.append(turn.latency_ms)
    speech = [at for at in caller.received.speech_times if at > before]
    gaps = [then - at for at, then in pairwise(speech) if then - at > GAP_SECONDS]
    quality.longest_gap_ms = max(quality.longest_gap_ms, *(round(gap * 1000) for gap in gaps), 0)
    # Drop the recording of a long call: only its times are needed.
    caller.received.pcm.clear()
    del caller.received.speech_times[:-1]
    caller.transcripts.clear()


async def _measure(arguments: argparse.Namespace) -> int:
    async with LiveKitServer(say) as server:
        quality = await long_call(server.address, arguments.minutes * 60, arguments.expire)
    command_line.show(quality.summary(), as_json=arguments.json)
    return 1 if quality.lost or quality.doubled else 0


def main() -> int:
    parser = command_line.create_parser("benchmarks.reconnects", __doc__)
    parser.add_argument(
        "--minutes", type=float, default=10, help="length of the call (%(default)g)"
    )
    parser.add_argument(
        "--expire", type=float, default=27, help="lifetime of a session in seconds (%(default)g)"
    )
    return command_line.run(_measure, parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
