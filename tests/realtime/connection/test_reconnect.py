"""Reconnect: a connection is lost or refused, and the plugin sees one unbroken connection.

Real sockets, with the stand-in as the service. Docstrings name the upstream defects (D4, D5, ...)
that a test answers; tests/realtime/plugin/test_plain_plugin.py shows them on the plain plugin.
"""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from livekit.agents import APIConnectionError

from agent.local.audio import SERVICE_RATE, frames, silence
from agent.local.standin.faults import parse_fault
from agent.realtime.connection.service_target import ServiceTarget
from agent.realtime.plugin.http_session import PluginHTTPSession
from agent.realtime.protocol.dialects import AZURE_PREVIEW, OPENAI_GA, Dialect
from agent.realtime.protocol.parameters import with_defaults
from agent.realtime.state.input_audio import SENTENCE_MS
from tests.kit.plugin_client import SCRIPT
from tests.kit.reconnecting_client import SPEECH, reconnecting_client
from tests.kit.recording_service import RecordingService


@pytest.mark.parametrize("dialect", [OPENAI_GA, AZURE_PREVIEW], ids=lambda each: each.name)
async def test_reconnect_after_loss_replays_the_conversation(dialect: Dialect) -> None:
    given = {"voice": "ash", "transcription.model": "whisper-1"}
    async with reconnecting_client(dialect=dialect, given=given) as call:
        await call.greet()
        await call.speak()
        await call.client.until("conversation.item.input_audio_transcription.completed")
        await call.hang_up()
        seen = await call.reconnected()
        config = seen.as_dict()["session"]
        assert config["instructions"] == "Be kind."
        assert config["audio"]["output"]["voice"] == "ash"
        assert call.texts() == [SCRIPT.greeting, "hello"]
        before = len(call.client.events)
        await call.client.send("response.create", event_id="next")
        done = await call.client.until("response.done", count=2)
        assert done["response"]["status"] == "completed"
        # The plugin sees none of the replayed items a second time.
        kinds = [event["type"] for event in call.client.events[before:]]
        assert kinds.count("conversation.item.added") == 1
        assert seen.errors == []


async def test_reconnect_after_truncation_replays_only_heard_text() -> None:
    """Upstream's defect D5: it replays the whole reply."""
    async with reconnecting_client() as call:
        item = await call.greet()
        call.session.record_playback(item, "Hello there,")
        await call.client.send(
            "conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=600
        )
        await call.client.until("conversation.item.truncated")
        await call.hang_up()
        await call.reconnected()
        assert call.texts() == ["Hello there,"]


async def test_reconnect_after_truncation_without_transcript_estimates_heard_text() -> None:
    async with reconnecting_client() as call:
        item = await call.greet()
        await call.client.send(
            "conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=1000
        )
        await call.hang_up()
        await call.reconnected()
        (heard,) = call.texts()
        assert SCRIPT.greeting.startswith(heard)
        assert 5 < len(heard) < len(SCRIPT.greeting) / 2


async def test_truncation_after_reconnect_shortens_the_replayed_text() -> None:
    """The new connection has the reply as text, which cannot be truncated."""
    async with reconnecting_client() as call:
        item = await call.greet()
        await call.hang_up()
        seen = await call.reconnected()
        call.session.record_playback(item, "Hello there,")
        await call.client.send(
            "conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=600
        )
        await call.until(lambda: call.texts() == ["Hello there,"])
        assert seen.errors == []
        assert not [e for e in call.client.events if e["type"] == "conversation.item.deleted"]


async def test_reconnect_without_transcription_replays_the_callers_audio() -> None:
    async with reconnecting_client(given={"transcription.model": None}) as call:
        await call.speak()
        await call.client.until("input_audio_buffer.committed")
        await call.hang_up()
        await call.reconnected()
        assert call.texts() == ["input_audio"]


