"""What a call tells its client's side."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any, cast

from agent.call.attributes import MAX_BYTES, RoomAttributes
from agent.call.notices import NoticePublisher
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
    notices = NoticePublisher(RoomAttributes(cast(Any, room)))
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
