"""The rescue of a call whose process died, while LiveKit's HTTP API misbehaves."""

from __future__ import annotations

import logging

import pytest
from aiohttp import web
from livekit.agents.job import JobAcceptArguments, RunningJobInfo
from livekit.protocol import agent, models, room
from pydantic import SecretStr

from agent import server
from agent.call import api_requests
from agent.config.settings import LiveKitSettings
from agent.server import Server
from tests.call.test_rooms import Answer, api_server, ok, reset, unavailable


def one_person(_: web.Request) -> web.StreamResponse:
    person = models.ParticipantInfo(identity="caller")
    listed = room.ListParticipantsResponse(participants=[person])
    return web.Response(body=listed.SerializeToString())


async def rescue(*answers: Answer) -> list[str]:
    async with api_server(*answers) as (url, called):
        worker = Server(
            LiveKitSettings(
                url=url,
                api_key="key",
                api_secret=SecretStr("secret" * 8),
            )
        )
        job = agent.Job(id="AJ_1", room=models.Room(name="room"), agent_name="agent")
        accepted = JobAcceptArguments(identity="agent-AJ_1", name="", metadata="")
        await worker._redispatch(RunningJobInfo(accepted, job, "", "", "", fake_job=False))
    return called


async def test_rescue_when_the_api_recovers_dispatches_the_call_again() -> None:
    called = await rescue(reset, ok, unavailable, one_person, reset, ok)
    assert called == [
        *["RemoveParticipant"] * 2,
        *["ListParticipants"] * 2,
        *["CreateDispatch"] * 2,
    ]


@pytest.mark.parametrize("answer", [reset, unavailable])
async def test_rescue_when_the_api_stays_away_names_the_reason(
    answer: Answer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(server, "RESCUE_SECONDS", 0.1)
    monkeypatch.setattr(api_requests, "PAUSES_SECONDS", (0.02,))
    with caplog.at_level(logging.ERROR, "agent.worker"):
        await rescue(answer)
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert line.startswith("the call in 'room' could not be dispatched again: ")
    assert not line.endswith(": ")
