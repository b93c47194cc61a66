"""A Realtime service that records every frame and sends what a test says.

The WebSocket is real. The service validates nothing and answers nothing by itself.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any, Self

from aiohttp import WSMsgType, web

from agent.realtime.connection.credentials import ApiKey
from agent.realtime.connection.endpoint import Endpoint
from agent.realtime.protocol.dialects import Dialect
from agent.realtime.protocol.rules import Context


class RecordingService:
    """``status`` refuses every handshake with that HTTP status; 302 redirects elsewhere."""

    def __init__(self, *, status: int | None = None) -> None:
        self._status = status
        self._runner: web.AppRunner | None = None
        self._sockets: list[web.WebSocketResponse] = []
        self.port = 0
        self.headers: list[dict[str, str]] = []
        self.frames: asyncio.Queue[str] = asyncio.Queue()
        self.connected = asyncio.Event()
        self.open = 0
        """Connections that have not ended."""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/{tail:.*}", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    def endpoint(self, dialect: Dialect, credential: ApiKey | None = None) -> Endpoint:
        url = f"ws://127.0.0.1:{self.port}/v1/realtime?model=m"
        return Endpoint(dialect, url, credential or ApiKey("sk-1"), Context())

    def refuse(self, status: int | None) -> None:
        """From now on refuse every handshake with that HTTP status; ``None``: accept it."""
        self._status = status

    async def connections(self, count: int) -> None:
        """Wait until so many have been made, in all."""
        async with asyncio.timeout(5):
            while len(self._sockets) < count:
                self.connected.clear()
                await self.connected.wait()

    async def handshakes(self, count: int) -> None:
        """Wait until so many have been asked for, in all, refused ones too."""
        async with asyncio.timeout(5):
            while len(self.headers) < count:  # noqa: ASYNC110 - aiohttp tells nobody
                await asyncio.sleep(0.01)

    async def received(self) -> dict[str, Any]:
        """The next frame that came, parsed."""
        event: dict[str, Any] = json.loads(await asyncio.wait_for(self.frames.get(), 5))
        return event

    async def say(self, event: dict[str, Any] | str) -> None:
        await self.connected.wait()
        text = event if isinstance(event, str) else json.dumps(event)
        await self._sockets[-1].send_str(text)

    async def hang_up(self, code: int = 1001) -> None:
        await self.connected.wait()
        await self._sockets[-1].close(code=code)

    async def close_code(self) -> int | None:
        """The close code that the newest connection ended with."""
        async with asyncio.timeout(5):
            while self.open:  # noqa: ASYNC110 - aiohttp tells nobody
                await asyncio.sleep(0.01)
        return self._sockets[-1].close_code

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.headers.append(dict(request.headers))
        if self._status == 302:
            raise web.HTTPFound("http://127.0.0.1:1/elsewhere")
        if self._status is not None:
            return web.Response(status=self._status)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets.append(socket)
        self.connected.set()
        self.open += 1
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    self.frames.put_nowait(message.data)
        finally:
            self.open -= 1
        return socket
