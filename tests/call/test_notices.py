"""What a call tells its client's side."""

from __future__ import annotations

import asyncio
import json
import time
from types import SimpleNamespace
from typing import Any, cast

from agent.call.attributes import MAX_BYTES, RoomAttributes
from agent.call.call import Notices
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


async def test_notices_many_at_once_are_two_requests_with_the_latest() -> None:
    participant = Participant()
    room = SimpleNamespace(
        local_participant=participant, on=lambda *_: None, isconnected=lambda: True
    )
    notices = Notices(RoomAttributes(cast(Any, room)))
    for number in range(1000):
        notices.publish(Notice("response_failed", {"number": number}))
        if number == 500:
            await asyncio.sleep(0)
    notices.publish(Notice("long", {str(number): ["x" * 300] * 20 for number in range(20)}))
    while "agent.long" not in participant.attributes:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0)
    assert json.loads(participant.attributes["agent.response_failed"]) == {"number": 999}
    assert participant.requests == 2
    assert len(participant.attributes["agent.long"]) <= MAX_BYTES


async def test_attributes_are_set_four_times_a_second_and_flushed_at_once() -> None:
    participant = Participant()
    room = SimpleNamespace(
        local_participant=participant, on=lambda *_: None, isconnected=lambda: True
    )
    attributes = RoomAttributes(cast(Any, room))
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
