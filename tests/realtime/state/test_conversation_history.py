"""What is said again on another connection."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

from agent.realtime.protocol.audio import AudioChunk
from agent.realtime.state.conversation_history import KEPT_AUDIO_MS, ConversationHistory

SECOND = base64.b64encode(bytes(48_000)).decode()
Event = dict[str, Any]


def assistant(history: ConversationHistory, item_id: str = "a", *words: str) -> None:
    item = {"id": item_id, "type": "message", "role": "assistant", "content": []}
    added = {"type": "conversation.item.added", "item": {**item, "status": "in_progress"}}
    history.on_server_event({**added, "previous_item_id": None})
    for word in words:
        for kind, delta in (("audio_transcript", word), ("audio", SECOND)):
            event = {"type": f"response.output_{kind}.delta", "item_id": item_id}
            history.on_server_event({**event, "delta": delta})


def texts(history: ConversationHistory) -> list[str]:
    return [
        part.get("text", part["type"])
        for body in history.items_to_replay().values()
        for part in body.get("content", [{"type": body["type"]}])
    ]


def chunks(seconds: int) -> list[AudioChunk]:
    return [AudioChunk(json.dumps({"audio": SECOND}), 48_000)] * seconds


def test_words_are_reported_as_far_as_they_were_heard() -> None:
    history = ConversationHistory()
    assistant(history, "a", "One", " two", " three")
    assert texts(history) == ["One two three"]
    cut = {"type": "conversation.item.truncate", "item_id": "a", "audio_end_ms": 2000}
    history.on_client_event(cut)
    assert texts(history) == ["One two"]
    history.record_playback("a", "One tw")
    assert texts(history) == ["One tw"]
    history.record_playback("a", "")
    assert texts(history) == []


def test_history_work_per_delta_does_not_grow_with_the_answer() -> None:
    history = ConversationHistory()
    assistant(history)
    delta = {"type": "response.output_audio_transcript.delta", "item_id": "a", "delta": "é" * 20}
    seconds = []
    for _ in range(5):
        began = time.process_time()
        for _ in range(20_000):
            history.on_server_event(delta)
        seconds.append(time.process_time() - began)
    assert seconds[-1] < 4 * seconds[0]
    assert texts(history) == ["é" * 20 * 100_000]


def test_a_turn_is_reported_as_its_sound_until_its_words_come() -> None:
    history = ConversationHistory()
    history.on_commit("u", chunks(2), awaited=True)
    assert texts(history) == ["input_audio"]
    assert history.awaits_transcript
    done = {"type": "conversation.item.input_audio_transcription.completed", "item_id": "u"}
    history.on_server_event({**done, "transcript": "hello"})
    assert texts(history) == ["hello"]
    assert not history.awaits_transcript


def test_only_so_much_sound_is_kept() -> None:
    history = ConversationHistory()
    for number in range(5):
        history.on_commit(f"u{number}", chunks(20), awaited=False)
    assert list(history.items_to_replay()) == ["u2", "u3", "u4"]
    assert KEPT_AUDIO_MS == 60_000


def test_a_tool_is_reported_once_its_arguments_are_whole() -> None:
    history = ConversationHistory()
    call = {"id": "c", "type": "function_call", "call_id": "k", "name": "f", "arguments": ""}
    added = {"type": "conversation.item.added", "item": {**call, "status": "in_progress"}}
    history.on_server_event(added)
    assert history.items_to_replay() == {}
    whole = {**call, "arguments": "{}", "status": "completed"}
    history.on_server_event({"type": "response.output_item.done", "item": whole})
    assert history.items_to_replay()["c"]["arguments"] == "{}"
    assert history.has_open_calls()
    output = {"id": "o", "type": "function_call_output", "call_id": "k", "output": "1"}
    history.on_client_event({"type": "conversation.item.create", "item": output})
    assert not history.has_open_calls()


def test_items_are_reported_in_their_order_and_not_when_deleted() -> None:
    history = ConversationHistory()
    for item_id, before in (("a", None), ("c", "a"), ("b", "a")):
        content = [{"type": "input_text", "text": item_id}]
        item = {"id": item_id, "type": "message", "role": "user", "content": content}
        event = {"type": "conversation.item.create", "item": item, "previous_item_id": before}
        history.on_client_event(event)
    assert texts(history) == ["a", "b", "c"]
    history.on_server_event({"type": "conversation.item.deleted", "item_id": "b"})
    assert texts(history) == ["a", "c"]


def test_a_tools_call_without_arguments_is_reported_as_one_with_none() -> None:
    history = ConversationHistory()
    call = {"id": "c", "type": "function_call", "call_id": "k", "name": "f"}
    history.on_server_event({"type": "response.output_item.done", "item": call})
    history.on_server_event({"type": "conversation.item.added", "item": call})
    nameless = {"id": "d", "type": "function_call", "call_id": "k"}
    history.on_server_event({"type": "conversation.item.added", "item": nameless})
    assert history.items_to_replay() == {"c": {**call, "arguments": "{}"}}
