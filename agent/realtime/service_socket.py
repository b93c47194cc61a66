"""A WebSocket to the service: it lives on the I/O loop and is used from the job's."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass

import aiohttp

from agent.errors import ServiceError
from agent.realtime.endpoint import Endpoint
from agent.realtime.io_loop import io_loop
from agent.redaction import add_secret

HEARTBEAT_SECONDS = 3.0
"""After this long without a frame the service is asked whether it is there. Without a pong for
half as long again the socket counts as dead; upstream never asks (1.8.9, defect D7)."""


@dataclass(frozen=True, slots=True)
class Closed:
    """The end of a socket, as its last message."""

    code: int | None
    reason: str = ""


class Inbox:
    """What crosses from the I/O loop to the job's loop, in order."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._items: deque[str | Closed | None] = deque()
        self._filled = asyncio.Event()

    @property
    def empty(self) -> bool:
        return not self._items

    def put(self, item: str | Closed | None) -> None:
        """From any thread."""
        self._items.append(item)
        with contextlib.suppress(RuntimeError):  # the job is over and its loop closed
            self._loop.call_soon_threadsafe(self._filled.set)

    async def get(self) -> str | Closed | None:
        while not self._items:
            self._filled.clear()
            if not self._items:
                await self._filled.wait()
        return self._items.popleft()


class ServiceSocket:
    """An open connection. ``open`` makes one; ``send`` returns at once."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, inbox: Inbox) -> None:
        self._socket = socket
        self._inbox = inbox
        self._outgoing: deque[str] = deque()
        self._sending: asyncio.Task[None] | None = None
        self._reading = asyncio.get_running_loop().create_task(self._read())

    @staticmethod
    async def open(endpoint: Endpoint, *, timeout_seconds: float) -> ServiceSocket:
        """Connect, from the job's loop.

        Raises ``ServiceError`` with the HTTP status where the service refuses the handshake, and
        without one where it cannot be reached in ``timeout_seconds``.
        """
        inbox = Inbox(asyncio.get_running_loop())
        return await io_loop().run(_connect(endpoint, inbox, timeout_seconds))

    @property
    def closed(self) -> bool:
        return self._socket.closed

    def send(self, text: str) -> None:
        """Queue a text frame. Frames leave in order; what cannot leave is lost with the socket,
        whose end ``receive`` tells."""
        self._outgoing.append(text)
        io_loop().call_soon(self._flush)

    @property
    def drained(self) -> bool:
        """Nothing has come that was not received."""
        return self._inbox.empty

    def wake(self) -> None:
        """Let ``receive`` return ``None``."""
        self._inbox.put(None)

    async def receive(self) -> str | Closed | None:
        """The next text frame; after the last one, ``Closed``."""
        return await self._inbox.get()

    async def close(self) -> None:
        await io_loop().run(self._close())

    def _flush(self) -> None:
        if self._sending is None or self._sending.done():
            self._sending = asyncio.get_running_loop().create_task(self._send())

    async def _send(self) -> None:
        with contextlib.suppress(ConnectionError, aiohttp.ClientError):
            while self._outgoing:
                await self._socket.send_str(self._outgoing.popleft())

    async def _read(self) -> None:
        reason = ""
        try:
            async for message in self._socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    self._inbox.put(message.data)
                elif message.type is aiohttp.WSMsgType.BINARY:
                    # Some services send their events so; what is no text is refused as an event.
                    self._inbox.put(message.data.decode("utf-8", "replace"))
                elif message.type is aiohttp.WSMsgType.ERROR:
                    reason = str(message.data)
        finally:
            self._inbox.put(Closed(self._socket.close_code, reason))

    async def _close(self) -> None:
        if self._sending is not None:
            await self._sending
        await self._socket.close()
        await self._reading


async def _connect(endpoint: Endpoint, inbox: Inbox, timeout_seconds: float) -> ServiceSocket:
    try:
        async with asyncio.timeout(timeout_seconds):
            proof = await endpoint.credential.headers(endpoint.host)
            for secret in proof.values():
                add_secret(secret.removeprefix("Bearer "))
            socket = (
                await io_loop()
                .http()
                .ws_connect(
                    endpoint.url,
                    headers={**endpoint.headers, **proof},
                    heartbeat=HEARTBEAT_SECONDS,
                    max_msg_size=0,
                )
            )
    except aiohttp.WSServerHandshakeError as error:
        raise ServiceError(
            endpoint.host, _REFUSALS.get(error.status, error.message), status=error.status
        ) from error
    except TimeoutError:
        raise ServiceError(endpoint.host, f"no connection within {timeout_seconds:g} s") from None
    except (aiohttp.ClientError, OSError) as error:
        raise ServiceError(endpoint.host, str(error)) from error
    return ServiceSocket(socket, inbox)


_REFUSALS = {
    401: "it does not accept the key",
    403: "the key may not use this model or deployment",
    404: "no such address: check the base URL and the deployment",
    429: "too many requests, or no quota left",
}
