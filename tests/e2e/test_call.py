"""Calls through a real livekit-server, real WebRTC and the real worker."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from typing import Any

import pytest
from livekit import api

from agent.cli.call import synthesize
from agent.local.audio import ROOM_RATE, is_speech, seconds_of
from agent.local.call_script import run_call
from agent.local.caller import Caller
from agent.local.livekit_server import LiveKitAddress
from agent.local.standin import StandIn
from tests.e2e.conftest import Worker

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

GREETING = "Harbour Restaurant. How can I help?"
QUESTION = "what are your opening hours"
ANSWER = "From noon until ten. Shall I book a table?"
SIP: dict[str, Any] = {
    "kind": "sip",
    "attributes": {
        "sip.callID": "SCL_1",
        "sip.callStatus": "active",
        "sip.phoneNumber": "+15550100",
        "sip.trunkPhoneNumber": "+15550199",
        "sip.trunkID": "ST_1",
        "sip.ruleID": "SDR_1",
    },
}


async def rooms(livekit: LiveKitAddress) -> set[str]:
    async with api.LiveKitAPI(livekit.url, livekit.api_key, livekit.api_secret) as client:
        return {room.name for room in (await client.room.list_rooms(api.ListRoomsRequest())).rooms}


async def until_gone(livekit: LiveKitAddress, room: str, within: float = 10) -> float:
    """Until ``room`` is gone; how long that took."""
    began = time.monotonic()
    while room in await rooms(livekit):
        assert time.monotonic() - began < within, f"{room} is still there"
        await asyncio.sleep(0.1)
    return time.monotonic() - began


async def test_a_greeting_and_an_answer_are_heard(worker: Worker) -> None:
    async with worker.called() as caller:
        conversation = await run_call(caller, [synthesize(QUESTION)])
    assert conversation.greeting == GREETING
    assert 0 < conversation.greeting_ms < 5000
    (turn,) = conversation.turns
    assert (turn.user, turn.agent) == (QUESTION, ANSWER)
    assert 500 < turn.latency_ms < 2000
    heard = bytes(caller.received.pcm)
    assert is_speech(heard)
    assert seconds_of(heard, ROOM_RATE) > 5


async def test_two_calls_at_once(worker: Worker) -> None:
    async with worker.called() as one, worker.called() as two:
        first, second = await asyncio.gather(
            run_call(one, [synthesize(QUESTION)]), run_call(two, [synthesize("no thank you")])
        )
    assert first.turns[0].agent == ANSWER
    assert second.turns[0].agent == "Thank you. Goodbye."


async def test_who_hangs_up_leaves_no_room_and_the_next_is_answered(
    worker: Worker, livekit: LiveKitAddress
) -> None:
    async with worker.called("hung-up") as caller:
        assert await caller.wait_for_speech(caller.joined_at, 10)
    await until_gone(livekit, "hung-up")
    async with worker.called() as caller:
        assert (await run_call(caller, [])).greeting == GREETING


async def test_a_room_with_someone_else_in_it_stays(
    worker: Worker, livekit: LiveKitAddress
) -> None:
    async with worker.called("shared", identity="caller") as caller:
        assert await caller.wait_for_speech(caller.joined_at, 10)
        colleague = Caller(livekit, "shared", identity="colleague")
        await colleague.__aenter__()
    await asyncio.wait_for(colleague.disconnected.wait(), 10)
    assert colleague.room.isconnected()
    assert "shared" in await rooms(livekit)
    await colleague.hang_up()


async def test_a_telephone_caller_is_answered_and_can_interrupt_the_greeting(
    worker: Worker,
) -> None:
    async with worker.called(identity="sip_+15550100", **SIP) as caller:
        began = await caller.wait_for_speech(caller.joined_at, 10)
        assert began is not None
        spoke = time.monotonic()
        said = await caller.say(synthesize(QUESTION))
        # The greeting takes three seconds; interrupted, it ends while the caller still speaks.
        last = max(at for at in caller.received.speech_times if at < said + 0.3)
        assert last - spoke < 0.9
        answered = await caller.wait_for_speech(said, 10)
        assert answered is not None
        await caller.wait_for_silence(0.7, 10)
        assert ANSWER in caller.transcript(caller.agent_identity() or "", spoke)


async def test_a_service_that_is_down_ends_the_call_at_once(livekit: LiveKitAddress) -> None:
    """No dead air: upstream leaves such a caller alone with a silent agent (D1)."""
    async with Worker(livekit, "http://127.0.0.1:1") as worker:
        await worker.until("registered worker")
        async with worker.called("down") as caller:
            await asyncio.wait_for(caller.disconnected.wait(), 15)
        await until_gone(livekit, "down")


async def test_a_signal_to_the_whole_group_lets_calls_end(
    livekit: LiveKitAddress, stand_in: StandIn
) -> None:
    """As a service manager stops it; upstream's job processes die of it (D22)."""
    entry = (sys.executable, "-m", "livekit.agents", "start", "agent/worker.py")
    async with Worker(livekit, stand_in.url, program=entry) as worker:
        await worker.until("registered worker")
        async with worker.called() as caller:
            assert await caller.wait_for_speech(caller.joined_at, 10)
            ending = asyncio.create_task(worker.end(signal.SIGTERM, group=True))
            await worker.until("draining worker")
            said = await caller.say(synthesize(QUESTION))
            assert await caller.wait_for_speech(said, 5)
            assert not ending.done()
        code, _ = await ending
    assert code == 0
