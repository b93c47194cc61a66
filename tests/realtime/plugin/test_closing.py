"""The end of a call is the end of its connection to the service."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable

from agent.local.standin import StandIn, StandInOptions
from agent.realtime.connection.io_loop import io_loop
from agent.realtime.connection.service_target import ServiceTarget
from agent.realtime.connection.websocket import ServiceWebSocket
from agent.realtime.plugin.http_session import PluginHTTPSession
from agent.realtime.plugin.model import RealtimeSession, realtime_model
from agent.realtime.protocol.dialects import OPENAI_GA
from agent.realtime.protocol.parameters import with_defaults
from tests.kit.handshakes import handshake
from tests.kit.plugin_client import SCRIPT, endpoint
from tests.kit.recording_service import RecordingService

OPTIONS = StandInOptions(script=SCRIPT, pace=50, dialects=("openai_ga",))


def started(stand_in: StandIn) -> tuple[PluginHTTPSession, RealtimeSession]:
    """A session of the real plugin on a WebSocket of its own."""
    parameters = with_defaults({}, OPENAI_GA)
    http_session = PluginHTTPSession([ServiceTarget(endpoint(OPENAI_GA, stand_in.url), parameters)])
    return http_session, realtime_model(parameters, http_session).session()


async def until(condition: Callable[[], bool], seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - neither the kernel nor the stand-in tells
            await asyncio.sleep(0.01)


async def configured(running: RealtimeSession) -> None:
    done = asyncio.Event()

    def on_event(event: dict[str, object]) -> None:
        if event["type"] == "session.updated":
            done.set()

    running.on("openai_server_event_received", on_event)
    await asyncio.wait_for(done.wait(), 10)


async def test_hang_up_closes_the_service_socket_within_a_second() -> None:
    async with StandIn(OPTIONS) as stand_in:
        _, running = started(stand_in)
        await configured(running)
        await running.aclose()
        (seen,) = stand_in.record.sessions.values()
        await until(lambda: seen.closed, 1)


async def test_hang_up_while_reconnecting_leaves_no_connection() -> None:
    async with StandIn(OPTIONS) as stand_in:
        _, running = started(stand_in)
        await configured(running)
        (seen,) = stand_in.record.sessions.values()
        seen.session.hang_up(1001, "")
        await until(lambda: seen.closed, 1)
        await running.aclose()
        await until(lambda: all(each.closed for each in stand_in.record.sessions.values()), 1)


async def test_job_end_closes_a_connection_that_the_plugin_did_not_close() -> None:
    async with RecordingService() as service:
        http_session = PluginHTTPSession(
            [ServiceTarget(service.endpoint(OPENAI_GA), with_defaults({}, OPENAI_GA))]
        )
        await http_session.ws_connect("")
        await http_session.aclose()
        await until(lambda: service.open == 0, 1)


async def test_close_is_prompt_when_the_service_does_not_answer_it() -> None:
    """The service neither reads nor answers the close; what it was sent fills the buffers."""
    async with asyncio.timeout(10):
        over = asyncio.Event()

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(await handshake(reader))
            await writer.drain()
            await over.wait()
            writer.close()

        async with await asyncio.start_server(accept, "127.0.0.1", 0, limit=1024) as server:
            port = server.sockets[0].getsockname()[1]
            address = endpoint(OPENAI_GA, f"http://127.0.0.1:{port}")
            before = sockets()
            socket = await ServiceWebSocket.open(address, timeout_seconds=5)
            for _ in range(200):
                socket.send("x" * 100_000)
            await asyncio.sleep(0.1)
            began = time.monotonic()
            await socket.close()
            assert time.monotonic() - began < 2
            await until(lambda: sockets() <= before + 1, 1)  # the server's own end is left
            over.set()


async def test_cancelled_opening_leaves_no_socket_whenever_it_is_cancelled() -> None:
    async with RecordingService() as service:
        for step in range(60):
            opening = asyncio.create_task(
                ServiceWebSocket.open(service.endpoint(OPENAI_GA), timeout_seconds=5)
            )
            await asyncio.sleep(step * 0.0002)
            opening.cancel()
            for result in await asyncio.gather(opening, return_exceptions=True):
                if isinstance(result, ServiceWebSocket):
                    await result.close()
        await until(lambda: service.open == 0, 2)
        await until_quiet()


async def test_200_calls_in_one_process_leave_no_socket_and_no_task() -> None:
    async def call(stand_in: StandIn) -> None:
        http_session, running = started(stand_in)
        await configured(running)
        await running.aclose()
        await http_session.aclose()

    async with StandIn(OPTIONS) as stand_in:
        await call(stand_in)
        await until_quiet()
        tasks, open_sockets = asyncio.all_tasks(), sockets()
        for _ in range(10):
            await asyncio.gather(*(call(stand_in) for _ in range(20)))
        assert len(stand_in.record.sessions) > 1
        await until_quiet()
        await until(lambda: sockets() <= open_sockets, 2)
        await until(lambda: asyncio.all_tasks() <= tasks, 2)


async def until_quiet() -> None:
    """Wait until nothing runs on the I/O loop."""

    async def others() -> int:
        return len(asyncio.all_tasks()) - 1

    async with asyncio.timeout(3):
        while await io_loop().run(others()):  # noqa: ASYNC110 - its tasks tell nobody
            await asyncio.sleep(0.01)


def sockets() -> int:
    """How many sockets this process has open."""
    count = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            count += os.readlink(f"/proc/self/fd/{name}").startswith("socket:")
        except OSError:
            continue
    return count
