"""How calls begin and end: who may control them, who is waited for, what the client can read."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from livekit import api, rtc
from livekit.agents import Agent, AgentSession
from livekit.agents.voice.remote_session import RemoteSession
from livekit.protocol.agent_pb import agent_session as agent_pb

from agent.cli.call import place_call, synthesize
from agent.errors import LiveKitError
from agent.local.audio import ROOM_RATE, frames
from agent.local.call_script import run_call, run_turn
from agent.local.caller import Caller
from agent.local.livekit_server import LiveKitAddress
from agent.local.standin import StandIn, StandInOptions
from agent.local.standin.faults import parse_fault
from agent.local.standin.script import Script
from tests.e2e.conftest import Worker
from tests.e2e.test_call import until_gone
from tests.e2e.test_overrides import agents_attributes

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

GREETING = "Harbour Restaurant. How can I help?"
QUESTION = "what are your opening hours"
ANSWER = "From noon until ten. Shall I book a table?"
SHORT_WAIT = Path(__file__).with_name("short_wait_worker.py")


def record_attributes(caller: Caller) -> dict[str, str]:
    """What the agent's attributes were set to while ``caller`` was in the room."""
    recorded: dict[str, str] = {}

    def on_changed(changed: dict[str, str], _: rtc.Participant) -> None:
        recorded.update(changed)

    caller.room.on("participant_attributes_changed", on_changed)
    return recorded


async def test_remote_control_of_a_call_is_not_answered(worker: Worker) -> None:
    room = f"remote-{secrets.token_hex(3)}"
    async with worker.called(room) as caller:
        assert await caller.wait_for_speech(caller.joined_at, 10)
        async with plain_agent(worker.livekit, room):
            # The same request is answered by a session that hosts remote control.
            assert (await agent_info(caller.room, "plain")).instructions == "Answer anybody."
        with pytest.raises(TimeoutError):
            await agent_info(caller.room, caller.agent_identity() or "")


async def agent_info(
    room: rtc.Room, identity: str
) -> agent_pb.SessionResponse.GetAgentInfoResponse:
    """What the agent ``identity`` tells of itself to a participant of ``room``."""
    remote = RemoteSession.from_room(room, agent_identity=identity)
    await remote.start()
    try:
        async with asyncio.timeout(2):
            return await remote.get_agent_info()
    finally:
        await remote.aclose()


@asynccontextmanager
async def plain_agent(livekit: LiveKitAddress, room_name: str) -> AsyncIterator[None]:
    """A session of livekit-agents in the room, with its remote control on as by default."""
    token = (
        api.AccessToken(livekit.api_key, livekit.api_secret)
        .with_identity("plain")
        .with_kind("agent")
        .with_grants(api.VideoGrants(room_join=True, room=room_name, agent=True))
    )
    room: rtc.Room = rtc.Room()
    await room.connect(livekit.url, token.to_jwt())
    session: AgentSession[None] = AgentSession()
    try:
        await session.start(Agent(instructions="Answer anybody."), room=room, record=False)
        yield
    finally:
        await session.aclose()
        await room.disconnect()


async def test_second_tab_with_the_same_identity_goes_on_with_the_call(worker: Worker) -> None:
    room = f"tabs-{secrets.token_hex(3)}"
    async with worker.called(room) as first:
        assert (await run_call(first, [])).greeting == GREETING
        async with Caller(worker.livekit, room) as second:
            await asyncio.wait_for(first.disconnected.wait(), 5)
            assert (await run_turn(second, synthesize(QUESTION))).agent == ANSWER


