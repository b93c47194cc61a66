"""Items, responses and tools beyond the plain turn."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from agent.local import g711
from agent.local.audio import SERVICE_RATE, is_speech, resample, seconds_of, silence
from agent.local.speech_synthesis import speech
from agent.local.standin import StandIn, StandInOptions
from agent.local.standin.script import Script
from tests.kit.realtime_client import HEADERS, Event, RawClient, connected, connecting

pytestmark = pytest.mark.asyncio(loop_scope="module")

BOOK_TABLE = {"type": "function", "name": "book_table", "parameters": {"type": "object"}}
OFF: dict[str, Any] = {"input": {"turn_detection": None}}


def typed(text: str, **more: Any) -> Event:
    content = [{"type": "input_text", "text": text}]
    return {"type": "message", "role": "user", "content": content, **more}


async def items(client: RawClient, server: StandIn) -> list[str]:
    session = client.events[0]["session"]["id"]
    return [str(each.id) for each in server.record.sessions[session].session.conversation]


async def test_created_items_follow_previous_item_id(server: StandIn) -> None:
    async with connected(server) as client:
        for name, after in (("b", None), ("a", "root"), ("d", None), ("c", "b")):
            where = {"previous_item_id": after} if after else {}
            await client.send("conversation.item.create", item=typed("x", id=name), **where)
            await client.until("conversation.item.done")
        assert await items(client, server) == ["a", "b", "c", "d"]
        await client.send("conversation.item.retrieve", item_id="c")
        assert (await client.until("conversation.item.retrieved"))["item"]["id"] == "c"
        await client.send("conversation.item.delete", item_id="b")
        await client.until("conversation.item.deleted")
        assert await items(client, server) == ["a", "c", "d"]


@pytest.mark.parametrize(
    ("event", "code", "message"),
    [
        (
            {"type": "conversation.item.create", "item": typed("x", id="a")},
            "item_create_duplicate_item_id",
            "Error adding item: an item with id 'a' already exists.",
        ),
        (
            {"type": "conversation.item.delete", "item_id": "yo"},
            "item_delete_invalid_item_id",
            "Error deleting item: the item with id 'yo' does not exist.",
        ),
        (
            {"type": "conversation.item.retrieve", "item_id": "yo"},
            "item_retrieve_invalid_item_id",
            "Error retrieving item: the item with id 'yo' does not exist.",
        ),
        (
            {
                "type": "conversation.item.truncate",
                "item_id": "x",
                "content_index": 0,
                "audio_end_ms": 1,
            },
            "item_truncate_invalid_item_id",
            "Item with item_id not found: x",
        ),
        (
            {
                "type": "conversation.item.truncate",
                "item_id": "a",
                "content_index": 0,
                "audio_end_ms": 0,
            },
            "unsupported_content_type",
            "Only model output audio messages can be truncated",
        ),
        (
            {
                "type": "conversation.item.create",
                "item": {"type": "function_call_output", "call_id": "call_abc", "output": ""},
            },
            "invalid_tool_call_id",
            "Tool call ID 'call_abc' not found in conversation.",
        ),
        (
            {"type": "response.cancel"},
            "response_cancel_not_active",
            "Cancellation failed: no active response found",
        ),
    ],
)
async def test_conversation_state_refuses_events(
    server: StandIn, event: Event, code: str, message: str
) -> None:
    async with connected(server) as client:
        await client.send("conversation.item.create", item=typed("x", id="a"))
        await client.until("conversation.item.done")
        await client.send(**event)
        error = await client.error()
        assert (error["code"], error["message"]) == (code, message)


async def test_a_tool_is_called_and_its_answer_spoken(server: StandIn) -> None:
    async with connected(server, tools=[BOOK_TABLE]) as client:
        await client.send("conversation.item.create", item=typed("Book a table for two."))
        await client.send("response.create")
        done = (await client.until("response.done"))["response"]
        words, call = done["output"]
        assert words["content"][0]["transcript"] == "One moment."
        assert call["name"] == "book_table"
        assert json.loads(call["arguments"]) == {"people": 2, "day": "tomorrow"}
        deltas = [e["delta"] for e in client.events if e["type"].endswith("arguments.delta")]
        assert "".join(deltas) == call["arguments"]
        assert len(deltas) > 1
        output = {"type": "function_call_output", "call_id": call["call_id"], "output": "{}"}
        await client.send("conversation.item.create", item=output)
        await client.send("response.create")
        (reply,) = (await client.until("response.done"))["response"]["output"]
        assert reply["content"][0]["transcript"] == "Your table is booked."


async def test_a_tool_that_is_demanded(server: StandIn) -> None:
    tool = {"type": "function", "name": "hang_up", "parameters": {"type": "object"}}
    async with connected(server, tools=[tool]) as client:
        await client.send("response.create", response={"tool_choice": "required"})
        (call,) = (await client.until("response.done"))["response"]["output"]
        assert (call["type"], call["name"], call["arguments"]) == ("function_call", "hang_up", "{}")


async def test_out_of_band_response_stays_out_of_the_conversation(server: StandIn) -> None:
    async with connected(server) as client:
        await client.send("response.create")
        await client.until("response.created")
        out_of_band = {
            "conversation": "none",
            "output_modalities": ["text"],
            "input": [typed("no thank you")],
            "metadata": {"topic": "x"},
        }
        await client.send("response.create", response=out_of_band)
        done = [(await client.until("response.done"))["response"] for _ in range(2)]
        by_metadata = {str(each["metadata"]): each for each in done}
        other = by_metadata["{'topic': 'x'}"]
        assert other["output"][0]["content"] == [{"type": "output_text", "text": "Goodbye then."}]
        assert other["conversation_id"] is None
        assert len(await items(client, server)) == 1


async def test_a_response_may_differ_from_the_session(server: StandIn) -> None:
    async with connected(server) as client:
        own = {"output_modalities": ["text"], "max_output_tokens": 4096}
        await client.send("response.create", response=own)
        done = (await client.until("response.done"))["response"]
        assert done["output_modalities"] == ["text"]
        assert done["max_output_tokens"] == 4096
        assert not [name for name in client.types() if "audio" in name]


async def test_the_token_limit_ends_a_response(server: StandIn) -> None:
    async with connected(server, max_output_tokens=10) as client:
        await client.send("response.create")
        done = (await client.until("response.done"))["response"]
        assert done["status"] == "incomplete"
        assert done["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
        assert done["output"][0]["status"] == "incomplete"


@pytest.mark.parametrize("law", ["ulaw", "alaw"])
async def test_telephone_formats(server: StandIn, law: g711.Law) -> None:
    name = {"ulaw": "audio/pcmu", "alaw": "audio/pcma"}[law]
    audio = {
        "input": {
            "format": {"type": name},
            "transcription": {"model": "whisper-1"},
            "turn_detection": {"type": "server_vad", "silence_duration_ms": 500},
        },
        "output": {"format": {"type": name}},
    }
    async with connected(server, audio=audio) as client:
        pcm = silence(0.3, SERVICE_RATE) + speech.say("no thank you") + silence(1, SERVICE_RATE)
        data = g711.encode(resample(pcm, SERVICE_RATE, g711.RATE), law)
        for start in range(0, len(data), 160):
            piece = base64.b64encode(data[start : start + 160]).decode()
            await client.send("input_audio_buffer.append", audio=piece)
        done = (await client.until("response.done"))["response"]
        assert done["output"][0]["content"][0]["transcript"] == "Goodbye then."
        deltas = [e["delta"] for e in client.events if e["type"] == "response.output_audio.delta"]
        sound = g711.decode(b"".join(base64.b64decode(delta) for delta in deltas), law)
        assert is_speech(sound)
        assert 0.5 < seconds_of(sound, g711.RATE) < 2


async def test_audio_as_an_item(server: StandIn) -> None:
    async with connected(server, audio=OFF) as client:
        audio = base64.b64encode(speech.say("what are your opening hours")).decode()
        content = [{"type": "input_audio", "audio": audio}]
        spoken = {"type": "message", "role": "user", "content": content}
        await client.send("conversation.item.create", item=spoken)
        await client.send("response.create")
        done = (await client.until("response.done"))["response"]
        assert done["output"][0]["content"][0]["transcript"] == "From nine to five."


async def test_idle_timeout_starts_a_response(server: StandIn) -> None:
    detection = {"type": "server_vad", "idle_timeout_ms": 5000}
    async with connected(server, audio={"input": {"turn_detection": detection}}) as client:
        await client.send("response.create")
        await client.until("rate_limits.updated")
        await client.append(silence(8, SERVICE_RATE))
        timeout = await client.until("input_audio_buffer.timeout_triggered")
        assert timeout["audio_end_ms"] - timeout["audio_start_ms"] >= 4900
        done = (await client.until("response.done"))["response"]
        assert done["output"][0]["content"][0]["transcript"] == "Are you still there?"


async def test_create_response_off_sends_events_only(server: StandIn) -> None:
    detection = {"type": "server_vad", "create_response": False}
    async with connected(server, audio={"input": {"turn_detection": detection}}) as client:
        await client.say("no thank you")
        await client.until("conversation.item.done")
        assert "input_audio_buffer.speech_stopped" in client.types()
        await client.send("response.create")
        await client.until("response.done")
        assert client.types().count("response.created") == 1


async def test_interrupt_response_off_lets_the_answer_go_on(server: StandIn) -> None:
    detection = {"type": "server_vad", "interrupt_response": False}
    async with connected(server, audio={"input": {"turn_detection": detection}}) as client:
        await client.send("response.create")
        await client.until("response.created")
        await client.say("no thank you")
        error = await client.error()
        assert error["code"] == "conversation_already_has_active_response"
        assert (await client.until("response.done"))["response"]["status"] == "completed"


@pytest.mark.parametrize(("eagerness", "wait_ms"), [("high", 400), ("auto", 800), ("low", 1200)])
async def test_semantic_vad_waits_by_eagerness(
    server: StandIn, eagerness: str, wait_ms: int
) -> None:
    detection = {"type": "semantic_vad", "eagerness": eagerness, "create_response": False}
    async with connected(server, audio={"input": {"turn_detection": detection}}) as client:
        await client.say("no thank you", after=2)
        stopped = (await client.until("input_audio_buffer.speech_stopped"))["audio_end_ms"]
        speech_end = (
            300 + seconds_of(speech.say("no thank you", voice="cedar"), SERVICE_RATE) * 1000
        )
        assert stopped - speech_end == pytest.approx(wait_ms, abs=150)


async def test_voice_change_after_audio_is_refused(server: StandIn) -> None:
    async with connected(server, audio={"output": {"voice": "cedar"}}) as client:
        await client.send("response.create")
        await client.until("response.done")
        same = {"type": "realtime", "audio": {"output": {"voice": "cedar"}}, "instructions": "x"}
        await client.send("session.update", session=same)
        await client.until("session.updated")
        other = {**same, "audio": {"output": {"voice": "echo"}}, "instructions": "lost"}
        await client.send("session.update", session=other, event_id="e1")
        error = await client.error()
        assert error["code"] == "cannot_update_voice"
        assert error["event_id"] is None
        await client.send("session.update", session={"type": "realtime"})
        assert (await client.until("session.updated"))["session"]["instructions"] == "x"


async def test_an_update_is_all_or_nothing(server: StandIn) -> None:
    async with connected(server) as client:
        broken = {"type": "realtime", "instructions": "new", "max_output_tokens": 0}
        await client.send("session.update", session=broken)
        await client.until("error")
        await client.send("session.update", session={"type": "realtime"})
        session = (await client.until("session.updated"))["session"]
        assert session["instructions"] != "new"


async def test_tracing_is_set_once_and_the_model_is_the_urls(server: StandIn) -> None:
    async with connected(server, tracing="auto") as client:
        await client.send("session.update", session={"type": "realtime", "tracing": None})
        assert (await client.error())["param"] == "session.tracing"
        for model, refused in (("gpt-realtime-2.1", False), ("gpt-realtime", True)):
            await client.send("session.update", session={"type": "realtime", "model": model})
            found = await client.until("error" if refused else "session.updated")
        assert found["error"]["message"] == "Unsupported option for this model"


async def test_frames_that_are_no_events(server: StandIn) -> None:
    async with connected(server) as client:
        for frame, code in (
            (b"\x00\x01", "invalid_event"),
            ("{", "invalid_json"),
            (
                '{"type": "session.update", "session": {"type": "realtime", "speed": NaN}}',
                "invalid_json",
            ),
            ("[" * 100_000, "invalid_json"),
            ("[]", "invalid_event"),
            ('{"type": "session.input_audio_buffer.append"}', "invalid_event"),
        ):
            await client.raw(frame)
            assert (await client.error())["code"] == code
        await client.send("conversation.item.create", item=typed("\ud83d lone surrogate"))
        await client.send("response.create")
        assert (await client.until("response.done"))["response"]["status"] == "completed"


async def test_session_close_closes(server: StandIn) -> None:
    async with connected(server) as client:
        await client.send("session.close")
        assert await client.closed() == 1000


@pytest.mark.parametrize("dialect", ["azure_ga", "openai_beta"])
async def test_a_transcription_update_is_not_of_a_conversation(
    server: StandIn, dialect: str
) -> None:
    headers = {"OpenAI-Beta": "realtime=v1"} if dialect == "openai_beta" else {}
    async with connecting(server, dialect, headers={**HEADERS, **headers}) as client:
        await client.send("transcription_session.update")
        assert (await client.error())["code"] == "invalid_parameter"


async def speak_of_the_order(client: RawClient) -> list[Event]:
    await client.send("conversation.item.create", item=typed("Where is my order?"))
    await client.send("response.create")
    output: list[Event] = (await client.until("response.done"))["response"]["output"]
    return output


async def test_preamble_is_a_message_item_of_its_own_in_the_same_response(server: StandIn) -> None:
    async with connected(server) as client:
        output = await speak_of_the_order(client)
        said = [each["content"][0]["transcript"] for each in output]
        assert said == ["Let me look.", "It arrives tomorrow."]
        assert client.types().count("response.created") == 1
        for index, item in enumerate(output):
            deltas = [
                base64.b64decode(event["delta"])
                for event in client.events
                if event["type"] == "response.output_audio.delta"
                and (event["item_id"], event["output_index"]) == (item["id"], index)
            ]
            assert is_speech(b"".join(deltas))
        assert (await items(client, server))[-2:] == [item["id"] for item in output]


async def test_preamble_interrupted_ends_the_response_before_the_reply(server: StandIn) -> None:
    async with connected(server) as client:
        await client.send("conversation.item.create", item=typed("Where is my order?"))
        await client.send("response.create")
        await client.until("response.output_audio.delta")
        await client.send("response.cancel")
        done = (await client.until("response.done"))["response"]
        assert done["status"] == "cancelled"
        (preamble,) = done["output"]
        assert preamble["status"] == "incomplete"


@pytest.mark.parametrize("dialect", ["azure_preview", "openai_beta"])
async def test_turn_detection_none_is_null_on_azure_preview_only(
    server: StandIn, dialect: str
) -> None:
    headers = {**HEADERS, "OpenAI-Beta": "realtime=v1"}
    async with connecting(server, dialect, headers=headers) as client:
        await client.until("session.created")
        await client.send("session.update", session={"turn_detection": {"type": "none"}})
        if dialect == "azure_preview":
            assert (await client.until("session.updated"))["session"]["turn_detection"] is None
        else:
            assert (await client.error())["param"] == "session.turn_detection.type"


async def test_truncation_at_zero_is_taken_where_the_item_has_audio(server: StandIn) -> None:
    async with connected(server) as client:
        await client.send("response.create")
        done = (await client.until("response.done"))["response"]
        place = {"item_id": done["output"][0]["id"], "content_index": 0}
        for end_ms in (0, 0):
            await client.send("conversation.item.truncate", **place, audio_end_ms=end_ms)
            truncated = await client.until("conversation.item.truncated")
            assert truncated["audio_end_ms"] == end_ms
        await client.send("conversation.item.truncate", **place, audio_end_ms=-11)
        assert "Expected a value >= 0, but got -11" in (await client.error())["message"]
        await client.send("conversation.item.truncate", **place, audio_end_ms=1)
        assert "Audio content of 0ms" in (await client.error())["message"]


async def test_truncation_during_an_answer_deletes_its_transcript_for_good() -> None:
    script = Script(greeting="One two three four five six seven eight nine ten eleven twelve.")
    options = StandInOptions(script=script, recognise=False, pace=10)
    async with StandIn(options) as server, connected(server) as client:
        await client.send("response.create")
        item_id = (await client.until("response.output_audio.delta"))["item_id"]
        place = {"item_id": item_id, "content_index": 0}
        await client.send("conversation.item.truncate", **place, audio_end_ms=50)
        await client.until("conversation.item.truncated")
        gone = [{"type": "output_audio", "transcript": None}]
        for kind in ("conversation.item.done", "response.output_item.done"):
            assert (await client.until(kind))["item"]["content"] == gone
        (shown,) = (await client.until("response.done"))["response"]["output"]
        assert shown["content"] == gone
        await client.send("conversation.item.retrieve", item_id=item_id)
        retrieved = await client.until("conversation.item.retrieved")
        assert retrieved["item"]["content"][0]["transcript"] is None
        await client.send("conversation.item.truncate", **place, audio_end_ms=51)
        assert "Audio content of 50ms" in (await client.error())["message"]


@pytest.mark.parametrize("dialect", ["openai_ga", "azure_preview"])
async def test_response_create_takes_null_for_response_and_event_id(
    server: StandIn, dialect: str
) -> None:
    async with connected(server, dialect) as client:
        await client.send("response.create", event_id=None, response=None)
        assert (await client.until("response.done"))["response"]["status"] == "completed"


async def test_item_reference_in_response_input_stands_for_the_item(server: StandIn) -> None:
    async with connected(server) as client:
        await client.send("conversation.item.create", item=typed("no thank you", id="a"))
        request = {"conversation": "none", "input": [{"type": "item_reference", "id": "a"}]}
        await client.send("response.create", response=request)
        (answer,) = (await client.until("response.done"))["response"]["output"]
        assert answer["content"][0]["transcript"] == "Goodbye then."
        request = {**request, "input": [{"type": "item_reference", "id": "gone"}]}
        await client.send("response.create", response=request, event_id="e")
        error = await client.error()
        assert (error["param"], error["event_id"]) == ("response.input[0].id", "e")


@pytest.mark.parametrize("choice", ["auto", "none"])
async def test_script_calls_only_tools_that_the_session_declares(
    server: StandIn, choice: str
) -> None:
    tools = [] if choice == "auto" else [BOOK_TABLE]
    async with connected(server, tools=tools, tool_choice=choice) as client:
        await client.send("conversation.item.create", item=typed("Book a table for two."))
        await client.send("response.create")
        (answer,) = (await client.until("response.done"))["response"]["output"]
        assert answer["content"][0]["transcript"] == "One moment."


async def retrieved(client: RawClient, item_id: str) -> Event:
    await client.send("conversation.item.retrieve", item_id=item_id)
    (content,) = (await client.until("conversation.item.retrieved"))["item"]["content"]
    part: Event = content
    return part


@pytest.mark.parametrize("law", [None, "ulaw"])
async def test_retrieved_item_carries_its_audio(server: StandIn, law: g711.Law | None) -> None:
    form = {"type": "audio/pcmu"} if law else {"type": "audio/pcm", "rate": SERVICE_RATE}
    rate = g711.RATE if law else SERVICE_RATE

    def plain(data: bytes) -> bytes:
        return g711.decode(data, law) if law else data

    audio = {"input": {"turn_detection": None, "format": form}, "output": {"format": form}}
    async with connected(server, audio=audio) as client:
        pcm = speech.say("what are your opening hours")
        sent = g711.encode(resample(pcm, SERVICE_RATE, rate), law) if law else pcm
        piece = base64.b64encode(sent).decode()
        await client.send("input_audio_buffer.append", audio=piece)
        await client.send("input_audio_buffer.commit")
        said = await retrieved(client, (await client.until("conversation.item.done"))["item"]["id"])
        retrieved_pcm = plain(base64.b64decode(said["audio"]))
        assert is_speech(retrieved_pcm)
        assert seconds_of(retrieved_pcm, rate) == pytest.approx(
            seconds_of(pcm, SERVICE_RATE), abs=0.1
        )
        await client.send("response.create")
        (answer,) = (await client.until("response.done"))["response"]["output"]
        deltas = [e["delta"] for e in client.events if e["type"] == "response.output_audio.delta"]
        whole = b"".join(base64.b64decode(delta) for delta in deltas)
        assert base64.b64decode((await retrieved(client, answer["id"]))["audio"]) == whole
        place = {"item_id": answer["id"], "content_index": 0}
        await client.send("conversation.item.truncate", **place, audio_end_ms=300)
        cut = plain(base64.b64decode((await retrieved(client, answer["id"]))["audio"]))
        assert seconds_of(cut, rate) == pytest.approx(0.3, abs=0.01)


async def test_audio_of_old_items_is_dropped(server: StandIn) -> None:
    async with connected(server, audio=OFF) as client:
        ids = []
        for _ in range(2):
            await client.append(silence(40, SERVICE_RATE))
            await client.send("input_audio_buffer.commit")
            ids.append((await client.until("conversation.item.done"))["item"]["id"])
        assert ["audio" in await retrieved(client, item_id) for item_id in ids] == [False, True]
