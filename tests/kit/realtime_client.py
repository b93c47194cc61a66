"""A raw client of the Realtime API: JSON over a WebSocket, and nothing between."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from agent.local.audio import SERVICE_RATE, frames, silence
from agent.local.speech_synthesis import speech
from agent.local.standin import StandIn

WAIT_SECONDS = 10.0

Event = dict[str, Any]


class RawClient:
    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self.events: list[Event] = []
        """Everything that came so far."""

    async def send(self, type: str, **fields: Any) -> None:
        await self._socket.send_str(json.dumps({"type": type, **fields}))

    async def say(self, text: str, *, after: float = 1.0) -> None:
        """Speak into the buffer, faster than real time, with ``after`` seconds of silence."""
        pcm = silence(0.3, SERVICE_RATE) + speech.say(text, voice="cedar")
        await self.append(pcm + silence(after, SERVICE_RATE))

    async def append(self, pcm: bytes) -> None:
        for frame in frames(pcm, SERVICE_RATE, 100):
            audio = base64.b64encode(frame).decode()
            await self.send("input_audio_buffer.append", audio=audio)

    async def next(self) -> Event:
        message = await self._socket.receive(WAIT_SECONDS)
        assert message.type is aiohttp.WSMsgType.TEXT, message
        event: Event = json.loads(message.data)
        self.events.append(event)
        return event

    async def until(self, type: str) -> Event:
        """The next event of this type; what comes before it is kept in ``events``."""
        async with asyncio.timeout(WAIT_SECONDS):
            while (event := await self.next())["type"] != type:
                assert type == event["type"] or event["type"] != "error", event
        return event

    async def raw(self, data: str | bytes) -> None:
        if isinstance(data, str):
            await self._socket.send_str(data)
        else:
            await self._socket.send_bytes(data)

    async def error(self) -> Event:
        """The ``error`` object of the next error."""
        error: Event = (await self.until("error"))["error"]
        return error

    async def closed(self) -> int | None:
        """Wait for the end; the close code."""
        async with asyncio.timeout(WAIT_SECONDS):
            while (message := await self._socket.receive()).type is aiohttp.WSMsgType.TEXT:
                self.events.append(json.loads(message.data))
        return self._socket.close_code

    def types(self) -> list[str]:
        return [event["type"] for event in self.events]


HEADERS = {"Authorization": "Bearer sk-test", "api-key": "test"}


@asynccontextmanager
async def connecting(
    server: StandIn,
    dialect: str = "openai_ga",
    *,
    query: str | None = None,
    headers: dict[str, str] | None = None,
    fault: str = "",
) -> AsyncIterator[RawClient]:
    """A client that has read nothing yet. ``query`` and ``headers`` replace the usual ones."""
    url = server.urls[dialect]
    if query is not None:
        url = f"{url.split('?')[0]}?{query}"
    given = {**(HEADERS if headers is None else headers), "X-Stand-In-Fault": fault}
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(url, headers=given, max_msg_size=0) as socket,
    ):
        yield RawClient(socket)


@asynccontextmanager
async def connected(
    server: StandIn, dialect: str = "openai_ga", *, fault: str = "", **session: Any
) -> AsyncIterator[RawClient]:
    """A client that has read ``session.created``, and set ``session`` if anything is given."""
    async with connecting(server, dialect, fault=fault) as client:
        await client.until("session.created")
        if session:
            flat = dialect in {"azure_preview", "openai_beta"}
            settings = session if flat else {"type": "realtime", **session}
            await client.send("session.update", session=settings)
            await client.until("session.updated")
        yield client
