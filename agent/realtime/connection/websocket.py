"""A WebSocket to the service: it lives on the I/O loop and is used from the job's."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket as sockets
import time
from collections import deque

import aiohttp

from agent.errors import ServiceError
from agent.realtime.connection.endpoint import Endpoint
from agent.realtime.connection.frame_queue import Closed as Closed
from agent.realtime.connection.frame_queue import FrameQueue
from agent.realtime.connection.io_loop import io_loop
from agent.redaction import add_secret, one_line

logger = logging.getLogger("agent.realtime")

HEARTBEAT_SECONDS = 3.0
"""After this long without a frame the service is asked whether it is there. Without a pong for
half as long again the socket counts as dead; upstream never asks (1.8.9, defect D7)."""
UNREAD_SECONDS = 15.0
"""A service that sends, but has answered no ping for this long, does not read what it is sent: the
connection is closed. It is this long because a single-threaded server may not read while it
produces an answer. A ping has ``HEARTBEAT_SECONDS`` less than this for its answer, at worst."""
CLOSE_SECONDS = 1.0
"""How long a service may take to answer a close before its socket is shut down."""
MAX_MESSAGE_BYTES = 16 * 1024 * 1024
"""The longest message taken; a longer one ends the connection with close code 1009. Services send
audio in pieces of some 10 kB, but some send a whole answer in one event: this is four minutes of
base64 PCM at 24 kHz."""
LARGE_MESSAGE = 64 * 1024
"""In characters. JSON is parsed at a cost by the value, not by the byte: 16 MiB of base64 take
20 ms, 16 MiB of small values more than a second, in which the call stands still …"""
MAX_LARGE_VALUES = 20_000
"""… so a message longer than that with more commas than this is dropped. No event needs them."""


MAX_REASON = 200
"""Characters quoted of what a service, or aiohttp, which quotes it, says of a failure."""


class ServiceWebSocket:
    """An open connection. ``open`` makes one; ``send`` returns at once."""

    def __init__(
        self, socket: aiohttp.ClientWebSocketResponse, inbox: FrameQueue, host: str = ""
    ) -> None:
        self._socket = socket
        self._inbox = inbox
        self._host = host
        self._outgoing: deque[str] = deque()
        self._sending: asyncio.Task[None] | None = None
        self._reason = ""
        """Why the connection ended, where the service did not say."""
        self._awaits_pong = False
        self._answered_at = time.monotonic()
        """When the service last showed that it reads: by a pong, or by accepting the connection."""
        self._dropped = 0
        self._may_read = asyncio.Event()
        self._is_closing = False
        self._tcp = socket.get_extra_info("socket")
        loop = asyncio.get_running_loop()
        self._reading = loop.create_task(self._read())
        self._pinging = loop.create_task(self._ping())

    @staticmethod
    async def open(endpoint: Endpoint, *, timeout_seconds: float) -> ServiceWebSocket:
        """Connect, from the job's loop.

        Raises ``ServiceError`` with the HTTP status where the service refuses the handshake, and
        without one where it cannot be reached in ``timeout_seconds``. Cancelled, it leaves no
        connection, even where the handshake has just succeeded.
        """
        inbox = FrameQueue(asyncio.get_running_loop())
        connecting: list[asyncio.Task[ServiceWebSocket]] = []

        async def connect() -> ServiceWebSocket:
            task = asyncio.current_task()
            assert task is not None
            connecting.append(task)
            return await _connect(endpoint, inbox, timeout_seconds)

        try:
            return await io_loop().run(connect())
        except asyncio.CancelledError:
            # The I/O loop may have finished the handshake before it learns of this.
            io_loop().call_soon(_close_unclaimed, connecting)
            raise

    @property
    def is_closed(self) -> bool:
        return self._socket.closed

    def send(self, text: str) -> None:
        """Queue a text frame. Frames leave in order; what cannot leave is lost with the socket,
        whose end ``receive`` tells."""
        self._outgoing.append(text)
        io_loop().call_soon(self._flush)

    @property
    def is_drained(self) -> bool:
        """Nothing has come that was not received."""
        return self._inbox.is_empty

    @property
    def waiting_characters(self) -> int:
        """Of the frames that have come and were not received, each with some overhead."""
        return self._inbox.waiting_characters

    def wake(self) -> None:
        """Let ``receive`` return ``None``."""
        self._inbox.put(None)

    async def receive(self) -> str | Closed | None:
        """The next text frame; after the last one, ``Closed``."""
        return await self._inbox.get()

    async def close(self) -> None:
        """Close the connection, in about ``CLOSE_SECONDS`` at most, whatever the service does."""
        await io_loop().run(self._close())

    def _flush(self) -> None:
        if self._sending is None or self._sending.done():
            self._sending = asyncio.get_running_loop().create_task(self._send())

    async def _send(self) -> None:
        with contextlib.suppress(ConnectionError, aiohttp.ClientError):
            while self._outgoing:
                await self._socket.send_str(self._outgoing.popleft())

    async def _read(self) -> None:
        try:
            async for message in self._socket:
                match message.type:
                    case aiohttp.WSMsgType.TEXT:
                        self._take(message.data)
                    case aiohttp.WSMsgType.BINARY:  # JSON all the same, of a few servers
                        self._take(message.data.decode(errors="replace"))
                    case aiohttp.WSMsgType.PING:
                        await self._socket.pong(message.data)
                    case aiohttp.WSMsgType.PONG:
                        self._awaits_pong, self._answered_at = False, time.monotonic()
                    case aiohttp.WSMsgType.ERROR:
                        self._reason = self._reason or str(message.data)
                await self._wait_for_room()
        except (ConnectionError, aiohttp.ClientError) as error:  # the pong could not be sent
            self._reason = self._reason or str(error)
        finally:
            self._pinging.cancel()
            self._inbox.put(Closed(self._socket.close_code, self._reason))

    def _take(self, text: str) -> None:
        if len(text) <= LARGE_MESSAGE or text.count(",") <= MAX_LARGE_VALUES:
            self._inbox.put(text)
            return
        self._dropped += 1
        if self._dropped == 1:
            logger.warning(
                "%s sent a message of %d characters with too many values; it is not parsed",
                self._host,
                len(text),
            )

    async def _wait_for_room(self) -> None:
        """Wait while too much waits to be taken."""
        if self._is_closing or not self._inbox.is_full:
            return
        self._may_read.clear()
        self._inbox.call_when_there_is_room(lambda: io_loop().call_soon(self._may_read.set))
        # The job's loop may have taken it all in this moment, and would not call any more.
        if self._inbox.is_full:
            await self._may_read.wait()

    async def _ping(self) -> None:
        """Notice a service that sends but does not read. aiohttp's heartbeat, which takes any
        frame for a sign of life, notices one that is silent."""
        with contextlib.suppress(ConnectionError, aiohttp.ClientError):
            while (left := self._answered_at + UNREAD_SECONDS - time.monotonic()) > 0:
                await asyncio.sleep(min(HEARTBEAT_SECONDS, left))
                if not self._awaits_pong:
                    self._awaits_pong = True
                    # It waits where the service has not read what was sent before.
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(max(0.0, left - HEARTBEAT_SECONDS)):
                            await self._socket.ping()
            self._reason = f"it has read nothing for {UNREAD_SECONDS:g} s"
            self._shut_down()

    async def _close(self) -> None:
        self._is_closing = True
        self._may_read.set()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                if self._sending is not None:
                    await self._sending
                await self._socket.close()
        except TimeoutError:
            logger.debug("%s did not answer the close", self._host)
        finally:
            self._pinging.cancel()
            self._shut_down()
        await asyncio.gather(self._reading, self._pinging, return_exceptions=True)
        if self._dropped > 1:
            logger.warning("%s: %d such messages in all", self._host, self._dropped)

    def _shut_down(self) -> None:
        """End the connection at once. Closing it waits until the service has read what it was
        sent, which it may never do."""
        if self._tcp is not None:
            with contextlib.suppress(OSError):
                self._tcp.shutdown(sockets.SHUT_RDWR)


def _close_unclaimed(connecting: list[asyncio.Task[ServiceWebSocket]]) -> None:
    """Close the socket of a handshake that nobody waits for any more. On the I/O loop."""

    def on_done(task: asyncio.Task[ServiceWebSocket]) -> None:
        if not task.cancelled() and task.exception() is None:
            closing = asyncio.create_task(task.result()._close())
            _CLOSING.add(closing)
            closing.add_done_callback(_CLOSING.discard)

    for task in connecting:
        task.cancel()
        task.add_done_callback(on_done)


async def _connect(
    endpoint: Endpoint, inbox: FrameQueue, timeout_seconds: float
) -> ServiceWebSocket:
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
                    autoping=False,
                    max_msg_size=MAX_MESSAGE_BYTES,
                    timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_SECONDS),
                )
            )
    except aiohttp.WSServerHandshakeError as error:
        raise ServiceError(
            endpoint.host, _REFUSALS.get(error.status, error.message), status=error.status
        ) from error
    except TimeoutError:
        raise ServiceError(endpoint.host, f"no connection within {timeout_seconds:.2g} s") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        # A ValueError: the address or a header cannot be sent at all.
        raise ServiceError(
            endpoint.host, one_line(str(error) or type(error).__name__, MAX_REASON)
        ) from error
    return ServiceWebSocket(socket, inbox, endpoint.host)


_CLOSING: set[asyncio.Task[None]] = set()
"""Keeps these tasks from being collected before they are done."""

_REFUSALS = {
    401: "it does not accept the key",
    403: "the key may not use this model or deployment",
    404: "no such address: check the base URL and the deployment",
    429: "too many requests, or no quota left",
}
