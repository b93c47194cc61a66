"""Subscribers that fail, do not read or do not end."""

from __future__ import annotations

import asyncio
import logging

import pytest

from agent.call import subscribers
from agent.call.events import CallEvent, CallEvents, EventSubscription, SpeechStarted
from agent.call.subscribers import SubscriberTasks


async def test_failure_is_logged_once_and_others_read_on(caplog: pytest.LogCaptureFixture) -> None:
    events = CallEvents()
    tasks = SubscriberTasks(events)
    read: list[CallEvent] = []

    async def fail(subscription: EventSubscription) -> None:
        await anext(subscription)
        raise RuntimeError("a mistake in somebody's code")

    async def collect(subscription: EventSubscription) -> None:
        read.extend([event async for event in subscription])

    tasks.start("fail", fail)
    tasks.start("collect", collect)
    with caplog.at_level(logging.WARNING, "agent.call"):
        for _ in range(10):
            events.publish(SpeechStarted())
            await asyncio.sleep(0)
        await tasks.aclose()
    assert len(read) == 11
    (record,) = caplog.records
    assert record.getMessage() == "the subscriber 'fail' of the call's events failed"


async def test_subscriber_reads_what_is_published_before_its_task_begins() -> None:
    events = CallEvents()
    tasks = SubscriberTasks(events)
    read: list[CallEvent] = []

    async def collect(subscription: EventSubscription) -> None:
        read.extend([event async for event in subscription])

    tasks.start("collect", collect)
    events.publish(SpeechStarted())
    await tasks.aclose()
    assert [type(event).__name__ for event in read] == ["SpeechStarted", "CallClosed"]


async def test_subscriber_that_does_not_end_is_cancelled(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(subscribers, "FINISH_SECONDS", 0.05)
    tasks = SubscriberTasks(CallEvents())

    async def wait_for_ever(_: EventSubscription) -> None:
        await asyncio.Event().wait()

    task = tasks.start("wait_for_ever", wait_for_ever)
    await tasks.aclose()
    assert task.cancelled()
    assert "'wait_for_ever' had not ended" in caplog.text


async def test_dropped_events_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    events = CallEvents()
    tasks = SubscriberTasks(events)

    async def read_late(subscription: EventSubscription) -> None:
        while not subscription.is_closed:  # noqa: ASYNC110 - it does not read on purpose
            await asyncio.sleep(0)

    tasks.start("read_late", read_late)
    for _ in range(300):
        events.publish(SpeechStarted())
    await tasks.aclose()
    assert "'read_late' was too slow for 45 events" in caplog.text
