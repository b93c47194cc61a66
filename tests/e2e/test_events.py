"""The events of a real call, as a subscriber reads them."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest

from agent.cli.call import synthesize
from agent.local.call_script import run_call
from agent.local.livekit_server import LiveKitAddress
from agent.local.standin import StandIn, StandInOptions
from agent.local.standin.script import Call, Script, Turn
from tests.e2e.conftest import Worker

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

EVENTS_WORKER = Path(__file__).with_name("events_worker.py")
HOURS = "what are your opening hours"
STORY = " ".join(f"This is sentence number {n} of a long story." for n in range(1, 12))
SCRIPT = Script(
    greeting="Hello.",
    turns=(
        Turn(
            hear=(HOURS,),
            say="",
            call=Call(name="opening_hours", arguments={}),
            then=STORY,
        ),
    ),
    otherwise="Pardon?",
)


async def test_subscriber_reads_the_events_of_a_call_in_order(livekit: LiveKitAddress) -> None:
    program = (sys.executable, "-m", "livekit.agents", "start", str(EVENTS_WORKER), "--dev")
    async with (
        StandIn(StandInOptions(script=SCRIPT)) as stand_in,
        Worker(livekit, stand_in.url, program=program) as worker,
    ):
        await worker.until("registered worker")
        async with worker.called(identity="anna") as caller:
            assert (await run_call(caller, [])).greeting == "Hello."
            asked = await caller.say(synthesize(HOURS))
            assert await caller.wait_for_speech(asked, 10)
            await caller.say(synthesize("stop please"))
            assert await caller.wait_for_speech(time.monotonic(), 10)
            await caller.wait_for_silence(0.7, 20)
        line = await worker.until("events of anna: ", 20)
    names = json.loads(line.partition("events of anna: ")[2].partition("]")[0] + "]")
    expected = [
        *("CallerJoined", "ResponseCreated", "FirstAudioPlayed"),
        # A tool begins once its call is complete, just before or after the response is.
        *("SpeechStarted", "SpeechStopped", "ResponseCreated", "ToolCalled"),
        *("ResponseCreated", "FirstAudioPlayed", "SpeechStarted", "Interrupted", "SpeechStopped"),
        *("ResponseCreated", "FirstAudioPlayed", "ResponseDone", "CallClosed"),
    ]
    remaining = iter(names)
    assert all(name in remaining for name in expected), names
    assert names.count("ResponseCreated") == names.count("ResponseDone") == 4
    assert (names[0], names[-1]) == ("CallerJoined", "CallClosed")
    assert sum("of the call's events failed" in line for line in worker.lines) == 1
