"""A stand-in for the module's tests, with a short script and quick speech."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from agent.local.standin import StandIn, StandInOptions
from agent.local.standin.script import Call, Script, Turn

SCRIPT = Script(
    greeting="Hello there.",
    turns=(
        Turn(hear=("what are your opening hours",), say="From nine to five."),
        Turn(hear=("no thank you",), say="Goodbye then."),
        Turn(
            hear=("book a table for two",),
            say="One moment.",
            call=Call(name="book_table", arguments={"people": 2, "day": "tomorrow"}),
            then="Your table is booked.",
        ),
        Turn(hear=("where is my order",), preamble="Let me look.", say="It arrives tomorrow."),
    ),
    idle="Are you still there?",
    otherwise="Pardon?",
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[StandIn]:
    options = StandInOptions(
        script=SCRIPT, pace=50, dialects=("openai_ga", "azure_ga", "azure_preview", "openai_beta")
    )
    async with StandIn(options) as running:
        yield running
