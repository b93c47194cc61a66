"""Reconnect: what the caller hears when the service, a process or livekit-server fails."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from livekit import api

from agent.call.lifecycle import FAILED_EXIT
from agent.cli.call import synthesize
from agent.config.instructions import load_instructions
from agent.local.audio import SERVICE_RATE
from agent.local.call_script import run_call, run_turn
from agent.local.caller import Caller
from agent.local.livekit_server import LiveKitAddress, LiveKitServer
from agent.local.standin import StandIn, StandInOptions
from agent.local.standin.faults import parse_fault
from agent.local.standin.recorder import SessionRecord
from agent.local.standin.script import Script, Turn
from benchmarks.chirp import chirp
from benchmarks.process_loss import job_of, longest_gap_ms
from benchmarks.reconnects import long_call
from tests.e2e.conftest import Worker
from tests.e2e.test_call import until_gone
from tests.kit.programs import AGENT

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

GREETING = "Harbour Restaurant. How can I help?"
QUESTION = "what are your opening hours"
ANSWER = "From noon until ten. Shall I book a table?"
SCRIPT = Script(greeting=GREETING, turns=(Turn(hear=(QUESTION,), say=ANSWER),), otherwise="Pardon?")
FAILING = Path(__file__).with_name("failing_worker.py")


class Faulty:
    """A worker, and a stand-in that fails on demand."""

    def __init__(self, worker: Worker, stand_in: StandIn) -> None:
        self.worker = worker
        self.stand_in = stand_in

    def fail(self, fault: str) -> None:
        parsed = parse_fault(fault)
        self.stand_in.faults[parsed.name] = parsed

    def mend(self) -> None:
        self.stand_in.faults.clear()

    @property
    def last(self) -> SessionRecord:
        return list(self.stand_in.record.sessions.values())[-1]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running(livekit: LiveKitAddress) -> AsyncIterator[Faulty]:
    async with (
        StandIn(StandInOptions(script=SCRIPT)) as stand_in,
        Worker(livekit, stand_in.url) as worker,
    ):
        await worker.until("registered worker")
        yield Faulty(worker, stand_in)


@pytest.fixture
def faulty(running: Faulty) -> Faulty:
    running.mend()
    return running


async def greeted(caller: Caller) -> None:
    assert (await run_call(caller, [])).greeting == GREETING


async def test_close_mid_reply(faulty: Faulty) -> None:
    """What was heard of the answer stays; the next question is answered as if nothing was."""
    async with faulty.worker.called() as caller:
        await greeted(caller)
        faulty.fail("close-mid-reply=3")
        cut = await run_turn(caller, synthesize(QUESTION))
        assert ANSWER.startswith(cut.agent)
        assert cut.agent != ANSWER
        faulty.mend()
        assert (await run_turn(caller, synthesize(QUESTION))).agent == ANSWER
        texts = [item.text for item in faulty.last.session.conversation if item.text]
        assert texts[:3] == [GREETING, QUESTION, cut.agent]


async def test_close_mid_reply_before_its_first_word(faulty: Faulty) -> None:
    async with faulty.worker.called() as caller:
        await greeted(caller)
        faulty.fail("close-mid-reply=0")
        asking = asyncio.create_task(run_turn(caller, synthesize(QUESTION)))
        sessions = len(faulty.stand_in.record.sessions)
        while len(faulty.stand_in.record.sessions) == sessions:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        faulty.mend()
        turn = await asking
        assert turn.agent == ANSWER
        assert turn.latency_ms < 2500


async def test_close_after_accept_and_http_503(faulty: Faulty) -> None:
    """An outage of a second or two: the caller is answered after it."""
    async with faulty.worker.called() as caller:
        await greeted(caller)
        for fault in ("close-after-accept=0", "http-503"):
            faulty.fail(fault)
            faulty.last.session.hang_up(1001, "")
            asking = asyncio.create_task(run_turn(caller, synthesize(QUESTION)))
            await asyncio.sleep(1.5)
            faulty.mend()
            assert (await asking).agent == ANSWER


async def test_half_open(faulty: Faulty) -> None:
    """Noticed within 4.5 s of silence, in which the caller's sentence is kept."""
    faulty.fail("half-open=6000")
    async with faulty.worker.called() as caller:
        await greeted(caller)
        faulty.mend()
        await asyncio.sleep(max(0.0, 6.2 - (time.time() - faulty.last.connected_at)))
        turn = await run_turn(caller, synthesize(QUESTION))
    assert turn.agent == ANSWER
    assert turn.latency_ms < 6500


