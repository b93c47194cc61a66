"""Frames as the live services send them, where the published schemas say less or otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from agent.local.standin import StandIn
from tests.kit.realtime_client import HEADERS, Event, RawClient, connected, connecting
from tests.local.standin.test_conversation import BOOK_TABLE, typed

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def answered(client: RawClient, text: str, **response: Any) -> Event:
    """The response to a typed message."""
    await client.send("conversation.item.create", item=typed(text))
    await client.send("response.create", response=response)
    done: Event = (await client.until("response.done"))["response"]
    return done


async def test_deltas_of_text_carry_obfuscation_that_evens_their_length(server: StandIn) -> None:
    async with connected(server, tools=[BOOK_TABLE]) as client:
        await answered(client, "Book a table for two.")
    deltas = [event for event in client.events if event["type"].endswith(".delta")]
    padded = [event for event in deltas if event["type"] != "response.output_audio.delta"]
    assert {event["type"].split(".")[1] for event in padded} == {
        "output_audio_transcript",
        "function_call_arguments",
    }
    lengths = {(len(event["delta"]) + len(event["obfuscation"])) % 16 for event in padded}
    assert lengths == {0}
    assert not any("obfuscation" in event for event in deltas if event not in padded)


@pytest.mark.parametrize(("dialect", "named"), [("openai_ga", False), ("azure_ga", True)])
async def test_azure_names_a_content_part_twice(server: StandIn, dialect: str, named: bool) -> None:
    async with connected(server, dialect) as client:
        await answered(client, "no thank you")
    parts = [event for event in client.events if event["type"].startswith("response.content_part")]
    assert len(parts) == 2
    assert all((event.get("content") == event["part"]) is named for event in parts)


@pytest.mark.parametrize(("dialect", "named"), [("openai_ga", False), ("azure_preview", True)])
async def test_items_have_an_object_in_flat_dialects_only(
    server: StandIn, dialect: str, named: bool
) -> None:
    async with connected(server, dialect) as client:
        item = typed("no thank you", object="realtime.item")
        await client.send("conversation.item.create", item=item)
        await client.send("response.create")
        response = (await client.until("response.done"))["response"]
    items = [event["item"] for event in client.events if "item" in event]
    assert len(items) > 2
    assert all(("object" in item) is named for item in (*items, *response["output"]))


@pytest.mark.parametrize(
    ("text", "following"),
    [("Where is my order?", "message"), ("Book a table for two.", "function_call")],
)
async def test_next_output_item_begins_before_the_one_before_is_done(
    server: StandIn, text: str, following: str
) -> None:
    async with connected(server, tools=[BOOK_TABLE]) as client:
        first, second = (await answered(client, text))["output"]
        assert second["type"] == following
    items = [
        (event["type"], event["output_index"])
        for event in client.events
        if event["type"].startswith("response.output_item")
    ]
    added, done = "response.output_item.added", "response.output_item.done"
    assert items == [(added, 0), (added, 1), (done, 0), (done, 1)]
    assert first["status"] == second["status"] == "completed"


@pytest.mark.parametrize(
    ("model", "reasons"), [("gpt-realtime-2.1", True), ("gpt-realtime-2025-08-28", False)]
)
async def test_models_that_reason_name_phases_and_reasoning_tokens(
    server: StandIn, model: str, reasons: bool
) -> None:
    async with connecting(server, query=f"model={model}") as client:
        response = await answered(client, "Where is my order?")
    phases = [item.get("phase") for item in response["output"]]
    assert phases == (["commentary", "final_answer"] if reasons else [None, None])
    assert ("reasoning_tokens" in response["usage"]["output_token_details"]) is reasons


async def test_flat_responses_say_max_output_tokens_and_temperature(server: StandIn) -> None:
    headers = {**HEADERS, "OpenAI-Beta": "realtime=v1"}
    async with connecting(server, "openai_beta", headers=headers) as client:
        await client.send("session.update", session={"max_response_output_tokens": 400})
        response = await answered(client, "no thank you", temperature=0.9)
    assert response["max_output_tokens"] == 400
    assert response["temperature"] == 0.9
    assert "max_response_output_tokens" not in response
    updated = next(event for event in client.events if event["type"] == "session.updated")
    assert updated["session"]["max_response_output_tokens"] == 400
