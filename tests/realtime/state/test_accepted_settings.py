"""The session as it has been asked for and accepted, over all connections."""

from __future__ import annotations

from typing import Any

from agent.realtime.state.accepted_settings import AcceptedSettings
from agent.realtime.state.call_state import CallState
from agent.realtime.state.connection_state import ConnectionState

UPDATED = {"type": "session.updated", "session": {}}


def update(event_id: str, **session: Any) -> dict[str, Any]:
    return {"type": "session.update", "event_id": event_id, "session": session}


def refused(event_id: str) -> dict[str, Any]:
    return {"type": "error", "error": {"event_id": event_id}}


def test_it_merges_as_the_service_does() -> None:
    accepted = AcceptedSettings()
    accepted.on_client_event(
        update("1", audio={"output": {"voice": "ash", "speed": 1.0}}, tools=[1])
    )
    accepted.on_client_event(update("2", audio={"output": {"speed": 1.2}}, tools=[]))
    assert accepted.session == {"audio": {"output": {"voice": "ash", "speed": 1.2}}, "tools": []}


def test_what_was_refused_is_no_part_of_it() -> None:
    accepted = AcceptedSettings()
    accepted.on_client_event(update("1", instructions="kind"))
    accepted.on_server_event(UPDATED)
    accepted.on_client_event(update("2", instructions="rude"))
    accepted.on_server_event(refused("2"))
    assert accepted.session == {"instructions": "kind"}


def test_a_lost_connection_owes_the_next_one_no_answers() -> None:
    """Else the answer to a later update would be taken for that of an earlier."""
    call, connection = CallState(), ConnectionState()
    call.on_client_event(update("1", instructions="kind"))
    call.on_connection_lost(connection, [], "own")
    call.accepted.moved(call.accepted.session)
    call.on_client_event(update("2", speed=1.2))
    for event in (UPDATED, refused("1"), refused("2")):
        call.on_server_event(event, connection.responses)
    assert call.accepted.session == {"instructions": "kind", "speed": 1.2}


def test_a_refusal_without_an_event_id_is_the_oldest_updates() -> None:
    null = {"event_id": None, "type": "invalid_request_error", "code": "invalid_value"}
    unsupported = {**null, "param": None, "message": "Unsupported option for this model."}
    named = {**null, "param": "session.speed", "message": "Invalid."}
    of_an_item = {**null, "param": "item.id", "message": "Invalid."}
    for error in (unsupported, named, {**null, "code": "cannot_update_voice", "param": None}):
        accepted, conversation = AcceptedSettings(), ConnectionState()
        for each in (accepted, conversation):
            each.on_client_event(update("1", speed=9))
            each.on_client_event(update("2", speed=1.2))
            each.on_server_event({"type": "error", "error": of_an_item})
            each.on_server_event({"type": "error", "error": error})
        assert accepted.session == {"speed": 1.2}
        assert conversation.pending_update() == {"speed": 1.2}


def test_another_connection_is_asked_for_what_it_lacks_each_by_itself() -> None:
    accepted = AcceptedSettings()
    accepted.on_client_event(update("1", instructions="kind", audio={"output": {"voice": "ash"}}))
    accepted.on_server_event(UPDATED)
    prepared = accepted.session
    accepted.on_client_event(update("2", audio={"output": {"speed": 1.2, "voice": "ash"}}))
    accepted.on_server_event(UPDATED)
    accepted.on_client_event(update("3", instructions="rude"))
    accepted.on_client_event(update("4", tools=[]))
    assert accepted.moved(prepared) == [
        {"audio": {"output": {"speed": 1.2}}},
        {"instructions": "rude"},
        {"tools": []},
    ]
    assert accepted.session == prepared
