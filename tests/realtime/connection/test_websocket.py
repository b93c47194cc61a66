"""The socket that lives on the I/O loop and is used from the job's."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from agent.errors import ServiceError
from agent.realtime.connection.credentials import ApiKey
from agent.realtime.connection.endpoint import Endpoint
from agent.realtime.connection.io_loop import io_loop
from agent.realtime.connection.websocket import Closed, ServiceWebSocket
from agent.realtime.protocol.dialects import OPENAI_GA
from agent.realtime.protocol.rules import Context
from tests.kit.handshakes import handshake
from tests.kit.recording_service import RecordingService


async def opened(service: RecordingService) -> ServiceWebSocket:
    return await ServiceWebSocket.open(service.endpoint(OPENAI_GA), timeout_seconds=5)


async def test_frames_keep_their_order_both_ways() -> None:
    async with RecordingService() as service:
        socket = await opened(service)
        for number in range(50):
            socket.send(f'{{"number": {number}}}')
        assert [(await service.received())["number"] for _ in range(50)] == list(range(50))
        for number in range(50):
            await service.say(str(number))
        assert [await socket.receive() for _ in range(50)] == [str(n) for n in range(50)]
        await socket.close()


async def test_the_end_is_the_last_message() -> None:
    async with RecordingService() as service:
        socket = await opened(service)
        await service.say("last words")
        await service.hang_up(1001)
        assert await socket.receive() == "last words"
        assert await socket.receive() == Closed(1001)
        await socket.close()


async def test_the_key_goes_along() -> None:
    async with RecordingService() as service:
        socket = await opened(service)
        assert service.headers[0]["Authorization"] == "Bearer sk-1"
        await socket.close()


@pytest.mark.parametrize(
    ("status", "reason"),
    [(401, "it does not accept the key"), (503, "Invalid response status")],
)
async def test_a_refused_handshake_names_status_and_host(status: int, reason: str) -> None:
    async with RecordingService(status=status) as service:
        with pytest.raises(ServiceError) as caught:
            await opened(service)
    assert caught.value.status == status
    assert str(caught.value) == f"Realtime service at 127.0.0.1:{service.port} ({status}): {reason}"


async def test_a_redirect_is_not_followed() -> None:
    """The key would go with it to a host that it does not belong to."""
    async with RecordingService(status=302) as service:
        with pytest.raises(ServiceError, match="redirects elsewhere") as caught:
            await opened(service)
    assert caught.value.status == 302


async def test_nobody_there() -> None:
    endpoint = Endpoint(OPENAI_GA, "ws://127.0.0.1:1/v1/realtime", ApiKey(""), Context())
    with pytest.raises(ServiceError, match=r"127\.0\.0\.1:1: Cannot connect"):
        await ServiceWebSocket.open(endpoint, timeout_seconds=5)


async def test_a_service_that_does_not_answer_the_handshake() -> None:
    done = asyncio.Event()

    async def keep_silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await done.wait()
        writer.close()

    async with await asyncio.start_server(keep_silent, "127.0.0.1", 0) as server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        endpoint = Endpoint(OPENAI_GA, url, ApiKey(""), Context())
        with pytest.raises(ServiceError, match=r"no connection within 0\.2 s"):
            await ServiceWebSocket.open(endpoint, timeout_seconds=0.2)
        done.set()


async def test_the_io_loop_is_one_and_has_a_thread_of_its_own() -> None:
    async def thread() -> threading.Thread:
        return threading.current_thread()

    assert io_loop() is io_loop()
    assert await io_loop().run(thread()) is not threading.current_thread()


async def test_a_message_beyond_the_bound_ends_the_connection_with_1009(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agent.realtime.connection.websocket.MAX_MESSAGE_BYTES", 100_000)
    async with RecordingService() as service:
        socket = await opened(service)
        await service.say("x" * 90_000)
        assert len(str(await socket.receive())) == 90_000
        await service.say("x" * 100_001)
        closed = await socket.receive()
        assert isinstance(closed, Closed)
        assert closed.code == 1009
        assert "exceeds limit 100000" in closed.reason
        assert await service.close_code() == 1009
        await socket.close()


async def test_a_frame_without_end_is_not_buffered() -> None:
    """Its header announces more than the bound: the connection ends before its payload has come."""
    async with asyncio.timeout(5), raw_service(b"\x81\x7f" + (1 << 40).to_bytes(8)) as address:
        socket = await ServiceWebSocket.open(address, timeout_seconds=5)
        closed = await socket.receive()
        assert isinstance(closed, Closed)
        assert closed.code == 1009
        await socket.close()


async def test_a_large_message_is_taken_unless_its_values_are_too_many(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with RecordingService() as service:
        socket = await opened(service)
        await service.say("[" + "0," * 1_000_000 + "0]")
        await service.say("[" + "0," * 1_000_000 + "0]")
        await service.say("A" * 4_000_000)
        assert len(str(await socket.receive())) == 4_000_000
        await socket.close()
    reported = [r.message for r in caplog.records if r.levelname == "WARNING"]
    assert [line.partition(" ")[2] for line in reported] == [
        "sent a message of 2000003 characters with too many values; it is not parsed",
        "2 such messages in all",
    ]


async def test_a_service_that_sends_but_never_reads_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # At the ratio of a call's, where the wait for the first ping and a whole interval after the
    # bound would add 40 %.
    monkeypatch.setattr("agent.realtime.connection.websocket.HEARTBEAT_SECONDS", 0.4)
    monkeypatch.setattr("agent.realtime.connection.websocket.UNREAD_SECONDS", 2.0)
    async with asyncio.timeout(5), raw_service(b"\x81\x01x", every=0.02) as address:
        socket = await ServiceWebSocket.open(address, timeout_seconds=5)
        began = time.monotonic()
        while not isinstance(closed := await socket.receive(), Closed):
            assert closed == "x"
        assert closed.reason == "it has read nothing for 2 s"
        assert time.monotonic() - began < 2.3
        await socket.close()


async def test_a_service_that_reads_is_never_taken_for_one_that_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agent.realtime.connection.websocket.HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr("agent.realtime.connection.websocket.UNREAD_SECONDS", 0.2)
    async with RecordingService() as service:
        socket = await opened(service)
        for number in range(20):
            await service.say(str(number))
            assert await socket.receive() == str(number)
            await asyncio.sleep(0.025)
        await socket.close()


async def test_a_binary_frame_is_taken_as_text() -> None:
    async with asyncio.timeout(5), raw_service(b"\x82\x02{}") as address:
        socket = await ServiceWebSocket.open(address, timeout_seconds=5)
        assert await socket.receive() == "{}"
        await socket.close()


@pytest.mark.parametrize("taken", [True, False])
async def test_frames_that_nobody_takes_are_bounded_and_held_back(
    taken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.realtime.connection.frame_queue.MAX_WAITING_CHARACTERS", 1_000_000)
    async with asyncio.timeout(10), RecordingService() as service:
        socket = await opened(service)

        async def say_much() -> None:
            for number in range(300):
                await service.say(f"{number:0100000}")

        saying = asyncio.create_task(say_much())
        waiting = -1
        while waiting != socket.waiting_characters:
            waiting = socket.waiting_characters
            await asyncio.sleep(0.3)
        assert 1_000_000 < waiting < 1_200_000
        assert not saying.done()
        if taken:
            for number in range(300):
                assert await socket.receive() == f"{number:0100000}"
            await saying
        saying.cancel()
        await asyncio.wait((saying,))
        began = time.monotonic()
        await socket.close()
        assert time.monotonic() - began < 1.5


@asynccontextmanager
async def raw_service(frame: bytes, *, every: float = 0) -> AsyncIterator[Endpoint]:
    """Accepts the handshake, sends ``frame``, again and again if ``every``, and reads nothing."""
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        try:
            writer.write(await handshake(reader) + frame)
            while True:
                await asyncio.sleep(every or 3600)
                writer.write(frame)
        finally:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        yield Endpoint(OPENAI_GA, url, ApiKey(""), Context())
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
