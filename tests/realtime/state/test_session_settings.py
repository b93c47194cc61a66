"""The session as it has been asked for and settings, over all connections."""

from __future__ import annotations

from typing import Any

from agent.realtime.state.call_state import CallState
from agent.realtime.state.connection_state import ConnectionState
from agent.realtime.state.session_settings import SessionSettings

UPDATED = {"type": "session.updated", "session": {}}


def update(event_id: str, **session: Any) -> dict[str, Any]:
    return {"type": "session.update", "event_id": event_id, "session": session}


def refused(event_id: str) -> dict[str, Any]:
    return {"type": "error", "error": {"event_id": event_id}}


def test_it_merges_as_the_service_does() -> None:
    settings = SessionSettings()
    settings.on_client_event(
        update("1", audio={"output": {"voice": "ash", "speed": 1.0}}, tools=[1])
    )
    settings.on_client_event(update("2", audio={"output": {"speed": 1.2}}, tools=[]))
    assert settings.session == {"audio": {"output": {"voice": "ash", "speed": 1.2}}, "tools": []}


def test_what_was_refused_is_no_part_of_it() -> None:
    settings = SessionSettings()
    settings.on_client_event(update("1", instructions="kind"))
    settings.on_server_event(UPDATED)
    settings.on_client_event(update("2", instructions="rude"))
    settings.on_server_event(refused("2"))
    assert settings.session == {"instructions": "kind"}


def test_a_lost_connection_owes_the_next_one_no_answers() -> None:
    """Else the answer to a later update would be taken for that of an earlier."""
    call, connection = CallState(), ConnectionState()
    call.on_client_event(update("1", instructions="kind"))
    call.on_connection_lost(connection, [], "own")
    call.settings.on_connection_replaced(call.settings.session)
    call.on_client_event(update("2", speed=1.2))
    for event in (UPDATED, refused("1"), refused("2")):
        call.on_server_event(event, connection.responses)
    assert call.settings.session == {"instructions": "kind", "speed": 1.2}


def test_a_refusal_without_an_event_id_is_the_oldest_updates() -> None:
    null = {"event_id": None, "type": "invalid_request_error", "code": "invalid_value"}
    unsupported = {**null, "param": None, "message": "Unsupported option for this model."}
    named = {**null, "param": "session.speed", "message": "Invalid."}
    of_an_item = {**null, "param": "item.id", "message": "Invalid."}
    for error in (unsupported, named, {**null, "code": "cannot_update_voice", "param": None}):
        settings, conversation = SessionSettings(), ConnectionState()
        for each in (settings, conversation):
            each.on_client_event(update("1", speed=9))
            each.on_client_event(update("2", speed=1.2))
            each.on_server_event({"type": "error", "error": of_an_item})
            each.on_server_event({"type": "error", "error": error})
        assert settings.session == {"speed": 1.2}
        assert conversation.pending_updates.oldest == {"speed": 1.2}


def test_another_connection_is_asked_for_what_it_lacks_each_by_itself() -> None:
    settings = SessionSettings()
    settings.on_client_event(update("1", instructions="kind", audio={"output": {"voice": "ash"}}))
    settings.on_server_event(UPDATED)
    prepared = settings.session
    settings.on_client_event(update("2", audio={"output": {"speed": 1.2, "voice": "ash"}}))
    settings.on_server_event(UPDATED)
    settings.on_client_event(update("3", instructions="rude"))
    settings.on_client_event(update("4", tools=[]))
    assert settings.on_connection_replaced(prepared) == [
        {"audio": {"output": {"speed": 1.2}}},
        {"instructions": "rude"},
        {"tools": []},
    ]
    assert settings.session == prepared


def test_accepted_tools_with_the_services_additions_are_not_contradicted() -> None:
    settings = SessionSettings()
    settings.on_client_event(update("1", tools=[{"type": "function", "name": "book"}]))
    settings.on_client_event(update("2", max_output_tokens=100))
    settings.on_server_event({"type": "error", "error": {"event_id": None, "code": "other"}})
    described = {"tools": [{"type": "function", "name": "book", "description": None}]}
    settings.on_server_event({"type": "session.updated", "session": described})
    assert settings.confirmed == {"tools": [{"type": "function", "name": "book"}]}


def test_voice_is_known_after_an_update_of_other_audio_settings() -> None:
    state = ConnectionState()
    state.on_client_event(update("1", audio={"output": {"voice": "marin"}}))
    state.on_server_event(UPDATED)
    noise_reduction = {"noise_reduction": {"type": "near_field"}}
    state.on_client_event(update("2", audio={"input": noise_reduction}))
    state.on_server_event(UPDATED)
    assert state.pending_voice() == "marin"


def test_turn_detection_that_a_refused_update_would_have_changed_still_applies() -> None:
    call, connection = CallState(), ConnectionState()
    call.on_client_event(update("1", audio={"input": {"turn_detection": {"type": "server_vad"}}}))
    call.on_server_event(UPDATED, connection.responses)
    call.on_client_event(update("2", audio={"input": {"turn_detection": None}}))
    call.on_server_event(refused("2"), connection.responses)
    committed = {"type": "input_audio_buffer.committed", "item_id": "item_1"}
    call.on_server_event(committed, connection.responses)
    assert connection.responses.is_owed
