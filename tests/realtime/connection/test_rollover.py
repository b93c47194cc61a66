"""A session is moved to another connection before the service ends it."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest

from agent.realtime.connection.service_target import ServiceTarget
from agent.realtime.plugin.http_session import PluginHTTPSession
from agent.realtime.protocol.dialects import OPENAI_GA
from agent.realtime.protocol.parameters import with_defaults
from tests.kit.plugin_client import SCRIPT
from tests.kit.reconnecting_client import SPEECH, held_line
from tests.kit.recording_service import RecordingService


async def test_d2_d3_a_session_is_moved_before_it_expires_in_a_quiet_moment() -> None:
    async with held_line("expire=4", pace=2) as made:
        made.stand_in.faults.clear()
        await made.client.send("response.create", event_id="greet")
        await made.client.until("response.output_audio.delta")
        await made.client.until("response.done")
        ended = time.monotonic()
        assert len(made.seen) == 1, "it was moved inside a reply"
        await made.until(lambda: len(made.seen) == 2 and made.seen[0].closed)
        assert time.monotonic() - ended < 3
        assert made.texts() == [SCRIPT.greeting]
        await made.client.send("response.create", event_id="next")
        await made.client.until("response.done", count=2)
        assert made.client.errors() == []
        assert "connection_lost" not in made.told()


async def test_a_hard_limit_moves_it_within_a_reply() -> None:
    async with held_line("expire=2", pace=0.5) as made:
        made.stand_in.faults.clear()
        await made.client.send("response.create", event_id="greet")
        await made.client.until("response.output_audio.delta")
        lost = await made.client.until("response.done")
        assert lost["response"]["status"] == "cancelled"
        await made.until(lambda: made.seen[0].closed)
        assert made.client.errors() == []
        await made.client.send("response.create", event_id="next")
        await made.until(lambda: made.seen[-1].received["response.create"] == 1)


async def test_a_session_is_moved_on_demand_with_the_sentence_that_is_being_said() -> None:
    async with held_line() as made:
        made.session.roll_over()
        await made.until(lambda: len(made.seen) == 2 and made.seen[0].closed)
        await made.client.append(SPEECH)
        made.session.roll_over()
        await asyncio.sleep(0.5)
        assert not made.seen[1].closed, "it was moved inside the caller's sentence"
        await made.client.send("input_audio_buffer.commit", event_id="commit")
        await made.until(lambda: made.seen[1].closed)
        assert made.texts() == ["hello"]


async def configured(service: RecordingService, expires_at: Any) -> None:
    session = {"id": "s", "type": "realtime", "expires_at": expires_at}
    await service.say(json.dumps({"type": "session.created", "session": session}))
    await service.say(json.dumps({"type": "session.updated", "session": session}))


@pytest.mark.parametrize(
    "expires_at",
    [1800, 1_000_000_000, int(time.time()) * 1000, 10**400, -5, 0, True, "soon", None],
    ids=["relative", "past", "milliseconds", "huge", "negative", "zero", "true", "text", "null"],
)
async def test_session_that_cannot_end_then_is_not_moved(expires_at: Any) -> None:
    async with RecordingService() as service:
        session = PluginHTTPSession(
            [ServiceTarget(service.endpoint(OPENAI_GA), with_defaults({}, OPENAI_GA))]
        )
        wire = await session.ws_connect("")
        update = {"type": "session.update", "event_id": "e", "session": {"type": "realtime"}}
        await wire.send_str(json.dumps(update))
        await configured(service, expires_at)
        await wire.receive()
        await asyncio.sleep(0.2)
        assert len(service.headers) == 1
        await wire.close()


async def test_sessions_that_end_at_once_are_moved_at_a_bounded_rate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As where this machine's clock is off by just the life of a session."""
    monkeypatch.setattr("agent.realtime.connection.rollover.AGAIN_SECONDS", 0.3)
    async with RecordingService() as service:
        session = PluginHTTPSession(
            [ServiceTarget(service.endpoint(OPENAI_GA), with_defaults({}, OPENAI_GA))]
        )
        wire = await session.ws_connect("")
        update = {"type": "session.update", "event_id": "e", "session": {"type": "realtime"}}
        await wire.send_str(json.dumps(update))
        began = time.monotonic()
        for count in range(1, 4):
            await service.connections(count)
            await configured(service, time.time() + 0.05)
        assert time.monotonic() - began > 0.25, "it moved twice at once"
        await wire.close()
