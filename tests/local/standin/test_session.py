"""A session of the stand-in from its first event to its last."""

from __future__ import annotations

import base64

import pytest

from agent.local.audio import SERVICE_RATE, is_speech, seconds_of, silence
from agent.local.standin import StandIn, StandInOptions
from tests.kit.realtime_client import RawClient, connected
from tests.local.standin.conftest import SCRIPT

DIALECTS = ("openai_ga", "azure_preview")

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def said(client: RawClient, flat: bool = False) -> str:
    done = await client.until("response.done")
    (item,) = done["response"]["output"]
    return str(item["content"][0]["transcript"])


def sound(client: RawClient, kind: str = "response.output_audio.delta") -> bytes:
    deltas = [event["delta"] for event in client.events if event["type"] == kind]
    return b"".join(base64.b64decode(delta) for delta in deltas)


async def test_first_response_speaks_the_greeting(server: StandIn) -> None:
    async with connected(server) as client:
        await client.send("response.create")
        assert await said(client) == "Hello there."
        pcm = sound(client)
        assert is_speech(pcm)
        assert 0.5 < seconds_of(pcm, SERVICE_RATE) < 2


async def test_recognized_turn_is_answered_by_the_script(server: StandIn) -> None:
    async with connected(server) as client:
        detection = {"type": "server_vad", "silence_duration_ms": 500}
        audio = {"input": {"turn_detection": detection, "transcription": {"model": "w"}}}
        await client.send("session.update", session={"type": "realtime", "audio": audio})
        await client.say("what are your opening hours")
        assert await said(client) == "From nine to five."
        completed = "conversation.item.input_audio_transcription.completed"
        (transcript,) = [event for event in client.events if event["type"] == completed]
        assert transcript["transcript"] == "what are your opening hours"
        order = [name for name in client.types() if name.startswith("input_audio_buffer")]
        assert order == [
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
        ]


async def test_the_order_of_a_response(server: StandIn) -> None:
    async with connected(server) as client:
        await client.send("response.create")
        await client.until("rate_limits.updated")
        seen = list(dict.fromkeys(client.types()[1:]))
        assert seen == [
            "response.created",
            "response.output_item.added",
            "conversation.item.added",
            "response.content_part.added",
            "response.output_audio_transcript.delta",
            "response.output_audio.delta",
            "response.output_audio.done",
            "response.output_audio_transcript.done",
            "response.content_part.done",
            "conversation.item.done",
            "response.output_item.done",
            "response.done",
            "rate_limits.updated",
        ]


async def test_turn_detection_off_waits_for_commit_and_create(server: StandIn) -> None:
    async with connected(server) as client:
        off = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
        await client.send("session.update", session=off)
        await client.say("no thank you")
        await client.send("input_audio_buffer.commit")
        await client.until("conversation.item.done")
        assert "response.created" not in client.types()
        await client.send("response.create")
        assert await said(client) == "Goodbye then."


async def test_typed_text_is_answered_by_the_script(server: StandIn) -> None:
    async with connected(server) as client:
        content = [{"type": "input_text", "text": "No, thank you!"}]
        item = {"type": "message", "role": "user", "content": content}
        await client.send("conversation.item.create", item=item)
        await client.send("response.create")
        assert await said(client) == "Goodbye then."


async def test_a_text_session_is_silent(server: StandIn) -> None:
    async with connected(server) as client:
        text_only = {"type": "realtime", "output_modalities": ["text"]}
        await client.send("session.update", session=text_only)
        await client.send("response.create")
        done = await client.until("response.done")
        (item,) = done["response"]["output"]
        assert item["content"] == [{"type": "output_text", "text": "Hello there."}]
        assert not [name for name in client.types() if "audio" in name]


async def test_the_flat_dialect(server: StandIn) -> None:
    async with connected(server, "azure_preview") as client:
        session = client.events[0]["session"]
        assert session["modalities"] == ["audio", "text"]
        assert session["input_audio_format"] == "pcm16"
        assert "audio" not in session
        await client.send("session.update", session={"temperature": 0.7, "voice": "echo"})
        updated = (await client.until("session.updated"))["session"]
        assert (updated["temperature"], updated["voice"]) == (0.7, "echo")
        await client.send("response.create")
        assert await said(client) == "Hello there."
        assert sound(client, "response.audio.delta")
        assert "conversation.item.created" in client.types()


async def test_speech_interrupts_the_answer(server: StandIn) -> None:
    slow = StandInOptions(script=SCRIPT, pace=1, recognise=False)
    async with StandIn(slow) as patient, connected(patient) as client:
        await client.send("response.create")
        await client.until("response.output_audio.delta")
        await client.say("no thank you", after=0)
        done = await client.until("response.done")
        assert done["response"]["status"] == "cancelled"
        assert done["response"]["status_details"]["reason"] == "turn_detected"


async def test_cancel_and_truncate(server: StandIn) -> None:
    async with connected(server) as client:
        await client.send("response.create")
        item = (await client.until("response.output_item.added"))["item"]["id"]
        await client.until("response.output_audio.delta")
        await client.send("response.cancel")
        done = await client.until("response.done")
        assert done["response"]["status"] == "cancelled"
        place = {"item_id": item, "content_index": 0}
        await client.send("conversation.item.truncate", **place, audio_end_ms=100)
        assert (await client.until("conversation.item.truncated"))["audio_end_ms"] == 100
        await client.send("conversation.item.truncate", **place, audio_end_ms=200, event_id="e9")
        error = (await client.until("error"))["error"]
        assert error["message"] == "Audio content of 100ms is already shorter than 200ms"
        assert error["event_id"] == "e9"
        await client.send("conversation.item.delete", item_id=item)
        await client.until("conversation.item.deleted")


async def test_usage_counts_what_was_read_before_as_cached(server: StandIn) -> None:
    async with connected(server) as client:
        await client.send("response.create")
        first = (await client.until("response.done"))["response"]["usage"]
        assert first["input_token_details"]["cached_tokens"] == 0
        assert first["output_token_details"]["audio_tokens"] > 10
        await client.send("response.create")
        second = (await client.until("response.done"))["response"]["usage"]
        assert second["input_token_details"]["cached_tokens_details"]["audio_tokens"] > 10


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_refusals_have_the_recorded_messages(server: StandIn, dialect: str) -> None:
    async with connected(server, dialect) as client:
        await client.send("session.update", event_id="e1", session={"temperature": 0})
        error = (await client.until("error"))["error"]
        if dialect == "openai_ga":
            assert error["code"] == "unknown_parameter"
        else:
            assert error["message"] == (
                "Invalid 'session.temperature': decimal below minimum value. "
                "Expected a value >= 0.6, but got 0 instead."
            )
        assert (error["param"], error["event_id"]) == ("session.temperature", "e1")


async def test_a_buffer_too_short_to_commit(server: StandIn) -> None:
    async with connected(server) as client:
        short = base64.b64encode(silence(0.05, SERVICE_RATE)).decode()
        await client.send("input_audio_buffer.append", audio=short)
        await client.send("input_audio_buffer.commit")
        error = (await client.until("error"))["error"]
        assert error["code"] == "input_audio_buffer_commit_empty"
        assert "only has 50.00ms of audio" in error["message"]


async def test_a_second_response_while_one_runs(server: StandIn) -> None:
    async with connected(server) as client:
        await client.send("response.create")
        await client.send("response.create")
        error = (await client.until("error"))["error"]
        assert error["code"] == "conversation_already_has_active_response"
