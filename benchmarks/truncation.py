"""What the model is told was heard, beside what was: ``python -m benchmarks.truncation``.

The agent says a sound that tells the place in it, and is interrupted at random moments: the
caller's end knows by the pitch how far it came, the service by ``audio_end_ms``. Interrupted is
by the caller's button, which knows its moment; from there on all modes do the same.
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
from benchmarks.agent_worker import our_worker
from benchmarks.chirp import chirp, stretches
from benchmarks.delayed_relay import Relay

REPLY_SECONDS = 10.0
"""Longer than any reply is listened to."""
LISTEN_SECONDS = (0.4, 1.6)
PRESS_SECONDS = 0.3
"""Silence between two replies is no shorter; a gap in one, on a busy machine, is."""
GOAL_MS = 20.0
SETTLE_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class Interruption:
    heard_ms: float
    """How much of the reply came to the caller."""
    told_ms: float
    """How much of it the service was told that was heard."""
    likeness: float
    """How sure the first is, 0 to 1."""

    @property
    def error_ms(self) -> float:
        return self.told_ms - self.heard_ms


async def interruptions(
    address: LiveKitAddress, near: LiveKitAddress, count: int, *, seed: int = 1
) -> list[Interruption]:
    """Call a worker at ``address`` by way of ``near``, and interrupt it ``count`` times."""
    chance = random.Random(seed)
    sound = chirp(REPLY_SECONDS, SERVICE_RATE)
    options = StandInOptions(
        script=Script(greeting="A chirp.", otherwise="A chirp."),
        recognise=False,
        pace=20.0,
        speak=lambda *_, **__: sound,
    )
    name = f"heard-{secrets.token_hex(3)}"
    environ = {"AGENT_TURN_TAKING": "push_to_talk"}
    async with (
        StandIn(options) as stand_in,
        our_worker(address, stand_in.url, name, environ=environ),
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
    return _compared(shown, pcm, count)


async def _interrupt(caller: Caller, chance: random.Random) -> None:
    began = asyncio.get_running_loop().time()
    if await caller.wait_for_speech(began, 15) is None:
        raise LiveKitError("There was no reply to interrupt.")
    await asyncio.sleep(chance.uniform(*LISTEN_SECONDS))
    agent = caller.agent_identity()
    assert agent is not None
    for method in (PRESS, RELEASE):
        await caller.room.local_participant.perform_rpc(
            destination_identity=agent, method=method, payload=""
        )
        await asyncio.sleep(PRESS_SECONDS if method == PRESS else 0)


def _compared(session: dict[str, Any], pcm: bytes, count: int) -> list[Interruption]:
    said = [item["id"] for item in session["items"] if item.get("role") == "assistant"]
    heard = stretches(pcm, ROOM_RATE, apart=PRESS_SECONDS)
    return [
        Interruption(one.position * 1000, session["heard_ms"][item], one.likeness)
        for item, one in zip(said[:count], heard[:count], strict=True)
    ]


@asynccontextmanager
async def line(delay_ms: float, jitter_ms: float) -> AsyncIterator[tuple[Any, Any]]:
    """A livekit-server, and where a caller finds it over a line that takes so long each way."""
    async with LiveKitServer(say) as server:
        if not delay_ms:
            yield server.address, server.address
            return
        relay = Relay(server.address, server.media_port, delay_ms=delay_ms, jitter_ms=jitter_ms)
        async with relay as near:
            yield server.address, near
        assert relay.carried > 0, "the caller found a way around the relay"


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
    for name, delay, jitter in (("loopback", 0.0, 0.0), ("slow line", 100.0, 20.0)):
        say(f"{arguments.count} interruptions, {name}")
        async with line(delay, jitter) as (address, near):
            result[name] = summary(await interruptions(address, near, arguments.count))
    command_line.show(result, as_json=arguments.json)
    return 0


def main() -> int:
    made = command_line.parser("benchmarks.truncation", __doc__)
    made.add_argument("--count", type=int, default=50, help="interruptions (%(default)s)")
    return command_line.run(_measure, made.parse_args())


if __name__ == "__main__":
    sys.exit(main())
