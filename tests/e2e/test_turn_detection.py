"""Who speaks when, in every mode, through a real livekit-server."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from livekit import api, rtc

from agent.cli.call import synthesize
from agent.local.audio import ROOM_RATE, seconds_of
from agent.local.call_script import run_call
from agent.local.caller import Caller
from agent.local.livekit_server import LiveKitAddress
from agent.local.standin import StandIn, StandInOptions
from agent.local.standin.faults import parse_fault
from agent.local.standin.script import Script, Turn
from tests.e2e.conftest import Worker

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

QUESTION = "what are your opening hours"
ANSWER = "From noon until ten. Shall I book a table?"
TWO_REPLIES = Path(__file__).with_name("two_replies_worker.py")
LONG = " ".join(f"This is sentence number {n} of a long story." for n in range(1, 12))
SCRIPT = Script(greeting=LONG, turns=(Turn(hear=(QUESTION,), say=ANSWER),), otherwise="Pardon?")


def seen(stand_in: StandIn) -> dict[str, Any]:
    """The last session as it is now, in a copy of its own."""
    shown: dict[str, Any] = json.loads(
        json.dumps(list(stand_in.record.sessions.values())[-1].as_dict())
    )
    return shown


@asynccontextmanager
async def calling(
    livekit: LiveKitAddress, stand_in: StandIn, **environ: str
) -> AsyncIterator[Caller]:
    async with Worker(livekit, stand_in.url, **environ) as worker:
        await worker.until("registered worker")
        async with worker.called() as caller:
            yield caller


async def test_local_hears_by_itself_and_commits_speech_alone(
    livekit: LiveKitAddress, stand_in: StandIn
) -> None:
    async with calling(livekit, stand_in, AGENT_TURN_TAKING="local") as caller:
        question = synthesize(QUESTION)
        conversation = await run_call(caller, [question])
        lasted = time.monotonic() - caller.joined_at
        session = seen(stand_in)
    (turn,) = conversation.turns
    assert (turn.user, turn.agent) == (QUESTION, ANSWER)
    assert session["session"]["audio"]["input"]["turn_detection"] is None
    assert session["errors"] == []
    assert session["received"]["input_audio_buffer.commit"] == 1
    sent_ms = session["received"]["input_audio_buffer.append"] * 100
    said_ms = seconds_of(question, ROOM_RATE) * 1000
    assert lasted * 1000 > sent_ms * 2
    assert said_ms - 300 < sent_ms < said_ms + 900


@pytest.mark.parametrize("mode", ["server_vad", "semantic_vad"])
async def test_the_service_hears_when_a_turn_ends(
    mode: str, livekit: LiveKitAddress, stand_in: StandIn
) -> None:
    async with calling(livekit, stand_in, AGENT_TURN_TAKING=mode) as caller:
        conversation = await run_call(caller, [synthesize(QUESTION)])
        session = seen(stand_in)
    (turn,) = conversation.turns
    assert (turn.user, turn.agent) == (QUESTION, ANSWER)
    assert session["session"]["audio"]["input"]["turn_detection"]["type"] == mode
    assert session["errors"] == []


@pytest.mark.parametrize("mode", ["server_vad", "local"])
async def test_an_interruption_stops_the_agent_and_the_service_knows_what_was_heard(
    mode: str, livekit: LiveKitAddress
) -> None:
    async with (
        StandIn(StandInOptions(script=SCRIPT)) as stand_in,
        calling(livekit, stand_in, AGENT_TURN_TAKING=mode) as caller,
    ):
        began = await caller.wait_for_speech(caller.joined_at, 15)
        assert began
        await asyncio.sleep(4)  # beyond the seconds in which an echo canceller adapts
        await caller.say(synthesize(QUESTION))
        assert await caller.wait_for_silence(0.3, 5)
        await until_said(caller, ANSWER, began)
        session = seen(stand_in)
    # With its own detection the service cancels as we do, and may be first: nobody notices.
    raced = [error for error in session["errors"] if error["code"] == "response_cancel_not_active"]
    assert session["errors"] == raced[: int(mode == "server_vad")]
    assert session["received"]["conversation.item.truncate"] == 1
    assert session["received"].get("response.cancel", 0) <= 1
    first = next(item for item in session["items"] if item["role"] == "assistant")
    assert 3500 < session["heard_ms"][first["id"]] < 8000


async def until_said(caller: Caller, words: str, since: float) -> None:
    deadline = time.monotonic() + 10
    while words not in caller.transcript(caller.agent_identity() or "", since):
        assert await caller.wait_for_audio(deadline), f"not said: {words}"


async def until_set(livekit: LiveKitAddress, caller: Caller, name: str) -> dict[str, str]:
    """The agent's attributes, once ``name`` is among them."""
    deadline = time.monotonic() + 10
    while name not in (found := await attributes(livekit, caller.room.name)):
        assert await caller.wait_for_audio(deadline), f"not set: {name}"
    return found


async def press(caller: Caller, method: str) -> str:
    agent = caller.agent_identity()
    assert agent is not None
    answer: str = await caller.room.local_participant.perform_rpc(
        destination_identity=agent, method=method, payload=""
    )
    return str(json.loads(answer)["turn"])


