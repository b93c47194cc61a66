"""The event stream of a call: order, slow readers, and its end."""

from __future__ import annotations

import asyncio
import dataclasses
import time

import pytest

from agent.call.caller import Caller
from agent.call.event_sources import NoticeSource
from agent.call.events import (
    CallClosed,
    CallerJoined,
    CallEvents,
    EventSubscription,
    Notice,
    Reconnected,
    ResponseCreated,
    SpeechStarted,
)
from agent.realtime.plugin.response_monitor import Notice as RealtimeNotice


def responses(*numbers: int) -> list[ResponseCreated]:
    return [ResponseCreated(at=float(number), response_id=str(number)) for number in numbers]


async def test_subscribers_read_every_event_in_order_and_then_end() -> None:
    events = CallEvents()
    one, two = events.subscribe(), events.subscribe()
    published = [CallerJoined(caller=Caller("anna")), *responses(*range(100))]
    for event in published:
        events.publish(event)
    events.close("task_completed")
    for subscription in (one, two):
        *read, closed = [event async for event in subscription]
        assert read == published
        assert isinstance(closed, CallClosed)
        assert closed.reason == "task_completed"
        assert subscription.dropped == 0


async def test_reader_that_waits_is_woken_by_an_event() -> None:
    events = CallEvents()
    subscription = events.subscribe()
    reading = asyncio.create_task(anext(subscription))
    await asyncio.sleep(0)
    assert not reading.done()
    event = SpeechStarted()
    events.publish(event)
    assert await asyncio.wait_for(reading, 1) is event


async def test_slow_reader_loses_the_oldest_events_and_counts_them() -> None:
    events = CallEvents()
    slow, fast = events.subscribe(max_waiting=3), events.subscribe()
    for event in responses(*range(10)):
        events.publish(event)
    events.close("error")
    assert slow.dropped == 8
    read = [event async for event in slow]
    assert read[:2] == responses(8, 9)
    assert isinstance(read[2], CallClosed)
    assert len([event async for event in fast]) == 11


async def test_publish_after_the_close_is_ignored_and_the_first_reason_holds() -> None:
    events = CallEvents()
    subscription = events.subscribe()
    events.close("failed")
    events.close("job_shutdown")
    events.publish(SpeechStarted())
    assert [getattr(event, "reason", "") async for event in subscription] == ["failed"]
    assert [event async for event in events.subscribe()] == []


async def test_closed_subscription_takes_no_more_events() -> None:
    events = CallEvents()
    subscription = events.subscribe()
    events.publish(SpeechStarted())
    subscription.close()
    events.publish(SpeechStarted())
    assert len([event async for event in subscription]) == 1


def test_event_cannot_be_changed_and_has_the_time() -> None:
    before = time.monotonic()
    event = ResponseCreated(response_id="resp_1")
    assert before <= event.at <= time.monotonic()
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.at = 0.0  # type: ignore[misc]


async def test_notice_of_a_reconnect_is_two_events_of_the_same_moment() -> None:
    events = CallEvents()
    subscription: EventSubscription = events.subscribe()
    NoticeSource(events).on_notice(
        RealtimeNotice("reconnected", {"reason": "closed with 1006", "after_ms": 250})
    )
    notice, reconnected = await anext(subscription), await anext(subscription)
    assert isinstance(notice, Notice)
    assert notice.name == "reconnected"
    assert reconnected == Reconnected(at=notice.at, reason="closed with 1006", after_ms=250)
