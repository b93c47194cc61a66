"""A service may send anything: what is malformed does no harm on its way to the plugin."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.realtime.plugin.event_filter import EventFilter
from agent.realtime.plugin.flood_limit import FloodLimit
from agent.realtime.plugin.response_monitor import ResponseMonitor
from agent.realtime.plugin.response_repair import ResponseRepair
from agent.realtime.protocol.dialects import DIALECTS, to_ga
from agent.realtime.state.call_state import CallState
from agent.realtime.state.connection_state import ConnectionState
from agent.realtime.state.settings_comparison import SettingsComparison
from agent.realtime.validation.response_queue import ResponseQueue

TYPES = [
    *("session.created", "session.updated", "error", "response.created", "response.done"),
    *("response.output_item.added", "response.output_item.done", "response.audio.delta"),
    *("response.output_audio.delta", "response.content_part.added", "conversation.item.created"),
    *("conversation.item.added", "conversation.item.done", "conversation.item.deleted"),
    *("input_audio_buffer.committed", "input_audio_buffer.speech_started"),
    *("input_audio_buffer.speech_stopped", "unheard.of"),
]
KEYS = [
    *("type", "response", "item", "session", "error", "delta", "item_id", "response_id", "id"),
    *("audio", "output", "input", "format", "voice", "status", "status_details", "usage", "code"),
    *("event_id", "part", "content", "role", "tool_choice", "function", "metadata", "call_id"),
    *("audio_start_ms", "audio_end_ms", "conversation_id", "modalities", "model", "tools"),
    *("input_audio_format", "output_audio_format", "turn_detection", "output_token_details"),
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["x", "audio", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
        | st.sampled_from(["message", "assistant", "function_call", "incomplete", "failed"])
    ),
    max_leaves=12,
)
EVENTS = st.builds(
    lambda kind, rest: {**rest, "type": kind},
    st.sampled_from(TYPES) | VALUES,
    st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=5),
)


@settings(max_examples=600, deadline=None)
@given(st.lists(EVENTS, max_size=6), st.sampled_from(list(DIALECTS.values())), st.booleans())
def test_nothing_that_comes_does_harm(
    events: list[dict[str, Any]], dialect: Any, text_only: bool
) -> None:
    conversation = ConnectionState()
    response_queue, monitor, echo = (
        ResponseQueue(conversation.responses),
        ResponseMonitor(text_only=text_only),
        SettingsComparison(),
    )
    repair, flood, event_filter = ResponseRepair(set()), FloodLimit(), EventFilter()
    create = {"type": "response.create", "event_id": "e1", "response": {"metadata": {"a": "b"}}}
    conversation.on_client_event(create)
    update = {"type": "realtime", "audio": {"output": {"voice": "ash"}}, "tools": [{"name": "f"}]}
    conversation.on_client_event({"type": "session.update", "event_id": "e2", "session": update})
    call = CallState()
    call.on_client_event({"type": "session.update", "event_id": "e2", "session": update})
    for event in events:
        event = to_ga(event, dialect)
        if response_queue.is_lost_race(event):
            continue
        if isinstance(event.get("session"), dict):
            echo.differences(update, event["session"])
        request = conversation.responses.unconfirmed_request
        for each in repair.complete(event, request=request, is_owed=False) + repair.end():
            flood.lets_through(each, conversation, 0.0)
            conversation.on_server_event(each)
            call.on_server_event(each, conversation.responses)
            call.history.items_to_replay()
            call.activity(is_responding=False, has_no_pending_answers=True)
            monitor.notices(each)
            monitor.should_forward(each)
            event_filter.should_forward(each)
            response_queue.next()