async def test_reconnect_after_long_outage_sends_no_stale_request(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Upstream's defect D4: it answers a request that nobody waits for any more."""
    async with reconnecting_client() as call:
        call.stand_in.faults["http-503"] = parse_fault("http-503")
        await call.lose_connection(caplog)
        await call.client.send("response.create", event_id="stale")
        monkeypatch.setattr("agent.realtime.state.call_state.STALE_SECONDS", 0.0)
        call.stand_in.faults.clear()
        seen = await call.reconnected()
        monkeypatch.undo()
        await call.client.send("response.create", event_id="fresh")
        await call.client.until("response.done")
        await call.flush()
        assert seen.received["response.create"] == 1


async def test_reconnect_after_long_sentence_sends_its_last_30_seconds(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with reconnecting_client() as call:
        call.stand_in.faults["http-503"] = parse_fault("http-503")
        await call.lose_connection(caplog)
        for _ in range(310):
            await call.client.append(silence(0.1, SERVICE_RATE))
        call.stand_in.faults.clear()
        seen = await call.reconnected()
        await call.flush()
        assert seen.received["input_audio_buffer.append"] == SENTENCE_MS / 100


async def test_request_without_connection_is_answered_after_reconnect() -> None:
    async with reconnecting_client() as call:
        await call.hang_up()
        await call.client.send("response.create", event_id="now")
        done = await call.client.until("response.done")
        assert done["response"]["status"] == "completed"


@pytest.mark.parametrize("during_outage", [True, False], ids=["during outage", "after it"])
async def test_reconnect_within_a_sentence_sends_both_halves(
    during_outage: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async with reconnecting_client() as call:
        first, second = SPEECH[: len(SPEECH) // 2], SPEECH[len(SPEECH) // 2 :]
        await call.client.append(first)
        await call.lose_connection(caplog)
        if not during_outage:
            await call.reconnected()
        await call.client.append(second)
        await call.client.send("input_audio_buffer.commit", event_id="commit")
        await call.client.send("response.create", event_id="answer")
        heard = await call.client.until("conversation.item.input_audio_transcription.completed")
        assert heard["transcript"] == "hello"
        await call.client.until("response.done")
        # Half of the word is recognised too, so the chunks of 100 ms are counted.
        sent = sum(len(list(frames(half, SERVICE_RATE, 100))) for half in (first, second))
        assert call.seen[1].received["input_audio_buffer.append"] == sent


async def test_reply_lost_before_its_first_word_is_requested_again() -> None:
    async with reconnecting_client("close-mid-reply=0", pace=5) as call:
        await call.client.send(
            "response.create", event_id="greet", response={"metadata": {"client_event_id": "greet"}}
        )
        lost = await call.client.until("response.done")
        assert lost["response"]["status"] == "cancelled"
        call.stand_in.faults.clear()
        done = await call.client.until("response.done", count=2)
        assert done["response"]["status"] == "completed"
        assert [n.detail for n in call.notices if n.name == "reply_lost"] == [{"asked_again": True}]


async def test_reply_lost_twice_is_not_requested_again() -> None:
    async with reconnecting_client("close-mid-reply=0", pace=5) as call:
        await call.client.send("response.create", event_id="greet")
        seen = await call.reconnected(3)
        await call.flush()
        assert seen.received["response.create"] == 0
        assert len(call.seen) == 3


async def test_reply_heard_in_part_is_not_requested_again() -> None:
    async with reconnecting_client("close-mid-reply=3", pace=5) as call:
        await call.client.send("response.create", event_id="greet")
        await call.client.until("response.done")
        call.stand_in.faults.clear()
        seen = await call.reconnected()
        (heard,) = call.texts()
        assert SCRIPT.greeting.startswith(heard)
        await call.flush()
        assert seen.received["response.create"] == 0


async def test_loss_while_caller_speaks_reports_end_of_speech() -> None:
    """Upstream's defect D19: the caller counts as speaking for ever."""
    async with reconnecting_client(given={"turn_detection.type": "server_vad"}) as call:
        await call.client.append(SPEECH)
        await call.client.until("input_audio_buffer.speech_started")
        await call.hang_up()
        await call.client.until("input_audio_buffer.speech_stopped")
        await call.reconnected()
        await call.client.append(silence(1.5, SERVICE_RATE))
        done = await call.client.until("response.done")
        assert done["response"]["status"] == "completed"
        assert call.texts()[0] == "hello"


async def test_running_tool_answers_once_after_reconnect() -> None:
    async with reconnecting_client() as call:
        item = {"type": "message", "role": "user"}
        content = [{"type": "input_text", "text": "book a table"}]
        await call.client.send("conversation.item.create", item={**item, "content": content})
        await call.client.send("response.create", event_id="ask")
        called = await call.client.until(
            lambda event: (
                event["type"] == "response.output_item.done"
                and event["item"]["type"] == "function_call"
            )
        )
        await call.client.until("response.done")
        await call.hang_up()
        seen = await call.reconnected()
        output = {"type": "function_call_output", "call_id": called["item"]["call_id"]}
        await call.client.send("conversation.item.create", item={**output, "output": "done"})
        await call.client.send("response.create", event_id="then")
        await call.client.until("response.done", count=2)
        assert seen.errors == []
        assert call.texts()[-1] == "It is booked."
        kinds = [item["type"] for item in seen.as_dict()["items"]]
        assert kinds.count("function_call") == kinds.count("function_call_output") == 1


async def test_half_open_connection_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Upstream's defect D7: it sends no heartbeat."""
    monkeypatch.setattr("agent.realtime.connection.websocket.HEARTBEAT_SECONDS", 0.4)
    async with reconnecting_client("half-open=300") as call:
        call.stand_in.faults.clear()
        began = time.monotonic()
        await call.reconnected()
        assert time.monotonic() - began < 3


async def test_service_that_closes_every_connection_exhausts_one_retry_budget() -> None:
    """Upstream's defect D8: it counts anew after each successful handshake."""
    async with reconnecting_client("close-after-accept=0", start=False) as call:
        socket = await call.session.ws_connect("")
        await socket.send_str(
            json.dumps({"type": "session.update", "session": {"type": "realtime"}})
        )
        async with asyncio.timeout(20):
            while (await socket.receive()).data is not None:
                pass
        assert 3 <= len(call.seen) <= 21
        assert call.notices[-1].name == "connection_lost"
        with pytest.raises(APIConnectionError) as caught:
            await call.session.ws_connect("")
        assert not caught.value.retryable
        await socket.close()


async def test_first_connection_refused_twice_is_retried() -> None:
    async with RecordingService(status=503) as service:
        target = ServiceTarget(service.endpoint(OPENAI_GA), with_defaults({}, OPENAI_GA))
        session = PluginHTTPSession([target])
        connecting = asyncio.create_task(session.ws_connect(""))
        await service.handshakes(2)
        service.refuse(None)
        socket = await connecting
        await socket.close()


async def test_settings_refused_once_are_sent_again() -> None:
    async with reconnecting_client("refuse-first-update", start=False) as call:
        await call.start(instructions="Be kind.")
        assert call.seen[-1].as_dict()["session"]["instructions"] == "Be kind."
        assert call.client.errors() == []
        call.seen[-1].session.hang_up(1001, "")
        seen = await call.reconnected()
        assert seen.as_dict()["session"]["instructions"] == "Be kind."
        await call.client.close()
