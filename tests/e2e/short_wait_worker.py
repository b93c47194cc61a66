"""A worker that waits two seconds for a caller, and logs what of a call is recorded where the
LiveKit Cloud project asks for a recording."""

from __future__ import annotations

import logging

from livekit.agents import JobContext

from agent.call import handle_call
from agent.call.agent import MultimodalAgent
from agent.worker import create_server, settings

server = create_server(settings)


class Recorded(MultimodalAgent):
    async def on_enter(self) -> None:
        logging.getLogger("test").warning("recorded: %s", self.session.options.recording_options)


@server.rtc_session(agent_name=settings.livekit.agent_name)
async def entrypoint(ctx: JobContext) -> None:
    ctx.job.enable_recording = True
    await handle_call(ctx, settings, make_agent=Recorded, caller_wait_seconds=2)
