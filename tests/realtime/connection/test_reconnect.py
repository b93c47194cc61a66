"""The line holds: a connection is lost or refused, and the engine sees one all the same.

Real sockets, the stand-in as the service; upstream's defects are named where one is answered.
"""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from livekit.agents import APIConnectionError

from agent.local.audio import SERVICE_RATE, silence
from agent.local.standin.faults import parse_fault
from agent.realtime.connection.service_target import ServiceTarget
from agent.realtime.plugin.http_session import PluginHTTPSession
from agent.realtime.protocol.dialects import AZURE_PREVIEW, OPENAI_GA, Dialect
from agent.realtime.protocol.parameters import with_defaults
from tests.kit.plugin_client import SCRIPT
from tests.kit.reconnecting_client import SPEECH, held_line
from tests.kit.recording_service import RecordingService


@pytest.mark.parametrize("dialect", [OPENAI_GA, AZURE_PREVIEW], ids=lambda each: each.name)
async def test_a_lost_connection_is_replaced_and_told_what_was_said(dialect: Dialect) -> None:
    given = {"voice": "ash", "transcription.model": "whisper-1"}
    async with held_line(dialect=dialect, given=given) as made:
        await made.greet()
        await made.speak()
        await made.client.until("conversation.item.input_audio_transcription.completed")
        await made.hang_up()
        seen = await made.reconnected()
        config = seen.as_dict()["session"]
        assert config["instructions"] == "Be kind."
        assert config["audio"]["output"]["voice"] == "ash"
        assert made.texts() == [SCRIPT.greeting, "hello"]
        before = len(made.client.events)
        await made.client.send("response.create", event_id="next")
        done = await made.client.until("response.done", count=2)
        assert done["response"]["status"] == "completed"
        # Nothing of what was told again is news to the engine.
        kinds = [event["type"] for event in made.client.events[before:]]
        assert kinds.count("conversation.item.added") == 1
        assert seen.errors == []


async def test_d5_the_next_connection_is_told_what_was_heard_and_no_more() -> None:
    async with held_line() as made:
        item = await made.greet()
        made.session.record_playback(item, "Hello there,")
        await made.client.send(
            "conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=600
        )
        await made.client.until("conversation.item.truncated")
        await made.hang_up()
        await made.reconnected()
        assert made.texts() == ["Hello there,"]


async def test_what_was_played_is_told_by_its_time_where_nobody_knows_the_words() -> None:
    async with held_line() as made:
        item = await made.greet()
        await made.client.send(
            "conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=1000
        )
        await made.hang_up()
        await made.reconnected()
        (heard,) = made.texts()
        assert SCRIPT.greeting.startswith(heard)
        assert 5 < len(heard) < len(SCRIPT.greeting) / 2


async def test_an_interruption_of_what_another_connection_said() -> None:
    """It is a text there, which cannot be truncated."""
    async with held_line() as made:
        item = await made.greet()
        await made.hang_up()
        seen = await made.reconnected()
        made.session.record_playback(item, "Hello there,")
        await made.client.send(
            "conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=600
        )
        await made.until(lambda: made.texts() == ["Hello there,"])
        assert seen.errors == []
        assert not [e for e in made.client.events if e["type"] == "conversation.item.deleted"]


async def test_a_turn_without_a_transcript_is_told_as_sound() -> None:
    async with held_line(given={"transcription.model": None}) as made:
        await made.speak()
        await made.client.until("input_audio_buffer.committed")
        await made.hang_up()
        await made.reconnected()
        assert made.texts() == ["input_audio"]


async def test_d4_what_nobody_waits_for_any_more_is_not_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agent.realtime.state.call_state.STALE_SECONDS", 0.3)
    async with held_line() as made:
        made.stand_in.faults["http-503"] = parse_fault("http-503")
        await made.hang_up()
        await asyncio.sleep(0.05)
        await made.client.send("response.create", event_id="stale")
        for _ in range(80):
            await made.client.append(silence(0.1, SERVICE_RATE))
        await asyncio.sleep(0.6)
        made.stand_in.faults.clear()
        seen = await made.reconnected()
        await made.client.send("response.create", event_id="fresh")
        await made.client.until("response.done")
        assert seen.received["response.create"] == 1
        assert seen.received["input_audio_buffer.append"] <= 300  # SENTENCE_MS


async def test_a_request_made_while_there_is_no_connection_is_answered() -> None:
    async with held_line() as made:
        await made.hang_up()
        await made.client.send("response.create", event_id="now")
        done = await made.client.until("response.done")
        assert done["response"]["status"] == "completed"


