"""A worker that waits two seconds for a caller."""

from __future__ import annotations

from livekit.agents import JobContext

from agent.call import handle_call
from agent.worker import create_server, settings

server = create_server(settings)


@server.rtc_session(agent_name=settings.livekit_agent_name)
async def entrypoint(ctx: JobContext) -> None:
    await handle_call(ctx, settings, caller_wait_seconds=2)
