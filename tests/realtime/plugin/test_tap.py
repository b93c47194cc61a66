"""Subscribers see every event both ways, and can neither break nor block the call."""

from __future__ import annotations

import asyncio
import base64
import json

import pytest

from agent.realtime.connection.service_target import ServiceTarget
from agent.realtime.plugin.http_session import PluginHTTPSession
from agent.realtime.plugin.tap import MAX_WAITING, Tap, TapEvent
from agent.realtime.protocol.audio import AudioChunk
from agent.realtime.protocol.dialects import OPENAI_BETA
from agent.realtime.protocol.parameters import with_defaults
from tests.kit.recording_service import RecordingService


async def delivered(events: list[TapEvent], count: int) -> list[TapEvent]:
    async with asyncio.timeout(5):
        while len(events) < count:  # noqa: ASYNC110 - a plain list
            await asyncio.sleep(0)
    return events


async def test_tap_events_of_both_directions_are_in_ga_and_in_order() -> None:
    events: list[TapEvent] = []
    async with RecordingService() as service:
        target = ServiceTarget(service.endpoint(OPENAI_BETA), with_defaults({}, OPENAI_BETA))
        session = PluginHTTPSession([target])
        session.tap.subscribe(events.append)
        websocket = await session.ws_connect("")
        await websocket.send_str(
            json.dumps({"type": "session.update", "session": {"type": "realtime"}})
        )
        audio = base64.b64encode(bytes(4800)).decode()
        await websocket.send_str(json.dumps({"audio": audio, "type": "input_audio_buffer.append"}))
        await websocket.send_str(json.dumps({"type": "nonsense", "event_id": "e1"}))
        await service.say({"type": "response.created", "response": {"id": "r1"}})
        await service.say({"type": "response.created", "response": {"id": "r1"}})
        await service.say({"type": "response.audio.done", "response_id": "r1", "item_id": "i1"})
        await delivered(events, 6)
        await websocket.close()
    chunk = events[1].event
    assert isinstance(chunk, AudioChunk)
    assert (chunk.base64, chunk.duration_ms) == (audio, 100)
    kinds = [
        (each.direction, each.event["type"]) for each in events if isinstance(each.event, dict)
    ]
    assert kinds == [
        ("client", "session.update"),
        ("client", "nonsense"),
        ("server", "error"),
        ("server", "response.created"),
        ("server", "response.output_audio.done"),
    ]
    assert [each.at for each in events] == sorted(each.at for each in events)


async def test_tap_of_a_second_session_is_the_calls_own() -> None:
    async with RecordingService() as service:
        target = ServiceTarget(service.endpoint(OPENAI_BETA), with_defaults({}, OPENAI_BETA))
        session = PluginHTTPSession([target])
        assert session.another().tap is session.tap


async def test_subscriber_that_raises_is_logged_once_and_the_others_get_all(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tap, events = Tap(), list[TapEvent]()

    def fail(event: TapEvent) -> None:
        raise ValueError(event.direction)

    tap.subscribe(fail)
    tap.subscribe(events.append)
    for number in range(3):
        tap.publish("client", {"type": "x", "number": number})
    assert not events  # a subscriber never runs within the call's own work
    await delivered(events, 3)
    assert len([record for record in caplog.records if record.exc_info]) == 1


async def test_unsubscribed_callback_gets_nothing_more() -> None:
    tap, events, others = Tap(), list[TapEvent](), list[TapEvent]()
    unsubscribe = tap.subscribe(events.append)
    tap.subscribe(others.append)
    unsubscribe()
    unsubscribe()
    tap.publish("server", {"type": "x"})
    await delivered(others, 1)
    assert not events


async def test_burst_beyond_the_bound_drops_the_oldest_events() -> None:
    tap, events = Tap(), list[TapEvent]()
    tap.subscribe(events.append)
    for number in range(MAX_WAITING + 10):
        tap.publish("server", {"type": "x", "number": number})
    await delivered(events, MAX_WAITING)
    await asyncio.sleep(0)
    first, last = events[0].event, events[-1].event
    assert isinstance(first, dict)
    assert isinstance(last, dict)
    assert (first["number"], last["number"]) == (10, MAX_WAITING + 9)


def test_publish_without_subscribers_needs_no_event_loop() -> None:
    Tap().publish("client", {"type": "x"})