async def test_a_sentence_that_was_not_committed_goes_along() -> None:
    async with held_line() as made:
        await made.client.append(SPEECH[: len(SPEECH) // 2])
        await made.hang_up()
        await asyncio.sleep(0.02)
        await made.client.append(SPEECH[len(SPEECH) // 2 :])
        await made.client.send("input_audio_buffer.commit", event_id="commit")
        await made.client.send("response.create", event_id="answer")
        heard = await made.client.until("conversation.item.input_audio_transcription.completed")
        assert heard["transcript"] == "hello"
        await made.client.until("response.done")


async def test_a_reply_of_which_nothing_came_is_asked_for_again_once() -> None:
    async with held_line("close-mid-reply=0", pace=5) as made:
        await made.client.send(
            "response.create", event_id="greet", response={"metadata": {"client_event_id": "greet"}}
        )
        lost = await made.client.until("response.done")
        assert lost["response"]["status"] == "cancelled"
        made.stand_in.faults.clear()
        done = await made.client.until("response.done", count=2)
        assert done["response"]["status"] == "completed"
        assert [n.detail for n in made.notices if n.name == "reply_lost"] == [{"asked_again": True}]


async def test_a_reply_that_is_lost_twice_is_not_asked_for_a_third_time() -> None:
    async with held_line("close-mid-reply=0", pace=5) as made:
        await made.client.send("response.create", event_id="greet")
        seen = await made.reconnected(3)
        await asyncio.sleep(0.3)
        assert seen.received["response.create"] == 0
        assert len(made.seen) == 3


async def test_a_reply_that_was_heard_in_part_is_not_begun_again() -> None:
    async with held_line("close-mid-reply=3", pace=5) as made:
        await made.client.send("response.create", event_id="greet")
        await made.client.until("response.done")
        made.stand_in.faults.clear()
        seen = await made.reconnected()
        (heard,) = made.texts()
        assert SCRIPT.greeting.startswith(heard)
        await asyncio.sleep(0.3)
        assert seen.received["response.create"] == 0


async def test_d19_the_caller_is_not_taken_to_be_speaking_for_ever() -> None:
    async with held_line(given={"turn_detection.type": "server_vad"}) as made:
        await made.client.append(SPEECH)
        await made.client.until("input_audio_buffer.speech_started")
        await made.hang_up()
        await made.client.until("input_audio_buffer.speech_stopped")
        await made.reconnected()
        await made.client.append(silence(1.5, SERVICE_RATE))
        done = await made.client.until("response.done")
        assert done["response"]["status"] == "completed"
        assert made.texts()[0] == "hello"


async def test_a_running_tool_answers_once_on_the_next_connection() -> None:
    async with held_line() as made:
        item = {"type": "message", "role": "user"}
        content = [{"type": "input_text", "text": "book a table"}]
        await made.client.send("conversation.item.create", item={**item, "content": content})
        await made.client.send("response.create", event_id="ask")
        called = await made.client.until(
            lambda event: (
                event["type"] == "response.output_item.done"
                and event["item"]["type"] == "function_call"
            )
        )
        await made.client.until("response.done")
        await made.hang_up()
        seen = await made.reconnected()
        output = {"type": "function_call_output", "call_id": called["item"]["call_id"]}
        await made.client.send("conversation.item.create", item={**output, "output": "done"})
        await made.client.send("response.create", event_id="then")
        await made.client.until("response.done", count=2)
        assert seen.errors == []
        assert made.texts()[-1] == "It is booked."
        kinds = [item["type"] for item in seen.as_dict()["items"]]
        assert kinds.count("function_call") == kinds.count("function_call_output") == 1


async def test_d7_a_connection_that_is_open_but_dead_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agent.realtime.connection.websocket.HEARTBEAT_SECONDS", 0.4)
    async with held_line("half-open=300") as made:
        made.stand_in.faults.clear()
        began = time.monotonic()
        await made.reconnected()
        assert time.monotonic() - began < 3


async def test_d8_there_is_one_budget_for_the_whole_call() -> None:
    """Upstream counts from the beginning with every handshake that succeeds."""
    async with held_line("close-after-accept=0", start=False) as made:
        wire = await made.session.ws_connect("")
        await wire.send_str(json.dumps({"type": "session.update", "session": {"type": "realtime"}}))
        async with asyncio.timeout(20):
            while (await wire.receive()).data is not None:
                pass
        assert 3 <= len(made.seen) <= 21
        assert made.notices[-1].name == "connection_lost"
        with pytest.raises(APIConnectionError) as caught:
            await made.session.ws_connect("")
        assert not caught.value.retryable
        await wire.close()


async def test_a_service_that_comes_back_is_found() -> None:
    async with RecordingService(status=503) as service:
        way = ServiceTarget(service.endpoint(OPENAI_GA), with_defaults({}, OPENAI_GA))
        session = PluginHTTPSession([way])
        connecting = asyncio.create_task(session.ws_connect(""))
        await asyncio.sleep(0.3)
        service.refuse(None)
        wire = await connecting
        assert len(service.headers) >= 3
        await wire.close()


async def test_settings_that_were_refused_once_are_asked_for_again() -> None:
    async with held_line("refuse-first-update", start=False) as made:
        await made.start(instructions="Be kind.")
        assert made.seen[-1].as_dict()["session"]["instructions"] == "Be kind."
        assert made.client.errors() == []
        made.seen[-1].session.hang_up(1001, "")
        seen = await made.reconnected()
        assert seen.as_dict()["session"]["instructions"] == "Be kind."
        await made.client.close()
