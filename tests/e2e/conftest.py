"""A real livekit-server, the stand-in in this process, and a real worker beside it."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest_asyncio

from agent.cli.arguments import DEMO_SCRIPT
from agent.local.caller import Caller
from agent.local.livekit_server import LiveKitAddress, LiveKitServer
from agent.local.standin import StandIn, StandInOptions
from agent.local.standin.script import load_script
from tests.kit.programs import AGENT, Started


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def livekit() -> AsyncIterator[LiveKitAddress]:
    async with LiveKitServer() as server:
        yield server.address


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stand_in() -> AsyncIterator[StandIn]:
    async with StandIn(StandInOptions(script=load_script(DEMO_SCRIPT))) as server:
        yield server


class Worker(Started):
    """A worker on ``livekit`` that talks to the service at ``service_url``."""

    def __init__(
        self,
        livekit: LiveKitAddress,
        service_url: str,
        *,
        program: Sequence[str] = (*AGENT, "dev"),
        **environ: str,
    ) -> None:
        self.livekit = livekit
        self.agent_name = f"test-{secrets.token_hex(3)}"
        super().__init__(
            command=program,
            environ={
                "LIVEKIT_URL": livekit.url,
                "LIVEKIT_API_KEY": livekit.api_key,
                "LIVEKIT_API_SECRET": livekit.api_secret,
                "LIVEKIT_AGENT_NAME": self.agent_name,
                "OPENAI_BASE_URL": f"{service_url}/v1",
                "OPENAI_API_KEY": "stand-in",
                "REALTIME_SERVICE": "openai",
                "AGENT_HTTP_HOST": "127.0.0.1",
                "AGENT_HTTP_PORT": "0",
                **environ,
            },
        )

    def called(self, room: str | None = None, **options: Any) -> Caller:
        """A caller of this worker, in a room of its own unless one is named."""
        room = room or f"room-{secrets.token_hex(4)}"
        return Caller(self.livekit, room, agent_name=self.agent_name, **options)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def worker(livekit: LiveKitAddress, stand_in: StandIn) -> AsyncIterator[Worker]:
    async with Worker(livekit, stand_in.url) as running:
        await running.until("registered worker")
        yield running
