"""Who may ask for a response, and who wins the race for one."""

from __future__ import annotations

import pytest

from agent.local.audio import SERVICE_RATE, silence
from agent.local.speech_synthesis import speech
from agent.realtime.protocol.dialects import Dialect
from tests.kit.plugin_client import ALL, Event, connected, greeted, refusals


@pytest.mark.parametrize("dialect", ALL)
async def test_a_second_response_waits_and_is_sent_once(dialect: Dialect) -> None:
    async with connected(dialect) as (client, _):
        await client.send("response.create", event_id="one")
        await client.send("response.create", event_id="two")
        await client.until("response.done", 2)
        ends = {"response.created", "response.done"}
        order = [event["type"] for event in client.events if event["type"] in ends]
        assert order == ["response.created", "response.done"] * 2
        assert client.errors() == []


async def test_a_response_aside_does_not_wait() -> None:
    async with connected(pace=2) as (client, _):
        await client.send("response.create", event_id="one")
        await client.until("response.created")
        await client.send("response.create", response={"conversation": "none"})
        await client.until("response.created", 2)
        assert not [event for event in client.events if event["type"] == "response.done"]
        assert client.errors() == []


async def test_a_cancel_of_nothing_is_left_out() -> None:
    async with connected() as (client, _):
        await client.send("response.cancel", event_id="none")
        item_id = await greeted(client)
        await client.send("response.cancel", event_id="late")
        await client.send("response.cancel", event_id="other", response_id="resp_other")
        await client.send("conversation.item.delete", item_id=item_id)
        await client.until("conversation.item.deleted")
        assert client.errors() == []


async def test_a_cancel_reaches_a_response_that_was_only_just_asked_for() -> None:
    async with connected(pace=1) as (client, _):
        await client.send("response.create", event_id="one")
        await client.send("response.cancel", event_id="two")
        done = await client.until("response.done")
        assert done["response"]["status"] == "cancelled"
        assert client.errors() == []


@pytest.mark.parametrize("dialect", [ALL[0], ALL[2]])
async def test_the_service_may_win_the_race_and_nobody_notices(dialect: Dialect) -> None:
    """Server VAD begins a response while ours is on its way; ours comes after it, once."""
    given: Event = {"turn_detection.type": "server_vad", "turn_detection.silence_duration_ms": 300}
    async with connected(dialect, delay=0.05, **given) as (client, stand_in):
        await client.append(silence(0.3, SERVICE_RATE) + speech.say("hello", voice="cedar"))
        await client.append(silence(1.0, SERVICE_RATE))
        # The service hears the end of speech before this reaches it, and we hear of that after.
        await client.send(
            "response.create", event_id="ours", response={"metadata": {"client_event_id": "ours"}}
        )
        await client.until("response.done", 2)
        refused = refusals(stand_in)
        created = [event for event in client.events if event["type"] == "response.created"]
        ours = [event for event in created if event["response"]["metadata"]]
    assert len(refused) == 1, "there was no race"
    assert client.errors() == []
    assert (len(created), len(ours)) == (2, 1)
