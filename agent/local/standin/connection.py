"""One WebSocket: what comes in is handled, what goes out is bounded."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque

from aiohttp import WSMsgType, web

from agent.local.standin import protocol
from agent.local.standin.recorder import Recorder
from agent.local.standin.session import Session

MAX_FRAME_BYTES = 21 * 2**20
"""An append may carry 15 MiB of audio, a third more as base64."""
MAX_UNSENT_BYTES = 8 * 2**20
"""Kept for a client that does not read; then its session ends."""
MAX_TURN_SECONDS = 0.005
"""Work for one client before the others have their turn."""
MAX_EVENTS_PER_SECOND = 2_000
"""More than this is read more slowly: TCP tells the client. 100 times what speech needs."""
SEND_SECONDS = 2.0
"""Given to the last events, such as an error, before a connection is closed."""


class Connection:
    """The socket of a session."""

    def __init__(
        self, socket: web.WebSocketResponse, recorder: Recorder, *, latency_ms: int = 0
    ) -> None:
        self._socket = socket
        self._recorder = recorder
        self._unsent: deque[tuple[float, str]] = deque()
        """When each is due on the loop's clock, and what it says."""
        self._latency_seconds = latency_ms / 1000
        self._unsent_bytes = 0
        self._filled = asyncio.Event()
        self._drained = asyncio.Event()
        self._dead = False
        self._closing: asyncio.Task[None] | None = None
        self.session: Session

    def put(self, text: str) -> None:
        """Send ``text`` after what is waiting already."""
        if self._closing is not None or self._dead:
            return
        self._recorder.on_server_event(self.session, text)
        due = asyncio.get_running_loop().time() + self._latency_seconds
        self._unsent.append((due, text))
        self._unsent_bytes += len(text)
        self._filled.set()
        self._drained.clear()
        if self._unsent_bytes > MAX_UNSENT_BYTES:
            self.hang_up(1008, "the client does not read")

    def hang_up(self, code: int, reason: str) -> None:
        """Close once what is waiting has been sent."""
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self._close(code, reason))

    def play_dead(self) -> None:
        """From now on neither read nor write nor answer a ping, but stay open."""
        self._dead = True
        transport = self._transport()
        if transport is not None:
            transport.pause_reading()

    async def run(self) -> None:
        """Until the client or the session ends it."""
        sending = asyncio.create_task(self._send())
        try:
            await self._receive()
        finally:
            sending.cancel()
            self.session.close()
            if self._closing is not None:
                await self._closing

    async def _receive(self) -> None:
        began, handled = time.monotonic(), 0
        turn = began
        async for message in self._socket:
            if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                text = message.data if message.type is WSMsgType.TEXT else None
                event = protocol.receive(self.session, text)
                self._recorder.on_client_event(self.session, text, event)
            handled += 1
            now = time.monotonic()
            ahead = handled / MAX_EVENTS_PER_SECOND - (now - began)
            if ahead > 1:
                await asyncio.sleep(ahead - 1)
            elif now - turn > MAX_TURN_SECONDS:
                await asyncio.sleep(0)
            else:
                continue
            turn = time.monotonic()

    async def _send(self) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                while self._unsent and not self._dead:
                    due, text = self._unsent[0]
                    if self._latency_seconds:
                        await asyncio.sleep(due - asyncio.get_running_loop().time())
                    await self._socket.send_str(text)
                    self._unsent.popleft()
                    self._unsent_bytes -= len(text)
                self._drained.set()
                self._filled.clear()
                await self._filled.wait()

    async def _close(self, code: int, reason: str) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SEND_SECONDS + self._latency_seconds):
                if self._unsent:
                    await self._drained.wait()
                await self._socket.close(code=code, message=reason.encode())
        transport = self._transport()
        if transport is not None and not transport.is_closing():
            transport.abort()

    def _transport(self) -> asyncio.Transport | None:
        request = self._socket._req
        return request.transport if request is not None else None
