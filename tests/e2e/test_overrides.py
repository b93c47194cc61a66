"""Calls that bring settings of their own, through a real livekit-server."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from livekit import api

from agent.call.problems import PROBLEMS
from agent.local.livekit_server import LiveKitAddress
from agent.local.standin import StandIn
from tests.e2e.conftest import Worker

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


def last_session(stand_in: StandIn) -> dict[str, Any]:
    return list(stand_in.record.sessions.values())[-1].as_dict()


async def agents_attributes(livekit: LiveKitAddress, room: str) -> dict[str, str]:
    async with api.LiveKitAPI(livekit.url, livekit.api_key, livekit.api_secret) as client:
        listed = await client.room.list_participants(api.ListParticipantsRequest(room=room))
    return next(
        dict(each.attributes) for each in listed.participants if each.identity.startswith("agent-")
    )


async def test_a_call_has_its_own_voice_and_falls_back_where_it_is_wrong(
    worker: Worker, stand_in: StandIn, livekit: LiveKitAddress
) -> None:
    metadata = json.dumps({"session": {"voice": "cedar", "speed": 99, "temperature": 0}})
    async with worker.called("own-voice", metadata=metadata) as caller:
        assert await caller.wait_for_speech(caller.joined_at, 15)
        session = last_session(stand_in)
        problems = json.loads((await agents_attributes(livekit, "own-voice"))[PROBLEMS])
    output = session["session"]["audio"]["output"]
    assert (output["voice"], output["speed"]) == ("cedar", 1.0)
    assert {problem["param"] for problem in problems} == {
        "session.audio.output.speed",
        "session.temperature",
    }
    assert session["errors"] == []


async def test_a_call_that_is_rejected_is_reported_why_and_not_left_alone(
    livekit: LiveKitAddress, stand_in: StandIn
) -> None:
    before = len(stand_in.record.sessions)
    async with Worker(livekit, stand_in.url, AGENT_ON_INVALID_OVERRIDE="reject") as worker:
        await worker.until("registered worker")
        said: list[str] = []
        attributes: list[str] = []
        caller = worker.called("rejected", metadata='{"session": {"voice": "nova"}}')

        def on_metadata(_: str, new: str) -> None:
            said.append(new)
            for participant in caller.room.remote_participants.values():
                attributes.append(participant.attributes.get(PROBLEMS, ""))

        caller.room.on("room_metadata_changed", on_metadata)
        async with caller:
            await asyncio.wait_for(caller.disconnected.wait(), 15)
        await worker.until("the job's metadata was rejected")
    (problem,) = json.loads(said[-1])["rejected"]
    assert problem["code"] == "invalid_value"
    assert "'nova'" in problem["message"]
    assert json.loads(attributes[-1]) == [problem]
    assert len(stand_in.record.sessions) == before
