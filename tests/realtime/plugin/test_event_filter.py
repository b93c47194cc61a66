"""Which of a service's events the plugin gets."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest

from agent.realtime.connection.service_target import ServiceTarget
from agent.realtime.plugin.event_filter import EventFilter
from agent.realtime.plugin.http_session import PluginHTTPSession
from agent.realtime.plugin.plugin_queue import TURN_SECONDS, PluginQueue
from agent.realtime.plugin.tap import Tap
from agent.realtime.plugin.websocket import PluginWebSocket
from agent.realtime.protocol.dialects import OPENAI_GA
from agent.realtime.protocol.parameters import with_defaults
from tests.kit.recording_service import RecordingService

CREATED = {"type": "response.created", "response": {"id": "r"}}
ADDED = {
    "type": "response.output_item.added",
    "response_id": "r",
    "item": {"id": "i", "type": "message"},
}
SOUND = {"type": "response.output_audio.delta", "item_id": "i", "delta": "AAAA"}
WORD = {"type": "response.output_audio_transcript.delta", "item_id": "i", "delta": " very"}
DONE = {"type": "response.done", "response": {"id": "r"}}


def passed(*events: dict[str, Any]) -> list[str]:
    event_filter = EventFilter()
    return [event["type"] for event in events if event_filter.should_forward(event)]


def test_response_with_repeated_words_passes() -> None:
    events = (CREATED, ADDED, WORD, WORD, SOUND, SOUND, DONE)
    assert passed(*events) == [event["type"] for event in events]


def test_response_with_every_event_doubled_passes_once() -> None:
    once = (CREATED, ADDED, WORD, WORD, SOUND, DONE)
    twice = [event for event in once for _ in range(2)]
    assert passed(*twice) == [event["type"] for event in once]


def test_event_with_known_id_and_content_is_dropped() -> None:
    event = {"type": "rate_limits.updated", "event_id": "e1"}
    assert passed(event, event, {**event, "event_id": "e2"}) == ["rate_limits.updated"] * 2


async def test_repeated_event_after_a_reconnect_that_numbers_afresh_is_dropped() -> None:
    async with RecordingService() as service:
        target = ServiceTarget(service.endpoint(OPENAI_GA), with_defaults({}, OPENAI_GA))
        websocket = await PluginHTTPSession([target]).ws_connect("")
        await service.say({"type": "rate_limits.updated", "event_id": "event_1"})
        assert (await next_event(websocket))["event_id"] == "event_1"
        await service.hang_up()
        await service.connections(2)
        first = {"type": "session.created", "event_id": "event_1", "session": {}}
        second = {"type": "rate_limits.updated", "event_id": "event_2"}
        for event in (first, second, second, {**second, "event_id": "event_3"}):
            await service.say(event)
        got = [(await next_event(websocket))["event_id"] for _ in range(3)]
        await websocket.close()
    assert got == ["event_1", "event_2", "event_3"]


async def next_event(websocket: PluginWebSocket) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((await asyncio.wait_for(websocket.receive(), 5)).data)
    return event


def test_events_with_one_constant_id_pass() -> None:
    """Services have sent a constant id, from the first event or later."""
    words = [{**WORD, "delta": f" {number}"} for number in range(5)]
    streams: tuple[tuple[dict[str, Any], ...], ...]
    streams = ((CREATED, ADDED, *words, SOUND, SOUND, DONE), (CREATED, ADDED, WORD, SOUND))
    for events in streams:
        same = [{**event, "event_id": "event_TODO"} for event in events]
        assert passed(*same) == [event["type"] for event in events]


@pytest.mark.parametrize(
    "event",
    [
        SOUND,
        WORD,
        {"type": "response.output_text.done", "item_id": "i"},
        {"type": "response.output_item.done", "item": {"id": "i", "type": "message"}},
    ],
)
def test_event_outside_a_response_is_dropped(event: dict[str, Any]) -> None:
    assert passed(event) == []
    assert passed(CREATED, ADDED, DONE, event) == [e["type"] for e in (CREATED, ADDED, DONE)]


@pytest.mark.parametrize(
    "event",
    [
        {"type": None},
        {**SOUND, "delta": None},
        {**SOUND, "item_id": 1},
        {"type": "response.created", "response": None},
        {"type": "conversation.item.added", "item": None},
        {"type": "conversation.item.added", "item": {"id": "x"}},
        {"type": "error", "error": "no object"},
        {"type": "input_audio_buffer.speech_started"},
    ],
)
def test_malformed_event_is_dropped(event: dict[str, Any]) -> None:
    assert EventFilter().should_forward(event) is False


async def test_plugin_queue_lets_others_run_after_milliseconds_not_after_a_count() -> None:
    queue = PluginQueue(Tap())
    for number in range(20):
        queue.put({"type": "odd.event", "number": number})
    others = 0

    async def count_turns() -> None:
        nonlocal others
        while True:
            others += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count_turns())
    for _ in range(10):
        await queue.get()
        time.sleep(2 * TURN_SECONDS)  # noqa: ASYNC251 - a handler that is slow
    counting.cancel()
    assert others >= 9
