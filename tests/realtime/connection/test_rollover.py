"""A session is moved to another connection before the service ends it."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from agent.realtime.connection.service_target import ServiceTarget
from agent.realtime.plugin.http_session import PluginHTTPSession
from agent.realtime.protocol.dialects import OPENAI_GA
from agent.realtime.protocol.parameters import with_defaults
from tests.kit.plugin_client import SCRIPT
from tests.kit.reconnecting_client import SPEECH, reconnecting_client
from tests.kit.recording_service import RecordingService


async def test_rollover_before_expiry_waits_for_the_end_of_a_reply() -> None:
    """Upstream's defects D2 and D3: it moves a session in the midst of a reply, or not at all."""
    async with reconnecting_client("expire=4", pace=2) as made:
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
        assert "connection_lost" not in made.notice_names()


async def test_rollover_at_the_deadline_interrupts_a_reply() -> None:
    async with reconnecting_client("expire=2", pace=0.5) as made:
        made.stand_in.faults.clear()
        await made.client.send("response.create", event_id="greet")
        await made.client.until("response.output_audio.delta")
        lost = await made.client.until("response.done")
        assert lost["response"]["status"] == "cancelled"
        await made.until(lambda: made.seen[0].closed)
        assert made.client.errors() == []
        await made.client.send("response.create", event_id="next")
        await made.until(lambda: made.seen[-1].received["response.create"] == 1)


async def test_rollover_on_request_waits_for_the_end_of_a_sentence() -> None:
    async with reconnecting_client() as made:
        made.session.roll_over()
        await made.until(lambda: len(made.seen) == 2 and made.seen[0].closed)
        await made.client.append(SPEECH)
        made.session.roll_over()
        await made.until(lambda: len(made.seen) == 3)  # the next connection is ready
        for number in range(3):  # each is an opportunity to move
            item = {"id": f"i{number}", "type": "message", "role": "user", "content": []}
            await made.client.send("conversation.item.create", item=item)
            await made.client.until("conversation.item.added", count=number + 1)
        assert not made.seen[1].closed, "it was moved inside the caller's sentence"
        assert made.seen[2].received["input_audio_buffer.append"] == 0
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
async def test_rollover_with_implausible_expiry_does_not_happen(expires_at: Any) -> None:
    async with RecordingService() as service:
        session = PluginHTTPSession(
            [ServiceTarget(service.endpoint(OPENAI_GA), with_defaults({}, OPENAI_GA))]
        )
        websocket = await session.ws_connect("")
        update = {"type": "session.update", "event_id": "e", "session": {"type": "realtime"}}
        await websocket.send_str(json.dumps(update))
        await configured(service, expires_at)
        for _ in ("session.created", "session.updated"):
            await websocket.receive()
        await service.received()
        for _ in range(10):  # time enough for a handshake on this machine
            await websocket.send_str(json.dumps({"type": "input_audio_buffer.clear"}))
            await service.received()
        assert len(service.headers) == 1
        await websocket.close()


async def test_rollover_of_sessions_that_expire_at_once_is_rate_limited(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As where this machine's clock is off by just the life of a session."""
    monkeypatch.setattr("agent.realtime.connection.rollover.AGAIN_SECONDS", 0.3)
    async with RecordingService() as service:
        session = PluginHTTPSession(
            [ServiceTarget(service.endpoint(OPENAI_GA), with_defaults({}, OPENAI_GA))]
        )
        websocket = await session.ws_connect("")
        update = {"type": "session.update", "event_id": "e", "session": {"type": "realtime"}}
        await websocket.send_str(json.dumps(update))
        began = time.monotonic()
        for count in range(1, 4):
            await service.connections(count)
            await configured(service, time.time() + 0.05)
        assert time.monotonic() - began > 0.25, "it moved twice at once"
        await websocket.close()
