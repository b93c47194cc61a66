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
    memory.accepted.moved(memory.accepted.session)
    memory.sent(update("2", speed=1.2))
    memory.received(UPDATED)
    memory.received(refused("1"))
    memory.received(refused("2"))
    assert memory.accepted.session == {"instructions": "kind", "speed": 1.2}


def test_a_refusal_without_an_event_id_is_the_oldest_updates() -> None:
    null = {"event_id": None, "type": "invalid_request_error", "code": "invalid_value"}
    unsupported = {**null, "param": None, "message": "Unsupported option for this model."}
    named = {**null, "param": "session.speed", "message": "Invalid."}
    of_an_item = {**null, "param": "item.id", "message": "Invalid."}
    for error in (unsupported, named, {**null, "code": "cannot_update_voice", "param": None}):
        accepted, conversation = Accepted(), Conversation()
        for each in (accepted, conversation):
            each.sent(update("1", speed=9))
            each.sent(update("2", speed=1.2))
            each.received({"type": "error", "error": of_an_item})
            each.received({"type": "error", "error": error})
        assert accepted.session == {"speed": 1.2}
        assert conversation.asked() == {"speed": 1.2}


def test_another_connection_is_asked_for_what_it_lacks_each_by_itself() -> None:
    accepted = Accepted()
    accepted.sent(update("1", instructions="kind", audio={"output": {"voice": "ash"}}))
    accepted.received(UPDATED)
    prepared = accepted.session
    accepted.sent(update("2", audio={"output": {"speed": 1.2, "voice": "ash"}}))
    accepted.received(UPDATED)
    accepted.sent(update("3", instructions="rude"))
    accepted.sent(update("4", tools=[]))
    assert accepted.moved(prepared) == [
        {"audio": {"output": {"speed": 1.2}}},
        {"instructions": "rude"},
        {"tools": []},
    ]
    assert accepted.session == prepared
