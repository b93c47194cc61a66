"""The session as it has been asked for and accepted, over all connections."""

from __future__ import annotations

from typing import Any

from agent.realtime.accepted import Accepted
from agent.realtime.conversation import Conversation
from agent.realtime.memory import Memory

UPDATED = {"type": "session.updated", "session": {}}


def update(event_id: str, **session: Any) -> dict[str, Any]:
    return {"type": "session.update", "event_id": event_id, "session": session}


def refused(event_id: str) -> dict[str, Any]:
    return {"type": "error", "error": {"event_id": event_id}}


def test_it_merges_as_the_service_does() -> None:
    accepted = Accepted()
    accepted.sent(update("1", audio={"output": {"voice": "ash", "speed": 1.0}}, tools=[1]))
    accepted.sent(update("2", audio={"output": {"speed": 1.2}}, tools=[]))
    assert accepted.session == {"audio": {"output": {"voice": "ash", "speed": 1.2}}, "tools": []}


def test_what_was_refused_is_no_part_of_it() -> None:
    accepted = Accepted()
    accepted.sent(update("1", instructions="kind"))
    accepted.received(UPDATED)
    accepted.sent(update("2", instructions="rude"))
    accepted.received(refused("2"))
    assert accepted.session == {"instructions": "kind"}


def test_a_lost_connection_owes_the_next_one_no_answers() -> None:
    """Else the answer to a later update would be taken for that of an earlier."""
    memory = Memory()
    memory.sent(update("1", instructions="kind"))
    memory.lost(Conversation(), [], "own")
    memory.sent(update("2", speed=1.2))
    memory.received(UPDATED)
    memory.received(refused("1"))
    memory.received(refused("2"))
    assert memory.accepted.session == {"instructions": "kind", "speed": 1.2}
