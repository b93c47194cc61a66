"""A worker with an entrypoint of its own: it waits two seconds for a caller, and logs what of a
call is recorded where the LiveKit Cloud project asks for a recording."""

from __future__ import annotations

import logging

from livekit.agents import JobContext

from agent.call import MultimodalAgent, handle_call
from agent.server import create_server, load_worker_settings

settings = load_worker_settings()
server = create_server(settings)


class Recorded(MultimodalAgent):
    async def on_enter(self) -> None:
        logging.getLogger("test").warning("recorded: %s", self.session.options.recording_options)


@server.rtc_session(agent_name=settings.livekit.agent_name)
async def entrypoint(ctx: JobContext) -> None:
    ctx.job.enable_recording = True
    await handle_call(ctx, settings, agent=Recorded, caller_wait_seconds=2)
