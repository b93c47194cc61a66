"""The example's two tools, called by the model in a real call."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from agent.cli.call import synthesize
from agent.local.call_script import run_call
from agent.local.livekit_server import LiveKitAddress
from agent.local.standin import StandIn, StandInOptions
from agent.local.standin.script import Call, Script, Turn
from tests.e2e.conftest import Worker

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "restaurant.py"
HOURS, BOOK = "what are your opening hours", "book a table for two"
SCRIPT = Script(
    greeting="Hello.",
    turns=(
        Turn(
            hear=(HOURS,),
            say="",
            call=Call(name="opening_hours", arguments={"sunday": False}),
            then="From noon to ten.",
        ),
        Turn(
            hear=(BOOK,),
            say="",
            call=Call(name="book_table", arguments={"people": 2, "day": "tomorrow"}),
            then="Your table is booked.",
        ),
    ),
    otherwise="One moment please.",
)


def outputs(stand_in: StandIn) -> list[str]:
    items: list[dict[str, Any]] = json.loads(
        json.dumps(list(stand_in.record.sessions.values())[-1].as_dict())
    )["items"]
    return [item["output"] for item in items if item["type"] == "function_call_output"]


async def test_a_quick_tool_and_a_slow_one(livekit: LiveKitAddress) -> None:
    program = (sys.executable, "-m", "livekit.agents", "start", str(EXAMPLE), "--dev")
    async with (
        StandIn(StandInOptions(script=SCRIPT)) as stand_in,
        Worker(livekit, stand_in.url, program=program) as worker,
    ):
        await worker.until("registered worker")
        async with worker.called() as caller:
            conversation = await run_call(caller, [synthesize(HOURS)])
            assert conversation.turns[0].agent == "From noon to ten."
            asked = await caller.say(synthesize(BOOK))
            bridged = await caller.wait_for_speech(asked, 5)
            assert bridged is not None
            assert bridged - asked < 4, "the caller waits in silence for a slow tool"
            deadline = time.monotonic() + 15
            agent = caller.agent_identity() or ""
            while "Your table is booked." not in caller.transcript(agent, asked):
                assert await caller.wait_for_audio(deadline), caller.transcript(agent, asked)
        session = list(stand_in.record.sessions.values())[-1]
        assert len(outputs(stand_in)) == 2
        assert "A table for 2 is booked for tomorrow." in outputs(stand_in)[1]
        assert session.errors == []
