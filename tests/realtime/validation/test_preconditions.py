"""What an event becomes, and what it is refused for, by what the conversation holds."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from agent.realtime.state.connection_state import ConnectionState
from agent.realtime.validation import preconditions

Event = dict[str, Any]
SAID_MS = 500


def spoken(content_index: int = 0) -> ConnectionState:
    """A conversation in which the agent has said something, as the item ``said``."""
    conversation = ConnectionState()
    conversation.on_server_event(
        {
            "type": "response.output_audio.delta",
            "item_id": "said",
            "content_index": content_index,
            "delta": base64.b64encode(bytes(48 * SAID_MS)).decode(),
        }
    )
    conversation.on_server_event({"type": "conversation.item.done", "item": {"id": "typed"}})
    return conversation


def truncate(item_id: str, end_ms: int, content_index: int = 0) -> Event:
    fields = {"item_id": item_id, "content_index": content_index, "audio_end_ms": end_ms}
    return {"type": "conversation.item.truncate", **fields}


def refusals(conversation: ConnectionState, event: Event) -> list[str | None]:
    return [
        violation.code for violation in preconditions.precondition_violations(conversation, event)
    ]


def cleared(conversation: ConnectionState, **session: Any) -> Event:
    event = preconditions.adapted(conversation, {"type": "session.update", "session": session})
    assert event is not None
    result: Event = event["session"]
    return result


def test_truncation_to_zero_is_sent_where_the_item_has_audio() -> None:
    conversation = spoken()
    event = truncate("said", 0)
    assert preconditions.adapted(conversation, event) == event
    assert refusals(conversation, event) == []
    assert refusals(conversation, truncate("typed", 0)) == ["unsupported_content_type"]


@pytest.mark.parametrize("again", [0, 5, SAID_MS])
def test_second_truncation_to_no_less_is_left_out(again: int) -> None:
    conversation = spoken()
    conversation.on_client_event(truncate("said", 0))
    assert preconditions.adapted(conversation, truncate("said", again)) is None


def test_second_truncation_to_less_is_refused() -> None:
    conversation = spoken()
    conversation.on_client_event(truncate("said", 5))
    event = truncate("said", 4)
    assert preconditions.adapted(conversation, event) == event
    assert refusals(conversation, event) == ["item_already_truncated"]


def test_truncation_names_the_part_that_has_audio() -> None:
    conversation = spoken(content_index=1)
    assert refusals(conversation, truncate("said", 5, content_index=1)) == []
    assert refusals(conversation, truncate("said", 5, content_index=0)) == ["invalid_value"]


def test_null_clears_a_parameter_by_its_default() -> None:
    conversation = ConnectionState()
    conversation.on_server_event(
        {"type": "session.updated", "session": {"reasoning": {"effort": "high"}}}
    )
    session = cleared(conversation, max_output_tokens=None, truncation=None, reasoning=None)
    assert session == {
        "max_output_tokens": "inf",
        "truncation": "auto",
        "reasoning": {"effort": "low"},
    }


def test_null_reasoning_is_left_out_where_there_is_none() -> None:
    assert cleared(ConnectionState(), type="realtime", reasoning=None) == {"type": "realtime"}


def test_other_nulls_are_left_alone() -> None:
    session = {"tracing": None, "prompt": None, "max_output_tokens": 5}
    assert cleared(ConnectionState(), **session) == session
