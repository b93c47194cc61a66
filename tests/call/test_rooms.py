"""Closing rooms while LiveKit's HTTP API misbehaves. The API is a small server of its own."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from livekit import api, rtc
from livekit.agents.types import ATTRIBUTE_AGENT_NAME
from livekit.protocol.models import ParticipantInfo

from agent.call import api_requests
from agent.call.rooms import close_room, earlier_agent, list_people

Answer = Callable[[web.Request], web.StreamResponse]


@asynccontextmanager
async def api_server(*answers: Answer) -> AsyncIterator[tuple[str, list[str]]]:
    """LiveKit's HTTP API, its URL: each request is answered by the next of ``answers``, the last
    one repeats. Also the names of the methods that were called."""
    called: list[str] = []
    over = asyncio.Event()

    async def handle(request: web.Request) -> web.StreamResponse:
        answer = answers[min(len(called), len(answers) - 1)]
        called.append(request.path.rpartition("/")[2])
        if answer is hang:
            await over.wait()
            return web.Response()
        return answer(request)

    app = web.Application()
    app.router.add_post("/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield f"ws://127.0.0.1:{port}", called
    finally:
        over.set()
        await runner.cleanup()


@asynccontextmanager
async def livekit_api(*answers: Answer) -> AsyncIterator[tuple[api.LiveKitAPI, list[str]]]:
    async with (
        api_server(*answers) as (url, called),
        api.LiveKitAPI(url, "key", "secret" * 8) as client,
    ):
        yield client, called


def ok(_: web.Request) -> web.StreamResponse:
    return web.Response()  # an empty protobuf message: nobody is in the room


def unavailable(_: web.Request) -> web.StreamResponse:
    return web.Response(status=503)


def not_found(_: web.Request) -> web.StreamResponse:
    return web.json_response({"code": "not_found", "msg": "no such room"}, status=404)


def forbidden(_: web.Request) -> web.StreamResponse:
    return web.json_response({"code": "permission_denied", "msg": "not yours"}, status=403)


def garbage(_: web.Request) -> web.StreamResponse:
    return web.Response(body=b"\xff\xff\xff<html>")


def reset(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


def hang(_: web.Request) -> web.StreamResponse:
    raise AssertionError("the handler waits instead")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (unavailable, "503 Service Unavailable"),
        (reset, "Server disconnected"),
        (garbage, "Error parsing message"),
        (hang, "no answer within 0.2 s"),
    ],
)
async def test_close_room_when_the_api_fails_names_the_reason_and_may_be_repeated(
    answer: Answer, reason: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(api_requests, "ATTEMPT_SECONDS", 0.2)
    async with livekit_api(answer) as (client, _):
        began = time.monotonic()
        assert not await close_room(client.room, "room", besides=None)
        assert time.monotonic() - began < 2
    assert reason in caplog.text


async def test_close_room_when_the_api_recovers_deletes_the_room() -> None:
    async with livekit_api(unavailable, reset, ok, unavailable, ok) as (client, called):
        assert await close_room(client.room, "room", besides="caller", within=5)
    assert called == ["ListParticipants"] * 3 + ["DeleteRoom"] * 2


async def test_close_room_when_the_api_stays_away_gives_up_in_time() -> None:
    async with livekit_api(unavailable) as (client, called):
        began = time.monotonic()
        assert not await close_room(client.room, "room", besides=None, within=0.5)
        assert time.monotonic() - began < 1.5
    assert len(called) >= 2


async def test_close_room_when_refused_is_not_repeated(caplog: pytest.LogCaptureFixture) -> None:
    async with livekit_api(forbidden) as (client, called):
        assert await close_room(client.room, "room", besides=None, within=5)
    assert called == ["ListParticipants"]
    assert "403 not yours" in caplog.text


async def test_close_room_when_it_is_gone_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "agent.call"):
        async with livekit_api(not_found) as (client, _):
            assert await close_room(client.room, "room", besides=None, within=5)
    assert not [record for record in caplog.records if record.name == "agent.call"]


async def test_people_when_nothing_listens_raises_the_one_error() -> None:
    async with api.LiveKitAPI("ws://127.0.0.1:1", "key", "secret" * 8) as client:
        with pytest.raises(api_requests.ApiRequestError, match="Cannot connect"):
            await list_people(client.room, "room")


def _participant(identity: str, kind: int, joined_at_ms: int) -> ParticipantInfo:
    return ParticipantInfo(
        identity=identity,
        kind=ParticipantInfo.Kind.Name(ParticipantInfo.Kind.ValueType(kind)),
        joined_at_ms=joined_at_ms,
        attributes={ATTRIBUTE_AGENT_NAME: "agent"},
    )


@pytest.mark.parametrize(
    ("shown", "listed", "earlier"),
    [
        (rtc.ParticipantKind.PARTICIPANT_KIND_AGENT, ParticipantInfo.Kind.AGENT, "other"),
        # Any client may call itself an agent by an attribute of its own.
        (rtc.ParticipantKind.PARTICIPANT_KIND_STANDARD, ParticipantInfo.Kind.STANDARD, None),
        (rtc.ParticipantKind.PARTICIPANT_KIND_AGENT, ParticipantInfo.Kind.STANDARD, None),
    ],
)
async def test_earlier_agent_counts_participants_of_kind_agent_only(
    shown: int, listed: int, earlier: str | None
) -> None:
    def participants(_: web.Request) -> web.StreamResponse:
        own = _participant("own", ParticipantInfo.Kind.AGENT, 2000)
        response = api.ListParticipantsResponse(
            participants=[_participant("other", listed, 1000), own]
        )
        return web.Response(body=response.SerializeToString())

    room: Any = SimpleNamespace(
        name="room",
        local_participant=SimpleNamespace(identity="own"),
        remote_participants={"other": _participant("other", shown, 1000)},
    )
    async with livekit_api(participants) as (client, _):
        assert await earlier_agent(client.room, room, "agent") == earlier
