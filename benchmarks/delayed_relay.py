"""A caller's network: between it and a livekit-server, every packet takes its time.

The signalling goes through as it is, but for the address of the server's media port, which
becomes the relay's; what the caller tells of its own addresses is left out, or the server would
reach it directly.
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
    """``async with Relay(address, media_port, …) as near:``, where a caller finds the server."""

    def __init__(
        self,
        address: LiveKitAddress,
        media_port: int,
        *,
        delay_ms: float = 100.0,
        jitter_ms: float = 20.0,
        seed: int = 1,
    ) -> None:
        """Each way ``delay_ms``, and up to ``jitter_ms`` more, in order."""
        self._address = address
        self._media_port = media_port
        self._late = _Late(delay_ms / 1000, jitter_ms / 1000, random.Random(seed))
        self._port = free_port()
        self._relay_port = _as_long(media_port)
        self._transports: list[asyncio.DatagramTransport] = []
        self.carried = 0
        """Packets, both ways."""

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

    async def far(self, answer: Callable[[bytes], None]) -> Callable[[bytes], None]:
        """A way to the server for one caller; ``answer`` takes what comes back."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Far(self._counted(self._late.way(answer))),
            remote_addr=("127.0.0.1", self._media_port),
        )
        self._transports.append(transport)
        return self._counted(self._late.way(transport.sendto))

    def _counted(self, send: Callable[[bytes], None]) -> Callable[[bytes], None]:
        def count(data: bytes) -> None:
            self.carried += 1
            send(data)

        return count

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
            ways = [
                asyncio.create_task(_carry(near, far, _without_candidates)),
                asyncio.create_task(_carry(far, near, self._relayed)),
            ]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        await near.close()
        return near

    def _relayed(self, message: bytes) -> bytes:
        # The two ports have as many digits, so that lengths in the message still hold.
        ours, theirs = (
            f"127.0.0.1 {port} ".encode() for port in (self._relay_port, self._media_port)
        )
        return message.replace(theirs, ours)


class _Late:
    """Calls that come late, in the order in which they were made."""

    def __init__(self, delay: float, jitter: float, chance: random.Random) -> None:
        self._delay, self._jitter, self._chance = delay, jitter, chance

    def way(self, send: Callable[[bytes], None]) -> Callable[[bytes], None]:
        loop = asyncio.get_running_loop()
        last = 0.0

        def later(data: bytes) -> None:
            nonlocal last
            last = max(last, loop.time() + self._delay + self._chance.uniform(0, self._jitter))
            loop.call_at(last, send, data)

        return later


class _Near(asyncio.DatagramProtocol):
    """Towards the callers: each address has a way to the server of its own."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._ways: dict[Address, asyncio.Task[Callable[[bytes], None]]] = {}

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, address: Address) -> None:
        if address not in self._ways:
            opening = self._relay.far(lambda back: self._transport.sendto(back, address))
            self._ways[address] = asyncio.create_task(opening)
        way = self._ways[address]
        if way.done():
            way.result()(data)
        else:
            way.add_done_callback(lambda opened: opened.result()(data))


class _Far(asyncio.DatagramProtocol):
    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take

    def datagram_received(self, data: bytes, _address: Address) -> None:
        self._take(data)


async def _carry(source: Any, sink: Any, change: Callable[[bytes], bytes | None]) -> None:
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


def _as_long(port: int) -> int:
    """A free port with as many digits as ``port``."""
    while len(str(found := free_port())) != len(str(port)):
        pass
    return found
