"""Run a livekit-server on loopback."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import aiohttp

from agent.errors import LiveKitError
from agent.local.child_process import ChildProcess, free_port
from agent.local.livekit_build import Progress, find_or_build_server

START_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class LiveKitAddress:
    """The URL of a LiveKit server and its API key pair."""

    url: str
    api_key: str
    api_secret: str


class LiveKitServer:
    """A server process: ``async with LiveKitServer() as server: … server.address``.

    It listens on 127.0.0.1 only.
    """

    def __init__(
        self,
        progress: Progress = lambda _: None,
        *,
        port: int | None = None,
        keys: LiveKitAddress | None = None,
    ) -> None:
        """``port``: ``None`` for a free one. ``keys``: the key pair of a server to replace."""
        self._progress = progress
        self._port = port or free_port()
        self.media_port = free_port()
        """The UDP port for media."""
        self._exit = AsyncExitStack()
        key, secret = f"key{secrets.token_hex(4)}", secrets.token_hex(20)
        if keys is not None:
            key, secret = keys.api_key, keys.api_secret
        self.address = LiveKitAddress(f"ws://127.0.0.1:{self._port}", key, secret)
        self.child: ChildProcess | None = None

    async def __aenter__(self) -> Self:
        program = await find_or_build_server(self._progress)
        with _private_file(json.dumps(self._configuration())) as config:
            command = (str(program), "--config", str(config))
            # On SIGTERM it waits three seconds for its participants, and it has no state to save.
            child = ChildProcess("livekit-server", command, stop_signal=signal.SIGKILL)
            self.child = await self._exit.enter_async_context(child)
            try:
                await self._wait_until_ready()
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
                # `bind_addresses` applies to signalling only. Media over TCP would listen on all
                # addresses, which no setting changes, and media over UDP on the external ones.
                "tcp_port": 0,
                "udp_port": self.media_port,
                "node_ip": "127.0.0.1",
                "use_external_ip": False,
                "enable_loopback_candidate": True,
                "ips": {"includes": ["127.0.0.1/32"]},
            },
            "keys": {self.address.api_key: self.address.api_secret},
            # By default the server sends no job to a worker above 70 % CPU load. Here all parts
            # share one machine, which exceeds that whenever a process starts.
            "agents": {"target_load": 10.0},
            "logging": {"level": "warn"},
        }

    async def _wait_until_ready(self) -> None:
        assert self.child is not None
        ended = asyncio.ensure_future(self.child.wait())
        try:
            async with asyncio.timeout(START_SECONDS), aiohttp.ClientSession() as http:
                while not ended.done():
                    if await _is_ready(http, self.address.url.replace("ws", "http", 1)):
                        return
                    await asyncio.sleep(0.05)
        except TimeoutError:
            pass
        finally:
            ended.cancel()
        last = self.child.tail[-1] if self.child.tail else "it wrote nothing"
        raise LiveKitError(
            f"livekit-server did not start on port {self._port} within {START_SECONDS:g} s: {last}"
        )


@contextmanager
def _private_file(text: str) -> Iterator[Path]:
    """Create a file of mode 0600 with ``text``, since every user can read a command line.

    The server reads it once, when it starts.
    """
    handle, name = tempfile.mkstemp(prefix="livekit-server-", suffix=".json")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        yield Path(name)
    finally:
        os.unlink(name)


async def _is_ready(http: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with http.get(url) as response:
            return response.status == 200
    except aiohttp.ClientError:
        return False
