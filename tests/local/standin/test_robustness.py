"""Clients that misbehave cost themselves their session, and the others nothing."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from agent.local.standin import StandIn, StandInOptions
from agent.local.standin.connection import MAX_FRAME_BYTES
from agent.local.standin.script import Script
from tests.kit.realtime_client import HEADERS, connected

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[StandIn]:
    async with StandIn(StandInOptions(script=Script(greeting="Hello."), pace=20)) as running:
        yield running


async def answered_within(server: StandIn, seconds: float) -> None:
    async with connected(server) as client:
        began = time.monotonic()
        await client.send("response.create")
        await client.until("response.output_audio.delta")
        assert time.monotonic() - began < seconds


async def test_a_frame_too_large_ends_its_session(server: StandIn) -> None:
    async with connected(server) as client:
        with contextlib.suppress(ConnectionError):  # it may hang up before all has been sent
            await client.raw("x" * (MAX_FRAME_BYTES + 1))
        assert await client.closed() in {1006, 1009}
    await answered_within(server, 1)


async def test_the_largest_append_is_taken(server: StandIn) -> None:
    async with connected(server) as client:
        await client.send(
            "input_audio_buffer.append", audio=base64.b64encode(bytes(15 * 2**20)).decode()
        )
        await client.send("input_audio_buffer.clear")
        await client.until("input_audio_buffer.cleared")
        over = base64.b64encode(bytes(15 * 2**20 + 2)).decode()
        await client.send("input_audio_buffer.append", audio=over)
        assert (await client.error())["param"] == "audio"


async def test_flood_of_one_client_does_not_slow_others(server: StandIn) -> None:
    flood = json.dumps({"type": "input_audio_buffer.clear"})
    async with aiohttp.ClientSession() as http:
        url = server.urls["openai_ga"]
        async with http.ws_connect(url, headers=HEADERS) as socket:

            async def pour() -> None:
                while not socket.closed:
                    await socket.send_str(flood)

            async def drain() -> None:
                async for _ in socket:
                    pass

            pouring, draining = asyncio.create_task(pour()), asyncio.create_task(drain())
            await asyncio.sleep(0.5)
            for _ in range(3):
                await answered_within(server, 1)
            pouring.cancel()
            draining.cancel()


async def test_client_that_never_reads_loses_its_session(server: StandIn) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(
        b"GET /v1/realtime?model=gpt-realtime HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nAuthorization: Bearer sk\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(2)
    session = list(server.record.sessions.values())[-1]
    # An answer of 2 MB to each of these: nobody takes them off the socket.
    text = json.dumps(
        {"type": "session.update", "session": {"type": "realtime", "instructions": "x" * 2_000_000}}
    ).encode()
    header = bytes([0x81, 0xFF]) + len(text).to_bytes(8, "big") + bytes(4)
    for _ in range(12):
        writer.write(header + text)
        await writer.drain()
        await asyncio.sleep(0.02)
    async with asyncio.timeout(10):
        while not session.closed:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    writer.close()
    await answered_within(server, 1)


async def test_it_listens_on_loopback() -> None:
    assert StandInOptions().host == "127.0.0.1"
