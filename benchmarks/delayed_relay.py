"""A relay between a caller and a livekit-server that delays every packet.

It passes signalling on, but replaces the server's media port with its own and removes the caller's
ICE candidates: otherwise the server would reach the caller directly.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import aiohttp
from aiohttp import WSMsgType, web

from agent.local.child_process import free_port
from agent.local.livekit_server import LiveKitAddress

Address = tuple[str, int]


class Relay:
    """``async with Relay(address, media_port) as near:`` yields the address for the caller."""

    def __init__(
        self,
        address: LiveKitAddress,
        media_port: int,
        *,
        delay_ms: float = 100.0,
        jitter_ms: float = 20.0,
        seed: int = 1,
    ) -> None:
        """Delay each direction by ``delay_ms`` plus up to ``jitter_ms``, in order."""
        self._address = address
        self._media_port = media_port
        self._delay = _Delay(delay_ms / 1000, jitter_ms / 1000, random.Random(seed))
        self._port = free_port()
        self._relay_port = _free_port_as_long_as(media_port)
        self._transports: list[asyncio.DatagramTransport] = []
        self.packet_count = 0
        """Packets in both directions."""

    async def __aenter__(self) -> LiveKitAddress:
        loop = asyncio.get_running_loop()
        near, _ = await loop.create_datagram_endpoint(
            lambda: _Near(self), local_addr=("127.0.0.1", self._relay_port)
        )
        self._transports.append(near)
        self._http = aiohttp.ClientSession()
        application = web.Application()
        application.router.add_get("/{tail:.*}", self._signal)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        url = f"ws://127.0.0.1:{self._port}"
        return LiveKitAddress(url, self._address.api_key, self._address.api_secret)

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()
        await self._runner.cleanup()
        for transport in self._transports:
            transport.close()

    async def connect_caller(self, reply: Callable[[bytes], None]) -> Callable[[bytes], None]:
        """Open a path to the server; return its send function. ``reply`` gets what comes back."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Far(self._count(self._delay.wrap(reply))),
            remote_addr=("127.0.0.1", self._media_port),
        )
        self._transports.append(transport)
        return self._count(self._delay.wrap(transport.sendto))

    def _count(self, send: Callable[[bytes], None]) -> Callable[[bytes], None]:
        def send_and_count(data: bytes) -> None:
            self.packet_count += 1
            send(data)

        return send_and_count

    async def _signal(self, request: web.Request) -> web.StreamResponse:
        url = f"{self._address.url}{request.path_qs}"
        headers = {
            name: request.headers[name] for name in ("Authorization",) if name in request.headers
        }
        if request.headers.get("Upgrade", "").lower() != "websocket":
            async with self._http.get(url.replace("ws", "http", 1), headers=headers) as answer:
                return web.Response(status=answer.status, body=await answer.read())
        near = web.WebSocketResponse()
        async with self._http.ws_connect(url, headers=headers, max_msg_size=0) as far:
            await near.prepare(request)
            directions = [
                asyncio.create_task(_forward(near, far, _without_candidates)),
                asyncio.create_task(_forward(far, near, self._with_relay_port)),
            ]
            await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
            for direction in directions:
                direction.cancel()
            await asyncio.gather(*directions, return_exceptions=True)
        await near.close()
        return near

    def _with_relay_port(self, message: bytes) -> bytes:
        # Both ports have the same number of digits, so that lengths in the message stay right.
        ours, theirs = (
            f"127.0.0.1 {port} ".encode() for port in (self._relay_port, self._media_port)
        )
        return message.replace(theirs, ours)


class _Delay:
    """Delays calls of a function and keeps their order."""

    def __init__(self, delay: float, jitter: float, chance: random.Random) -> None:
        self._seconds, self._jitter, self._random = delay, jitter, chance

    def wrap(self, send: Callable[[bytes], None]) -> Callable[[bytes], None]:
        loop = asyncio.get_running_loop()
        last = 0.0

        def later(data: bytes) -> None:
            nonlocal last
            last = max(last, loop.time() + self._seconds + self._random.uniform(0, self._jitter))
            loop.call_at(last, send, data)

        return later


class _Near(asyncio.DatagramProtocol):
    """The socket for callers: each caller's address has its own path to the server."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._paths: dict[Address, asyncio.Task[Callable[[bytes], None]]] = {}

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, address: Address) -> None:
        if address not in self._paths:
            opening = self._relay.connect_caller(lambda back: self._transport.sendto(back, address))
            self._paths[address] = asyncio.create_task(opening)
        path = self._paths[address]
        if path.done():
            path.result()(data)
        else:
            path.add_done_callback(lambda opened: opened.result()(data))


class _Far(asyncio.DatagramProtocol):
    """The socket for the server, one per caller."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take

    def datagram_received(self, data: bytes, _address: Address) -> None:
        self._take(data)


async def _forward(source: Any, sink: Any, change: Callable[[bytes], bytes | None]) -> None:
    async for message in source:
        if message.type is WSMsgType.BINARY:
            changed = change(message.data)
            if changed is not None:
                await sink.send_bytes(changed)
        elif message.type is WSMsgType.TEXT:
            await sink.send_str(message.data)


def _without_candidates(message: bytes) -> bytes | None:
    candidate = b"candidate:" in message and b" typ " in message
    return None if candidate and b"v=0" not in message else message


def _free_port_as_long_as(port: int) -> int:
    """Return a free port with as many digits as ``port``."""
    while len(str(found := free_port())) != len(str(port)):
        pass
    return found