async def test_http_401_is_the_end_at_once(faulty: Faulty, livekit: LiveKitAddress) -> None:
    async with faulty.worker.called("refused") as caller:
        await greeted(caller)
        faulty.fail("http-401")
        faulty.last.session.hang_up(1001, "")
        began = time.monotonic()
        await asyncio.wait_for(caller.disconnected.wait(), 5)
        assert time.monotonic() - began < 3
    await until_gone(livekit, "refused")
    host = faulty.stand_in.url.removeprefix("http://")
    assert any(f"{host} (401)" in line for line in faulty.worker.lines)
    assert not any("Traceback" in line for line in faulty.worker.lines)


async def test_expire(faulty: Faulty) -> None:
    """What ``python -m benchmarks.reconnects`` does for an hour; two minutes of it are below."""
    faulty.fail("expire=8")
    async with faulty.worker.called() as caller:
        await greeted(caller)
        sessions = len(faulty.stand_in.record.sessions)
        for _ in range(4):
            assert (await run_turn(caller, synthesize(QUESTION))).agent == ANSWER
        assert len(faulty.stand_in.record.sessions) >= sessions + 1
    expired = [seen for seen in faulty.stand_in.record.sessions.values() if seen.errors]
    assert not [e for seen in expired for e in seen.errors if e["code"] == "session_expired"]


@pytest.mark.parametrize("fault", ["garbage", "reorder", "duplicate", "refuse-first-update"])
async def test_odd_services(fault: str, faulty: Faulty) -> None:
    faulty.fail(fault)
    async with faulty.worker.called() as caller:
        await greeted(caller)
        assert (await run_turn(caller, synthesize(QUESTION))).agent == ANSWER
        assert (await run_turn(caller, synthesize(QUESTION))).agent == ANSWER
    instructions = faulty.last.session.config["instructions"]
    assert instructions == load_instructions("default")


async def test_a_caller_who_was_removed_is_gone(faulty: Faulty, livekit: LiveKitAddress) -> None:
    """Upstream closes for three reasons only, and stays for all others (D24)."""
    async with faulty.worker.called("removed") as caller:
        await greeted(caller)
        async with api.LiveKitAPI(livekit.url, livekit.api_key, livekit.api_secret) as client:
            identity = api.RoomParticipantIdentity(room="removed", identity=caller.identity)
            await client.room.remove_participant(identity)
        await until_gone(livekit, "removed", 5)
    assert any("the caller is gone: PARTICIPANT_REMOVED" in line for line in faulty.worker.lines)


async def test_d21_an_exception_is_a_failed_job(livekit: LiveKitAddress, faulty: Faulty) -> None:
    """What upstream tells the server follows from the process's exit code; and the room closes."""
    program = (sys.executable, "-m", "livekit.agents", "start", str(FAILING), "--dev")
    async with Worker(livekit, faulty.stand_in.url, program=program) as worker:
        await worker.until("registered worker")
        async with worker.called("failing") as caller:
            await worker.until("the call failed")
            await asyncio.wait_for(caller.disconnected.wait(), 5)
            await worker.until(f"process exited with non-zero exit code {FAILED_EXIT}")
        await until_gone(livekit, "failing")
        assert not any("dispatched again" in line for line in worker.lines)


