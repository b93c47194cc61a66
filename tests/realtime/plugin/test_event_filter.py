"""What of a service's events the engine can bear."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from agent.realtime.plugin.event_filter import EventFilter
from agent.realtime.plugin.plugin_queue import TURN_SECONDS, PluginQueue

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
    sieve = EventFilter()
    return [event["type"] for event in events if sieve.should_forward(event)]


def test_an_answer_passes_with_words_that_repeat() -> None:
    events = (CREATED, ADDED, WORD, WORD, SOUND, SOUND, DONE)
    assert passed(*events) == [event["type"] for event in events]


def test_an_answer_that_comes_twice_passes_once() -> None:
    once = (CREATED, ADDED, WORD, WORD, SOUND, DONE)
    twice = [event for event in once for _ in range(2)]
    assert passed(*twice)[:5] == [event["type"] for event in once[:5]]


def test_an_event_with_an_id_that_was_there_is_dropped() -> None:
    event = {"type": "rate_limits.updated", "event_id": "e1"}
    assert passed(event, event, {**event, "event_id": "e2"}) == ["rate_limits.updated"] * 2


def test_event_with_the_id_of_another_passes() -> None:
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
def test_what_belongs_to_no_answer_is_dropped(event: dict[str, Any]) -> None:
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
def test_what_lacks_what_the_engine_takes_is_dropped(event: dict[str, Any]) -> None:
    assert EventFilter().should_forward(event) is False


async def test_plugin_queue_lets_others_run_after_milliseconds_not_after_a_count() -> None:
    queue = PluginQueue()
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
