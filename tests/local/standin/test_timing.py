"""The timing of events: transcripts relative to responses, and latency."""

from __future__ import annotations

import time
from typing import Any

import pytest

from agent.local.standin import StandIn, StandInOptions
from agent.local.standin.faults import parse_faults
from agent.local.standin.script import Script
from tests.kit.realtime_client import RawClient, connected

LINE = "This is an answer that takes some time to say, so that much can happen before it ends."
COMPLETED = "conversation.item.input_audio_transcription.completed"
DETECTION = {"type": "server_vad", "silence_duration_ms": 300}


def stand_in(faults: str = "", **options: Any) -> StandIn:
    script = Script(greeting=LINE, otherwise=LINE)
    given = StandInOptions(
        script=script, recognise=False, pace=10, faults=parse_faults(faults), **options
    )
    return StandIn(given)


async def order_of_a_turn(server: StandIn, **session: Any) -> RawClient:
    """A spoken turn and its answer; the client that saw them."""
    audio = {"input": {"turn_detection": DETECTION, "transcription": {"model": "whisper-1"}}}
    async with connected(server, audio=audio, **session) as client:
        await client.say("no thank you")
        await client.until("response.done")
        if COMPLETED not in client.types():
            await client.until(COMPLETED)
    return client


async def test_transcript_completes_after_the_answer_has_begun() -> None:
    async with stand_in() as server:
        types = (await order_of_a_turn(server)).types()
    first = types.index("response.output_audio.delta")
    assert first < types.index(COMPLETED) < types.index("response.output_audio.done")


async def test_transcript_ms_0_sends_it_before_the_answers_first_item() -> None:
    async with stand_in(transcript_ms=0) as server:
        types = (await order_of_a_turn(server)).types()
    assert types.index(COMPLETED) < types.index("response.output_item.added")


async def test_transcript_ms_sends_it_that_much_after_the_turn() -> None:
    async with stand_in(transcript_ms=700) as server:
        began = time.monotonic()
        types = (await order_of_a_turn(server)).types()
        assert time.monotonic() - began > 0.7
    assert types.index("response.done") < types.index(COMPLETED)


@pytest.mark.parametrize("fault", ["", "stall"])
async def test_transcript_needs_no_answer(fault: str) -> None:
    audio = {"input": {"turn_detection": None, "transcription": {"model": "whisper-1"}}}
    async with stand_in(fault) as server, connected(server, audio=audio) as client:
        await client.say("no thank you")
        await client.send("input_audio_buffer.commit")
        if fault:
            await client.send("response.create")
        await client.until(COMPLETED)
        assert "response.created" not in client.types()


async def test_logprobs_follow_where_they_are_included() -> None:
    async with stand_in() as server:
        include = ["item.input_audio_transcription.logprobs"]
        client = await order_of_a_turn(server, include=include)
    kinds = (COMPLETED, COMPLETED.replace("completed", "delta"))
    for event in (each for each in client.events if each["type"] in kinds):
        text = event.get("transcript") or event["delta"]
        assert "".join(each["token"] for each in event["logprobs"]) == text
        assert all(each["logprob"] <= 0 for each in event["logprobs"])


async def test_transcription_usage_is_a_duration_for_whisper_and_tokens_for_others() -> None:
    async with stand_in() as server:
        client = await order_of_a_turn(server)
        (completed,) = (event for event in client.events if event["type"] == COMPLETED)
        assert completed["usage"] == {"type": "duration", "seconds": 2}


async def test_latency_ms_delays_every_answer_and_keeps_the_order() -> None:
    async with stand_in(latency_ms=200) as server, connected(server) as client:
        began = time.monotonic()
        await client.send("session.update", session={"type": "realtime"})
        await client.send("response.create")
        await client.until("session.updated")
        assert time.monotonic() - began >= 0.2
        await client.until("response.created")
        await client.until("response.done")
        # Each event is late, not one after another: 14 deltas would take 3 s more.
        assert time.monotonic() - began < 2.5
