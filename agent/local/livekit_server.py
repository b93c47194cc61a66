"""A livekit-server of our own on loopback."""

from __future__ import annotations

import asyncio
import json
import secrets
import signal
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Self

import aiohttp

from agent.errors import LiveKitError
from agent.local.livekit_build import Progress, livekit_server
from agent.local.process import Child, free_port

START_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class LiveKitAddress:
    """A LiveKit server and the key pair that opens it."""

    url: str
    api_key: str
    api_secret: str


class LiveKitServer:
    """``async with LiveKitServer() as address: …``. It listens on 127.0.0.1 only."""

    def __init__(
        self,
        progress: Progress = lambda _: None,
        *,
        port: int | None = None,
        keys: LiveKitAddress | None = None,
    ) -> None:
        """``keys`` are another server's, to take its place."""
        self._progress = progress
        self._port = port or free_port()
        self.media_port = free_port()
        """Where audio goes, by UDP, and by TCP where that is not let through."""
        self._exit = AsyncExitStack()
        key, secret = f"key{secrets.token_hex(4)}", secrets.token_hex(20)
        if keys is not None:
            key, secret = keys.api_key, keys.api_secret
        self.address = LiveKitAddress(f"ws://127.0.0.1:{self._port}", key, secret)
        self.child: Child | None = None

    async def __aenter__(self) -> Self:
        program = await livekit_server(self._progress)
        # A file would have to be cleaned up; the program takes its configuration as text as well.
        command = (str(program), "--config-body", json.dumps(self._configuration()))
        # Asked to end, it waits three seconds for its participants; it has nothing to save.
        child = Child("livekit-server", command, stop_signal=signal.SIGKILL)
        self.child = await self._exit.enter_async_context(child)
        try:
            await self._until_ready()
        except BaseException:
            await self._exit.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._exit.aclose()

    def _configuration(self) -> dict[str, object]:
        return {
            "port": self._port,
            "bind_addresses": ["127.0.0.1"],
            "rtc": {
                "tcp_port": self.media_port,
                "udp_port": self.media_port,
                "node_ip": "127.0.0.1",
                "use_external_ip": False,
            },
            "keys": {self.address.api_key: self.address.api_secret},
            # By default it sends no job to a worker above 70 % of the machine's load. Here all
            # parts share one machine, which is that busy whenever something starts.
            "agents": {"target_load": 10.0},
            "logging": {"level": "warn"},
        }

    async def _until_ready(self) -> None:
        assert self.child is not None
        ended = asyncio.ensure_future(self.child.wait())
        try:
            async with asyncio.timeout(START_SECONDS), aiohttp.ClientSession() as http:
                while not ended.done():
                    if await _answers(http, self.address.url.replace("ws", "http", 1)):
                        return
                    await asyncio.sleep(0.05)
        except TimeoutError:
            pass
        finally:
            ended.cancel()
        last = self.child.tail[-1] if self.child.tail else "it wrote nothing"
        raise LiveKitError(f"livekit-server did not start on port {self._port}: {last}")


async def _answers(http: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with http.get(url) as response:
            return response.status == 200
    except aiohttp.ClientError:
        return False
