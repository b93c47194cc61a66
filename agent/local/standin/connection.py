"""The WebSocket of a session, with bounds on what it reads and queues."""

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
"""An append may hold 15 MiB of audio, which base64 makes a third larger."""
MAX_UNSENT_BYTES = 8 * 2**20
"""The largest queue for a client that does not read; beyond it, its session ends."""
MAX_TURN_SECONDS = 0.005
"""Work for one client before other clients get their turn."""
MAX_EVENTS_PER_SECOND = 2_000
"""Above this rate, reading slows down, and TCP slows the client: 100 times what speech needs."""
SEND_SECONDS = 2.0
"""How long the last events, such as an error, may take before the connection closes."""


class Connection:
    """Reads client events for a session and sends its server events, in order."""

    def __init__(
        self, socket: web.WebSocketResponse, recorder: Recorder, *, latency_ms: int = 0
    ) -> None:
        self._socket = socket
        self._recorder = recorder
        self._unsent: deque[tuple[float, str]] = deque()
        """Events to send: when each is due, by the loop's clock, and its text."""
        self._latency_seconds = latency_ms / 1000
        self._unsent_bytes = 0
        self._has_unsent = asyncio.Event()
        self._is_drained = asyncio.Event()
        self._is_unresponsive = False
        self._closing: asyncio.Task[None] | None = None
        self.session: Session

    def send(self, text: str) -> None:
        """Queue ``text`` to be sent."""
        if self._closing is not None or self._is_unresponsive:
            return
        self._recorder.on_server_event(self.session, text)
        due = asyncio.get_running_loop().time() + self._latency_seconds
        self._unsent.append((due, text))
        self._unsent_bytes += len(text)
        self._has_unsent.set()
        self._is_drained.clear()
        if self._unsent_bytes > MAX_UNSENT_BYTES:
            self.hang_up(1008, "the client does not read")

    def hang_up(self, code: int, reason: str) -> None:
        """Close the connection after sending what is queued."""
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self._close(code, reason))

    def stop_responding(self) -> None:
        """Keep the connection open, but read nothing, write nothing and answer no ping."""
        self._is_unresponsive = True
        transport = self._transport()
        if transport is not None:
            transport.pause_reading()

    async def run(self) -> None:
        """Serve the connection until the client or the session ends it."""
        sending = asyncio.create_task(self._send_queued())
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

    async def _send_queued(self) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                while self._unsent and not self._is_unresponsive:
                    due, text = self._unsent[0]
                    if self._latency_seconds:
                        await asyncio.sleep(due - asyncio.get_running_loop().time())
                    await self._socket.send_str(text)
                    self._unsent.popleft()
                    self._unsent_bytes -= len(text)
                self._is_drained.set()
                self._has_unsent.clear()
                await self._has_unsent.wait()

    async def _close(self, code: int, reason: str) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SEND_SECONDS + self._latency_seconds):
                if self._unsent:
                    await self._is_drained.wait()
                await self._socket.close(code=code, message=reason.encode())
        transport = self._transport()
        if transport is not None and not transport.is_closing():
            transport.abort()

    def _transport(self) -> asyncio.Transport | None:
        request = self._socket._req
        return request.transport if request is not None else None
