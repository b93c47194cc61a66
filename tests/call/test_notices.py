"""Notices of a call, as attributes that its client reads."""

from __future__ import annotations

import asyncio
import json
import time
from types import SimpleNamespace
from typing import Any, cast

from agent.call.attributes import MAX_BYTES, RoomAttributes
from agent.call.call import CallStream
from agent.call.event_sources import NoticeSource
from agent.realtime.plugin.response_monitor import Notice


class Participant:
    """Where LiveKit would set attributes: a request takes a moment."""

    def __init__(self) -> None:
        self.attributes: dict[str, str] = {}
        self.requests = 0

    async def set_attributes(self, attributes: dict[str, str]) -> None:
        self.requests += 1
        await asyncio.sleep(0)
        self.attributes.update(attributes)


def attributes_of(participant: Participant) -> RoomAttributes:
    room = SimpleNamespace(
        local_participant=participant, on=lambda *_: None, isconnected=lambda: True
    )
    return RoomAttributes(cast(Any, room))


async def test_notices_many_at_once_are_few_requests_with_the_latest() -> None:
    participant = Participant()
    notices = NoticeSource(CallStream(attributes_of(participant)).events)
    for number in range(1000):
        notices.on_notice(Notice("response_failed", {"number": number}))
        if number == 500:
            await asyncio.sleep(0)
    notices.on_notice(Notice("long", {str(number): ["x" * 300] * 20 for number in range(20)}))
    while "agent.long" not in participant.attributes:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0)
    assert json.loads(participant.attributes["agent.response_failed"]) == {"number": 999}
    assert participant.requests <= 2
    assert len(participant.attributes["agent.long"]) <= MAX_BYTES


async def test_attributes_are_set_four_times_a_second_and_flushed_at_once() -> None:
    participant = Participant()
    attributes = attributes_of(participant)
    began = time.monotonic()
    number = 0
    while time.monotonic() - began < 0.6:
        attributes.put("agent.number", number := number + 1)
        await asyncio.sleep(0.01)
    assert participant.requests <= 3
    attributes.put("agent.number", "the last")
    began = time.monotonic()
    await attributes.flush()
    assert time.monotonic() - began < 0.2
    assert participant.attributes == {"agent.number": '"the last"'}


async def test_close_waits_until_a_notice_of_the_last_moment_is_handed_over() -> None:
    participant = Participant()
    attributes = attributes_of(participant)
    stream = CallStream(attributes)
    NoticeSource(stream.events).on_session_error("refused")
    await stream.close("error")
    await attributes.flush()
    assert json.loads(participant.attributes["agent.connection_lost"]) == {"reason": "refused"}


async def test_session_error_after_a_notice_of_the_loss_is_not_published_again() -> None:
    stream = CallStream(attributes_of(Participant()))
    events = stream.events.subscribe()
    notices = NoticeSource(stream.events)
    notices.on_notice(Notice("connection_lost", {"reason": "the first"}))
    notices.on_session_error("the second")
    stream.events.close("error")
    reasons = [getattr(event, "detail", {}).get("reason") async for event in events]
    assert reasons == ["the first", None]
