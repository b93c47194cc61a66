"""A worker whose calls fail once they have begun."""

from __future__ import annotations

from typing import Any

from livekit.agents import JobContext

from agent.call import handle_call
from agent.call.agent import MultimodalAgent
from agent.worker import create_server, settings

server = create_server(settings)


def failing(**_: Any) -> MultimodalAgent:
    raise RuntimeError("a mistake in somebody's code")


@server.rtc_session(agent_name=settings.livekit.agent_name)
async def entrypoint(ctx: JobContext) -> None:
    await handle_call(ctx, settings, make_agent=failing)
