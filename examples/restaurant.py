"""A restaurant's agent with two tools: one that answers at once, and one that takes its time.

agent check && python -m livekit.agents start examples/restaurant.py --dev
"""

from __future__ import annotations

import asyncio

from livekit.agents import RunContext, function_tool
from livekit.agents.voice import SpeechHandle

from agent.server import create_server, load_worker_settings

HOURS = {"weekday": "noon to ten", "sunday": "closed"}
FILLER_AFTER_SECONDS = 1.0
"""A caller who hears nothing for longer wonders whether the call is lost."""


@function_tool
async def opening_hours(context: RunContext[None], sunday: bool) -> str:
    """When the restaurant is open.

    Args:
        sunday: whether the caller asks for a Sunday.
    """
    return HOURS["sunday" if sunday else "weekday"]


@function_tool
async def book_table(context: RunContext[None], people: int, day: str) -> str:
    """Book a table, in a system that takes five seconds to answer.

    Args:
        people: how many will come.
        day: the day, in the caller's words.
    """

    def filler(_: int) -> SpeechHandle:
        return context.session.generate_reply(
            instructions="Tell the caller in a few words that you are looking.",
            tool_choice="none",
        )

    async with context.with_filler(filler, delay=FILLER_AFTER_SECONDS):
        await asyncio.sleep(5)
    return f"A table for {people} is booked for {day}."


server = create_server(load_worker_settings(), tools=[opening_hours, book_table])