async def test_a_process_that_is_killed_costs_its_own_call_a_moment(
    livekit: LiveKitAddress,
) -> None:
    """One of four. Upstream leaves the caller in silence until the server notices, some 20 s
    later."""
    sound = chirp(90, SERVICE_RATE)
    options = StandInOptions(script=SCRIPT, speak=lambda *_, **__: sound, recognise=False)
    async with (
        StandIn(options) as stand_in,
        Worker(livekit, stand_in.url) as worker,
        AsyncExitStack() as calls,
    ):
        await worker.until("registered worker")
        callers = []
        for room in ("one", "two", "three", "four"):
            caller = await calls.enter_async_context(worker.called(room))
            assert await caller.wait_for_speech(caller.joined_at, 20)
            callers.append(caller)
        *others, fourth = callers
        await asyncio.sleep(2)
        began = [len(caller.received.pcm) for caller in others]
        os.kill(job_of(worker.lines, "four"), signal.SIGKILL)
        killed = time.monotonic()
        # The jitter buffer speaks on for a moment.
        while fourth.received.first_speech_after(killed + 1.0) is None:
            assert time.monotonic() < killed + 8, worker.lines[-20:]
            await asyncio.sleep(0.05)
        await asyncio.sleep(1)
        # How short a gap is, is measured by benchmarks.process_loss: here the machine is busy.
        for caller, start in zip(others, began, strict=True):
            assert longest_gap_ms(bytes(caller.received.pcm[start:])) < 1000
        agents = [p for p in fourth.room.remote_participants if p.startswith("agent-")]
        assert len(agents) == 1
        # It is done once: a call that kills its process would do so for ever.
        os.kill(job_of(worker.lines, "four"), signal.SIGKILL)
        await until_gone(livekit, "four", 8)


async def test_a_worker_that_drains_says_how_many_calls_are_left(faulty: Faulty) -> None:
    livekit, url = faulty.worker.livekit, faulty.stand_in.url
    async with Worker(livekit, url, program=(*AGENT, "start")) as worker:
        await worker.until("registered worker")
        async with worker.called() as caller:
            await greeted(caller)
            ending = asyncio.create_task(worker.end(signal.SIGTERM))
            await worker.until("draining: 1 call left")
            assert (await run_turn(caller, synthesize(QUESTION))).agent == ANSWER
        code, _ = await ending
    assert code == 0


# livekit-rtc 1.1.21 may fail to free handles of the tracks from before a restarted connection.
@pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <function FfiHandle:pytest.PytestUnraisableExceptionWarning"
)
async def test_a_livekit_server_that_is_started_again(faulty: Faulty) -> None:
    """The worker registers by itself; a call that was cut goes on."""
    async with LiveKitServer() as first:
        address = first.address
        port = int(address.url.rpartition(":")[2])
        async with Worker(address, faulty.stand_in.url) as worker:
            await worker.until("registered worker")
            caller = worker.called()
            await caller.__aenter__()
            await greeted(caller)
            seen = faulty.last
            await first.__aexit__()
            worker.lines.clear()
            async with LiveKitServer(port=port, keys=address) as second:
                await worker.until("registered worker", 30)
                async with Caller(second.address, "after", agent_name=worker.agent_name) as after:
                    await greeted(after)
                # Both sides of the cut call have come back to the same room by themselves.
                caller.disconnected.clear()
                assert (await run_turn(caller, synthesize(QUESTION))).agent == ANSWER
                await caller.hang_up()
                deadline = time.monotonic() + 10
                while not seen.closed:
                    assert time.monotonic() < deadline, "the service is still paid for"
                    await asyncio.sleep(0.2)
    gc.collect()  # so that it is this test that meets them


@pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <function FfiHandle:pytest.PytestUnraisableExceptionWarning"
)
async def test_a_call_ends_whose_caller_is_not_back_after_a_restart(faulty: Faulty) -> None:
    async with LiveKitServer() as first:
        address = first.address
        port = int(address.url.rpartition(":")[2])
        async with Worker(address, faulty.stand_in.url) as worker:
            await worker.until("registered worker")
            caller = worker.called()
            await caller.__aenter__()
            await greeted(caller)
            seen = faulty.last
            await first.__aexit__()
            await caller.hang_up()
            async with LiveKitServer(port=port, keys=address):
                deadline = time.monotonic() + 30
                while not seen.closed:
                    assert time.monotonic() < deadline, "the service is still paid for"
                    await asyncio.sleep(0.2)
    gc.collect()  # so that it is this test that meets them


@pytest.mark.timeout(300)
async def test_two_minutes_of_sessions_that_end(livekit: LiveKitAddress) -> None:
    held = await long_call(livekit, 120, 27)
    summary = json.dumps(held.summary())
    assert (held.lost, held.doubled) == ([], []), summary
    assert held.connections >= 5, summary
    assert max(held.latencies_ms) < 1500, summary
    assert held.longest_gap_ms < 1500, summary