async def test_second_agent_of_the_same_name_leaves_the_room(
    worker: Worker, livekit: LiveKitAddress
) -> None:
    room = f"twice-{secrets.token_hex(3)}"
    async with worker.called(room) as caller:
        assert (await run_call(caller, [])).greeting == GREETING
        async with api.LiveKitAPI(livekit.url, livekit.api_key, livekit.api_secret) as client:
            request = api.CreateAgentDispatchRequest(agent_name=worker.agent_name, room=room)
            await client.agent_dispatch.create_dispatch(request)
        await worker.until(f"in room '{room}'")
        assert (await run_turn(caller, synthesize(QUESTION))).agent == ANSWER


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def without_model(livekit: LiveKitAddress) -> AsyncIterator[Worker]:
    """A worker whose service does not answer, and which waits two seconds for a caller."""
    program = (sys.executable, "-m", "livekit.agents", "start", str(SHORT_WAIT), "--dev")
    async with Worker(livekit, "http://127.0.0.1:1", program=program) as worker:
        await worker.until("registered worker")
        yield worker


async def test_room_with_machines_only_ends_the_job(without_model: Worker) -> None:
    async with without_model.called("machines", kind="ingress"):
        await without_model.until("no person joined room 'machines' within 2 s")
        await without_model.until("no caller came", 5)


async def test_first_connection_that_fails_is_reported_to_the_client_and_nothing_is_recorded(
    without_model: Worker,
) -> None:
    caller = without_model.called("no-model")
    attributes = record_attributes(caller)
    async with caller:
        await asyncio.wait_for(caller.disconnected.wait(), 20)
    assert "127.0.0.1" in json.loads(attributes["agent.connection_lost"])["reason"]
    assert json.loads(attributes["agent.call_ended"]) == {"reason": "error"}
    recorded = await without_model.until("recorded: ")
    for kind in ("audio", "traces", "logs", "transcript"):
        assert f"'{kind}': False" in recorded
    await until_gone(without_model.livekit, "no-model")


async def test_huge_metadata_is_reported_within_livekits_bound(
    worker: Worker, livekit: LiveKitAddress
) -> None:
    room = f"huge-{secrets.token_hex(3)}"
    metadata = json.dumps({"session": {"voice": "v" * 60_000}})
    async with worker.called(room, metadata=metadata) as caller:
        assert (await run_call(caller, [])).greeting == GREETING
        problems = (await agents_attributes(livekit, room))["agent.problems"]
    assert len(problems) <= 16_384
    assert json.loads(problems)
    assert max(map(len, worker.lines)) < 5000


async def test_pre_connect_audio_is_heard(livekit: LiveKitAddress, stand_in: StandIn) -> None:
    """A client that records while it waits for the agent, as LiveKit's own do."""
    question = synthesize(QUESTION)
    async with Worker(livekit, stand_in.url, AGENT_WELCOME="") as worker:
        await worker.until("registered worker")
        caller = worker.called(preconnect_buffer=True)
        sending: list[asyncio.Task[None]] = []

        async def send(identity: str) -> None:
            publication = next(iter(caller.room.local_participant.track_publications.values()))
            writer = await caller.room.local_participant.stream_bytes(
                "buffer",
                topic="lk.agent.pre-connect-audio-buffer",
                destination_identities=[identity],
                attributes={
                    "trackId": publication.sid,
                    "sampleRate": str(ROOM_RATE),
                    "channels": "1",
                },
            )
            for piece in frames(question, ROOM_RATE, 200):
                await writer.write(piece)
            await writer.aclose()

        def on_connected(participant: rtc.RemoteParticipant) -> None:
            sending.append(asyncio.create_task(send(participant.identity)))

        caller.room.on("participant_connected", on_connected)
        async with caller:
            began = time.monotonic()
            assert await caller.wait_for_speech(began, 10)
            assert await caller.wait_for_silence(0.7, 10)
            await asyncio.gather(*sending)
            assert ANSWER in caller.transcript(caller.agent_identity() or "", began)


