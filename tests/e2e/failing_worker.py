"""A worker whose calls fail once they have begun."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from livekit.agents import JobContext

from agent import call
from agent.server import Server
from agent.worker import prewarm, settings

server = Server(settings, setup_fnc=prewarm)


def failing(*_: Any, **__: Any) -> Sequence[Any]:
    raise RuntimeError("a mistake in somebody's code")


@server.rtc_session(agent_name=settings.livekit_agent_name)
async def entrypoint(ctx: JobContext) -> None:
    setattr(call, "agent_session", failing)  # noqa: B010 - no name that call.py exports
    await call.handle_call(ctx, settings)
