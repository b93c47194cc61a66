"""Who the agent serves: the first person in its room, unless another agent was there before it."""

from __future__ import annotations

import asyncio
import json
import logging

from livekit.agents import JobContext

from agent.call.caller import Caller
from agent.call.rooms import PERSON_KINDS, earlier_agent

logger = logging.getLogger("agent.call")

CALLER_WAIT_SECONDS = 60.0
"""How long a job waits for a person to be in its room. Machines do not count: an agent beside a
recorder alone would wait for as long as that records."""


async def wait_for_caller(ctx: JobContext, within: float) -> Caller | None:
    """Join the room and wait ``within`` seconds for the first person in it.

    Return ``None`` where this job has none to wait for, and has been ended: the room closes, nobody
    comes in time, or another agent of this name serves it.
    """
    await ctx.connect()
    earlier = await _earlier_agent(ctx)
    if earlier is not None:
        logger.warning(
            "two dispatches of '%s' in room '%s': '%s' was there first, this one leaves. Dispatch"
            " the agent once, in the caller's token or by the API",
            *(ctx.job.agent_name, ctx.room.name, earlier),
        )
        ctx.shutdown("another agent of this name is in the room")
        return None
    try:
        async with asyncio.timeout(within):
            return Caller.from_participant(await ctx.wait_for_participant(kind=PERSON_KINDS))
    except TimeoutError:
        logger.warning(
            "no person joined room '%s' within %g s. Dispatch the agent when the caller joins, or"
            " give handle_call a longer caller_wait_seconds",
            *(ctx.room.name, within),
        )
    except RuntimeError:  # the room has closed
        pass
    ctx.shutdown("no caller came")
    return None


async def _earlier_agent(ctx: JobContext) -> str | None:
    if ctx.is_fake_job():
        return None
    try:
        resumed = json.loads(ctx.job.metadata or "{}")["resumed"]["job"]
    except (ValueError, KeyError, TypeError, RecursionError):
        resumed = ""
    # The agent whose process died may be listed still; this one takes its place.
    ignored = f"agent-{resumed}"
    return await earlier_agent(ctx.api.room, ctx.room, ctx.job.agent_name, ignored=ignored)