class Gateway:
    """The real livekit-server behind another port, where its HTTP API can be made to hang or to
    reset connections; the signal connections of rooms and workers pass."""

    def __init__(self, livekit: LiveKitAddress) -> None:
        self._port = int(livekit.url.rpartition(":")[2])
        self.fault = ""
        """``hang`` or ``reset``."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._api_writers: list[asyncio.StreamWriter] = []
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Gateway:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.url = f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()

    def fail(self, fault: str) -> None:
        self.fault = fault
        for writer in self._api_writers:
            writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        head = await reader.readuntil(b"\r\n")
        if b"/twirp/" in head:
            self._api_writers.append(writer)
            if self.fault == "reset":
                writer.transport.abort()
            if self.fault:
                return
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        self._writers.append(back)
        back.write(head)
        for source, sink in ((reader, back), (there, writer)):
            task = asyncio.create_task(self._pipe(source, sink))
            self._tasks.add(task)

    async def _pipe(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await source.read(65_536):
                sink.write(data)
                await sink.drain()
        sink.close()


async def test_end_of_session_while_livekits_api_fails_ends_the_job(
    livekit: LiveKitAddress,
) -> None:
    async with (
        Gateway(livekit) as gateway,
        StandIn(StandInOptions(script=Script(greeting=GREETING))) as stand_in,
        Worker(replace(livekit, url=gateway.url), stand_in.url) as worker,
    ):
        await worker.until("registered worker")
        for fault in ("hang", "reset"):
            gateway.fail("")
            stand_in.faults.clear()
            worker.lines.clear()
            async with worker.called(f"api-{fault}") as caller:
                assert await caller.wait_for_speech(caller.joined_at, 10)
                gateway.fail(fault)
                stand_in.faults["http-401"] = parse_fault("http-401")
                list(stand_in.record.sessions.values())[-1].session.hang_up(1001, "")
                began = time.monotonic()
                await asyncio.wait_for(caller.disconnected.wait(), 10)
                assert time.monotonic() - began < 6
                await worker.until("process exiting", 20)
                await worker.until(f"the room 'api-{fault}' could not be closed")


async def test_call_to_a_name_without_a_worker_says_so(livekit: LiveKitAddress) -> None:
    with pytest.raises(LiveKitError, match="No worker accepted the call"):
        await place_call(livekit, "nobody", [], answer_seconds=1)


async def test_full_worker_says_why_it_takes_no_call(
    livekit: LiveKitAddress, stand_in: StandIn
) -> None:
    full = Path(__file__).with_name("full_worker.py")
    program = (sys.executable, "-m", "livekit.agents", "start", str(full))
    async with Worker(livekit, stand_in.url, program=program) as worker:
        line = await worker.until("the worker is full")
        assert "WARNING" in line
        assert "load 0.90, no more are taken from 0.70 on" in line
        with pytest.raises(LiveKitError, match="No worker accepted the call"):
            await place_call(livekit, worker.agent_name, [], answer_seconds=1)


async def test_call_that_ends_before_anybody_subscribes_is_no_failure(worker: Worker) -> None:
    room = f"brief-{secrets.token_hex(3)}"
    worker.lines.clear()
    async with worker.called(room, listens=False):
        await worker.until("waiting for a subscriber to the agent's track")
        worker.lines.clear()
    await worker.until("process exiting", 20)
    # The job neither waits for a subscriber to the end, nor fails. How long it takes depends on how
    # the server reports the caller's leave: an unknown reason has a grace of ten seconds.
    for text in ("nobody listens to the agent", "the call failed"):
        assert not any(text in line for line in worker.lines)


async def test_console_runs_a_session_without_a_room(stand_in: StandIn) -> None:
    connected = asyncio.Event()
    received = bytearray()

    async def on_console(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        while data := await reader.read(65_536):
            received.extend(data)
        writer.close()

    server = await asyncio.start_server(on_console, "127.0.0.1", 0)
    address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    entry = (sys.executable, "-m", "livekit.agents", "console", "agent/worker.py")
    livekit = LiveKitAddress("ws://127.0.0.1:1", "devkey", "secret")
    program = (*entry, "--connect-addr", address)
    async with Worker(livekit, stand_in.url, program=program) as console:
        await asyncio.wait_for(connected.wait(), 40)
        deadline = time.monotonic() + 15
        while len(received) < 100_000:  # the greeting's sound
            assert time.monotonic() < deadline, "\n".join(console.lines[-30:])
            await asyncio.sleep(0.1)
        assert not any("the call failed" in line for line in console.lines)
    server.close()
