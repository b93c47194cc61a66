"""What is right depends on what has been said so far: a WebSocket against the stand-in."""

from __future__ import annotations

import base64

import pytest

from agent.local.audio import SERVICE_RATE, silence
from agent.realtime.protocol.dialects import Dialect
from tests.kit.plugin_client import ALL, Event, connected, greeted, refusals


@pytest.mark.parametrize("dialect", ALL)
async def test_a_truncation_is_cut_to_what_came(dialect: Dialect) -> None:
    async with connected(dialect) as (client, _):
        item_id = await greeted(client)
        await client.send(
            "conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=10**7
        )
        truncated = await client.until("conversation.item.truncated")
        assert 1000 < truncated["audio_end_ms"] < 20_000
        # Nothing is left to cut.
        await client.send(
            "conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=10**7
        )
        await client.send("conversation.item.delete", item_id=item_id)
        await client.until("conversation.item.deleted")
        assert client.errors() == []


@pytest.mark.parametrize("dialect", ALL)
async def test_an_unchanged_voice_or_model_is_left_out(dialect: Dialect) -> None:
    async with connected(dialect, voice="coral") as (client, _):
        await greeted(client)
        await client.send(
            "session.update",
            session={
                "type": "realtime",
                "instructions": "Be kind.",
                "audio": {"output": {"voice": "coral"}},
            },
        )
        updated = await client.until("session.updated", 2)
        assert updated["session"]["instructions"] == "Be kind."
        assert client.errors() == []


REFUSED: list[tuple[str, Event, str, str]] = [
    (
        "session.update",
        {"session": {"type": "realtime", "audio": {"output": {"voice": "ash"}}}},
        "cannot_update_voice",
        "Cannot update a conversation's voice if assistant audio is present.",
    ),
    (
        "session.update",
        {"session": {"type": "realtime", "model": "gpt-realtime-2"}},
        "invalid_value",
        "Unsupported option for this model",
    ),
    (
        "session.update",
        {"session": {"type": "transcription"}},
        "invalid_parameter",
        "Passing a transcription session update event to a realtime session is not allowed.",
    ),
    (
        "input_audio_buffer.commit",
        {},
        "input_audio_buffer_commit_empty",
        "Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, "
        "but buffer only has 0.00ms of audio.",
    ),
    (
        "conversation.item.truncate",
        {"item_id": "x", "content_index": 0, "audio_end_ms": 5},
        "item_truncate_invalid_item_id",
        "Item with item_id not found: x",
    ),
    (
        "conversation.item.truncate",
        {"item_id": "mine", "content_index": 0, "audio_end_ms": 0},
        "unsupported_content_type",
        "Only model output audio messages can be truncated",
    ),
    (
        "conversation.item.delete",
        {"item_id": "yo"},
        "item_delete_invalid_item_id",
        "Error deleting item: the item with id 'yo' does not exist.",
    ),
    (
        "conversation.item.retrieve",
        {"item_id": "yo"},
        "item_retrieve_invalid_item_id",
        "Error retrieving item: the item with id 'yo' does not exist.",
    ),
    (
        "conversation.item.create",
        {"item": {"id": "mine", "type": "message", "role": "user", "content": []}},
        "item_create_duplicate_item_id",
        "Error adding item: an item with id 'mine' already exists.",
    ),
    (
        "conversation.item.create",
        {"item": {"type": "function_call_output", "call_id": "call_abc", "output": "x"}},
        "invalid_tool_call_id",
        "Tool call ID 'call_abc' not found in conversation.",
    ),
]


@pytest.mark.parametrize(("type", "fields", "code", "message"), REFUSED)
async def test_what_the_service_would_refuse_is_refused_here_in_its_words(
    type: str, fields: Event, code: str, message: str
) -> None:
    """And by the service itself, where it is asked without a WebSocket."""
    async with connected() as (client, stand_in):
        item = {"id": "mine", "type": "message", "role": "user", "content": []}
        await greeted(client)
        await client.send("conversation.item.create", item=item)
        await client.until(lambda event: event.get("item", {}).get("id") == "mine")
        await client.send(type, event_id="bad", **fields)
        error = await client.error("bad")
        assert refusals(stand_in) == []
    assert (error["code"], error["message"]) == (code, message)


async def test_a_tool_that_was_called_may_answer() -> None:
    async with connected() as (client, _):
        item = {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "book a table"}],
        }
        await client.send("conversation.item.create", item=item)
        await client.send("response.create")
        call = await client.until(
            lambda event: (
                event["type"] == "response.output_item.done"
                and event["item"]["type"] == "function_call"
            )
        )
        output = {
            "type": "function_call_output",
            "call_id": call["item"]["call_id"],
            "output": "booked",
        }
        await client.send("conversation.item.create", item=output)
        await client.until(lambda event: event.get("item", {}).get("output") == "booked")
        assert client.errors() == []


async def test_what_was_committed_is_not_there_to_commit_again() -> None:
    async with connected() as (client, _):
        await client.append(silence(0.1, SERVICE_RATE))
        await client.send("input_audio_buffer.commit", event_id="one")
        await client.until("input_audio_buffer.committed")
        half = base64.b64encode(silence(0.05, SERVICE_RATE)).decode()
        await client.send("input_audio_buffer.append", audio=half)
        await client.send("input_audio_buffer.commit", event_id="two")
        error = await client.error("two")
    assert "only has 50.00ms" in error["message"]


async def test_tracing_is_set_once() -> None:
    async with connected(tracing="auto") as (client, _):
        change = {"type": "realtime", "tracing": {"workflow_name": "other"}}
        await client.send("session.update", event_id="again", session=change)
        assert (await client.error("again"))["param"] == "session.tracing"
        await client.send("session.update", session={"type": "realtime", "tracing": "auto"})
        await client.until("session.updated", 2)
