"""A worker whose subscriber logs the events of each call, beside one that fails."""

from __future__ import annotations

import json
import logging

from livekit.agents import function_tool

from agent.call import Call, EventSubscription
from agent.server import create_server, load_worker_settings

logger = logging.getLogger("test")


@function_tool
async def opening_hours() -> str:
    """When the restaurant is open."""
    return "From noon to ten."


async def log_events(call: Call, events: EventSubscription) -> None:
    names = [type(event).__name__ async for event in events]
    caller = call.info.caller.identity if call.info is not None else ""
    logger.warning("events of %s: %s", caller, json.dumps(names))


async def fail(call: Call, events: EventSubscription) -> None:
    await anext(events)
    raise RuntimeError(f"a mistake in {call.room_name}")


server = create_server(
    load_worker_settings(), tools=[opening_hours], subscribers=[fail, log_events]
)
