"""A worker whose machine is too busy for another call."""

from __future__ import annotations

from livekit.agents import JobContext

from agent.call import handle_call
from agent.worker import create_server, settings

server = create_server(settings)
server.load_fnc = lambda: 0.9


@server.rtc_session(agent_name=settings.livekit.agent_name)
async def entrypoint(ctx: JobContext) -> None:
    await handle_call(ctx, settings)
