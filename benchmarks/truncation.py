"""Measure how well ``audio_end_ms`` matches what the caller received of an interrupted answer.

The agent plays a sound whose pitch shows the position, and the caller interrupts it at random
moments. The recording shows how far the sound came, ``audio_end_ms`` what the service knows. The
caller interrupts with push-to-talk, at a known moment; after that, all modes work the same.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

from agent.cli.progress import say
from agent.errors import LiveKitError
from agent.local.audio import ROOM_RATE, SERVICE_RATE
from agent.local.caller import Caller
from agent.local.livekit_server import LiveKitAddress, LiveKitServer
from agent.local.standin import StandIn, StandInOptions
from agent.local.standin.script import Script
from agent.voice.push_to_talk import PRESS, RELEASE
from benchmarks import command_line
from benchmarks.agent_worker import agent_worker
from benchmarks.chirp import chirp, find_segments
from benchmarks.delayed_relay import Relay

REPLY_SECONDS = 10.0
"""Longer than the caller listens to any reply."""
LISTEN_SECONDS = (0.4, 1.6)
PRESS_SECONDS = 0.3
"""The shortest silence between two replies; gaps within one, on a busy machine, are shorter."""
GOAL_MS = 20.0
SETTLE_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class Interruption:
    """One interruption, as the caller received it and as the worker reported it."""

    received_ms: float
    """How much of the reply the caller received."""
    reported_ms: float
    """How much of it the worker reported to the service."""
    likeness: float
    """How certain ``received_ms`` is, 0 to 1."""

    @property
    def error_ms(self) -> float:
        return self.reported_ms - self.received_ms


async def measure_interruptions(
    address: LiveKitAddress, near: LiveKitAddress, count: int, *, seed: int = 1
) -> list[Interruption]:
    """Call a worker at ``address`` through ``near``, and interrupt it ``count`` times."""
    chance = random.Random(seed)
    sound = chirp(REPLY_SECONDS, SERVICE_RATE)
    options = StandInOptions(
        script=Script(greeting="A chirp.", otherwise="A chirp."),
        recognise=False,
        pace=20.0,
        speak=lambda *_, **__: sound,
    )
    name = f"truncation-{secrets.token_hex(3)}"
    environ = {"AGENT_TURN_TAKING": "push_to_talk"}
    async with (
        StandIn(options) as stand_in,
        agent_worker(address, stand_in.url, name, environ=environ),
        Caller(near, name, agent_name=name) as caller,
    ):
        for number in range(count):
            await _interrupt(caller, chance)
            if (number + 1) % 10 == 0:
                say(f"  … {number + 1} of {count}")
        await asyncio.sleep(SETTLE_SECONDS)
        (session,) = stand_in.record.sessions.values()
        shown = session.as_dict()
        pcm = bytes(caller.received.pcm)
    return _compare(shown, pcm, count)


async def _interrupt(caller: Caller, chance: random.Random) -> None:
    began = asyncio.get_running_loop().time()
    if await caller.wait_for_speech(began, 15) is None:
        raise LiveKitError("The agent gave no reply to interrupt within 15 s.")
    await asyncio.sleep(chance.uniform(*LISTEN_SECONDS))
    agent = caller.agent_identity()
    assert agent is not None
    for method in (PRESS, RELEASE):
        await caller.room.local_participant.perform_rpc(
            destination_identity=agent, method=method, payload=""
        )
        await asyncio.sleep(PRESS_SECONDS if method == PRESS else 0)


def _compare(session: dict[str, Any], pcm: bytes, count: int) -> list[Interruption]:
    said = [item["id"] for item in session["items"] if item.get("role") == "assistant"]
    segments = find_segments(pcm, ROOM_RATE, apart=PRESS_SECONDS)
    return [
        Interruption(one.position * 1000, session["heard_ms"][item], one.likeness)
        for item, one in zip(said[:count], segments[:count], strict=True)
    ]


@asynccontextmanager
async def network_path(delay_ms: float, jitter_ms: float) -> AsyncIterator[tuple[Any, Any]]:
    """Yield a livekit-server's address, and the address for a caller with this delay."""
    async with LiveKitServer(say) as server:
        if not delay_ms:
            yield server.address, server.address
            return
        relay = Relay(server.address, server.media_port, delay_ms=delay_ms, jitter_ms=jitter_ms)
        async with relay as near:
            yield server.address, near
        assert relay.packet_count > 0, "the caller's audio bypassed the relay"


def summary(found: list[Interruption]) -> dict[str, float]:
    errors = [each.error_ms for each in found]
    within = sum(abs(error) <= GOAL_MS for error in errors)
    return {
        "interruptions": len(found),
        "within_20_ms": within,
        "median_ms": round(median(errors), 1),
        "least_ms": round(min(errors), 1),
        "most_ms": round(max(errors), 1),
        "least_likeness": round(min(each.likeness for each in found), 2),
    }


async def _measure(arguments: argparse.Namespace) -> int:
    result = {}
    for name, delay, jitter in (("loopback", 0.0, 0.0), ("slow network", 100.0, 20.0)):
        say(f"{arguments.count} interruptions, {name}")
        async with network_path(delay, jitter) as (address, near):
            result[name] = summary(await measure_interruptions(address, near, arguments.count))
    command_line.show(result, as_json=arguments.json)
    return 0


def main() -> int:
    parser = command_line.create_parser("benchmarks.truncation", __doc__)
    parser.add_argument("--count", type=int, default=50, help="interruptions (%(default)s)")
    return command_line.run(_measure, parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