async def test_push_to_talk(livekit: LiveKitAddress, stand_in: StandIn) -> None:
    async with calling(livekit, stand_in, AGENT_TURN_TAKING="push_to_talk") as caller:
        assert await caller.wait_for_speech(caller.joined_at, 15)
        assert await caller.wait_for_silence(1.0, 10)
        # Nobody hears what is said while the button is up.
        await caller.say(synthesize("no thank you"))
        assert await press(caller, "start_turn") == "started"
        assert await press(caller, "end_turn") == "too short"
        assert await press(caller, "start_turn") == "started"
        await caller.say(synthesize("no thank you"))
        assert await press(caller, "cancel_turn") == "cancelled"
        pressed = time.monotonic()
        assert await press(caller, "start_turn") == "started"
        await caller.say(synthesize(QUESTION))
        await asyncio.sleep(0.3)  # as a finger leaves the button: audio arrives with a delay
        assert await press(caller, "end_turn") == "ended"
        await until_said(caller, ANSWER, pressed)
        session = seen(stand_in)
        assert session["received"]["input_audio_buffer.commit"] == 1
        assert session["received"]["response.create"] == 2
        assert session["errors"] == []


async def test_somebody_else_has_no_button(livekit: LiveKitAddress, stand_in: StandIn) -> None:
    async with Worker(livekit, stand_in.url, AGENT_TURN_TAKING="push_to_talk") as worker:
        await worker.until("registered worker")
        async with worker.called("two-people") as caller:
            assert await caller.wait_for_speech(caller.joined_at, 15)
            other = Caller(livekit, "two-people", identity="other")
            async with other:
                with pytest.raises(rtc.RpcError, match="only the caller"):
                    await press(other, "start_turn")


async def attributes(livekit: LiveKitAddress, room: str) -> dict[str, str]:
    async with api.LiveKitAPI(livekit.url, livekit.api_key, livekit.api_secret) as client:
        listed = await client.room.list_participants(api.ListParticipantsRequest(room=room))
    return next(
        dict(each.attributes) for each in listed.participants if each.identity.startswith("agent-")
    )


async def test_a_voice_of_ones_own_and_audio_that_leaks(livekit: LiveKitAddress) -> None:
    script = Script(greeting="Hello.", turns=(Turn(hear=(QUESTION,), say=ANSWER),))
    async with (
        StandIn(StandInOptions(script=script)) as stand_in,
        calling(livekit, stand_in, AGENT_VOICE_FROM="tts", AGENT_TTS_VOICE="ash") as caller,
    ):
        conversation = await run_call(caller, [synthesize(QUESTION)])
        assert conversation.turns[0].agent == ANSWER
        stand_in.faults["audio-in-text-session"] = parse_fault("audio-in-text-session")
        assert await caller.wait_for_silence(1.0, 10)
        asked = await caller.say(synthesize(QUESTION))
        found = await until_set(livekit, caller, "agent.audio_leaked")
        # What leaked would have been heard by now: it left the stand-in faster than it plays.
        assert await caller.wait_for_silence(1.0, 5)
        assert caller.received.first_speech_after(asked) is None
        session = seen(stand_in)
    assert session["session"]["output_modalities"] == ["text"]
    assert json.loads(found["agent.audio_leaked"])["leaked_audio_ms"] > 1000
    assert session["errors"] == []


async def test_a_text_answer_in_an_audio_session_is_spoken_all_the_same(
    livekit: LiveKitAddress,
) -> None:
    script = Script(greeting="Hello there.", turns=(Turn(hear=(QUESTION,), say=ANSWER),))
    options = StandInOptions(script=script, faults=(parse_fault("text-in-audio-session"),))
    async with (
        StandIn(options) as stand_in,
        calling(livekit, stand_in, AGENT_TTS="openai") as caller,
    ):
        assert await caller.wait_for_speech(caller.joined_at, 15)
        assert seen(stand_in)["session"]["output_modalities"] == ["audio"]


async def test_a_filtered_answer_says_so(livekit: LiveKitAddress) -> None:
    options = StandInOptions(script=SCRIPT, faults=(parse_fault("content-filter"),))
    async with StandIn(options) as stand_in, calling(livekit, stand_in) as caller:
        assert await caller.wait_for_speech(caller.joined_at, 15)
        found = await until_set(livekit, caller, "agent.response_incomplete")
    assert json.loads(found["agent.response_incomplete"]) == {"reason": "content_filter"}


async def test_a_greeting_as_it_stands(livekit: LiveKitAddress, stand_in: StandIn) -> None:
    environ = {
        "AGENT_VOICE_FROM": "tts",
        "AGENT_WELCOME": "Welcome to the harbour.",
        "AGENT_WELCOME_VERBATIM": "true",
    }
    async with calling(livekit, stand_in, **environ) as caller:
        conversation = await run_call(caller, [])
    assert conversation.greeting == "Welcome to the harbour."


async def test_what_never_began_to_play_is_no_part_of_the_conversation(
    livekit: LiveKitAddress,
) -> None:
    """Upstream's D17. Both replies are complete at the service before the first is played."""
    program = (sys.executable, "-m", "livekit.agents", "start", str(TWO_REPLIES), "--dev")
    async with (
        StandIn(StandInOptions(script=SCRIPT, pace=100)) as stand_in,
        Worker(livekit, stand_in.url, program=program) as worker,
    ):
        await worker.until("registered worker")
        async with worker.called() as caller:
            assert await caller.wait_for_speech(caller.joined_at, 15)
            deadline = time.monotonic() + 10
            while "conversation.item.deleted" not in seen(stand_in)["sent"]:
                assert await caller.wait_for_audio(deadline), seen(stand_in)["received"]
            session = seen(stand_in)
    said = [item for item in session["items"] if item.get("role") == "assistant"]
    assert session["sent"]["response.created"] == 2
    assert len(said) == 1
    assert 1000 < session["heard_ms"][said[0]["id"]] < 3000
    assert session["errors"] == []
