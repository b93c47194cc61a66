"""Run this project's worker, as ``agent dev`` does, for a benchmark."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from agent.config.sources import without_accounts
from agent.local.child_process import ChildProcess
from agent.local.livekit_server import LiveKitAddress

COMMAND = (sys.executable, "-m", "agent", "dev")


@asynccontextmanager
async def agent_worker(
    address: LiveKitAddress,
    service_url: str,
    agent_name: str,
    *,
    environ: Mapping[str, str] | None = None,
    on_line: Callable[[str], None] | None = None,
) -> AsyncIterator[ChildProcess]:
    """Yield a worker that is registered. ``service_url`` is the service's URL without ``/v1``."""
    given = worker_environ(address, service_url, agent_name)
    child = ChildProcess(
        "The worker", COMMAND, environ={**given, **(environ or {})}, on_line=on_line
    )
    async with child:
        await child.wait_for_line("registered worker")
        yield child


def worker_environ(address: LiveKitAddress, service_url: str, agent_name: str) -> Mapping[str, str]:
    """Return the environment of a worker that uses a stand-in."""
    return {
        **without_accounts(os.environ),
        "LIVEKIT_URL": address.url,
        "LIVEKIT_API_KEY": address.api_key,
        "LIVEKIT_API_SECRET": address.api_secret,
        "LIVEKIT_AGENT_NAME": agent_name,
        "OPENAI_BASE_URL": f"{service_url}/v1",
        "OPENAI_API_KEY": "stand-in",
        "REALTIME_SERVICE": "openai",
        "REALTIME_INSTRUCTIONS": "Be brief.",
        "AGENT_HTTP_HOST": "127.0.0.1",
    }
