"""What is said again on another connection."""

from __future__ import annotations

import base64
import json
from typing import Any

from agent.realtime.history import KEPT_AUDIO_MS, History

SECOND = base64.b64encode(bytes(48_000)).decode()
Event = dict[str, Any]


def assistant(history: History, item_id: str = "a", *words: str) -> None:
    item = {"id": item_id, "type": "message", "role": "assistant", "content": []}
    added = {"type": "conversation.item.added", "item": {**item, "status": "in_progress"}}
    history.received({**added, "previous_item_id": None})
    for word in words:
        for kind, delta in (("audio_transcript", word), ("audio", SECOND)):
            event = {"type": f"response.output_{kind}.delta", "item_id": item_id}
            history.received({**event, "delta": delta})


def texts(history: History) -> list[str]:
    return [
        part.get("text", part["type"])
        for body in history.again().values()
        for part in body.get("content", [{"type": body["type"]}])
    ]


def pieces(seconds: int) -> list[tuple[str, int]]:
    return [(json.dumps({"audio": SECOND}), 48_000)] * seconds


def test_words_are_told_as_far_as_they_were_heard() -> None:
    history = History()
    assistant(history, "a", "One", " two", " three")
    assert texts(history) == ["One two three"]
    cut = {"type": "conversation.item.truncate", "item_id": "a", "audio_end_ms": 2000}
    history.sent(cut)
    assert texts(history) == ["One two"]
    history.heard("a", "One tw")
    assert texts(history) == ["One tw"]
    history.heard("a", "")
    assert texts(history) == []


def test_a_turn_is_told_as_its_sound_until_its_words_come() -> None:
    history = History()
    history.committed("u", pieces(2), awaited=True)
    assert texts(history) == ["input_audio"]
    assert history.awaits_words
    done = {"type": "conversation.item.input_audio_transcription.completed", "item_id": "u"}
    history.received({**done, "transcript": "hello"})
    assert texts(history) == ["hello"]
    assert not history.awaits_words


def test_only_so_much_sound_is_kept() -> None:
    history = History()
    for number in range(5):
        history.committed(f"u{number}", pieces(20), awaited=False)
    assert list(history.again()) == ["u2", "u3", "u4"]
    assert KEPT_AUDIO_MS == 60_000


def test_a_tool_is_told_once_its_arguments_are_whole() -> None:
    history = History()
    call = {"id": "c", "type": "function_call", "call_id": "k", "name": "f", "arguments": ""}
    added = {"type": "conversation.item.added", "item": {**call, "status": "in_progress"}}
    history.received(added)
    assert history.again() == {}
    whole = {**call, "arguments": "{}", "status": "completed"}
    history.received({"type": "response.output_item.done", "item": whole})
    assert history.again()["c"]["arguments"] == "{}"
    assert history.open_calls()
    output = {"id": "o", "type": "function_call_output", "call_id": "k", "output": "1"}
    history.sent({"type": "conversation.item.create", "item": output})
    assert not history.open_calls()


def test_items_are_told_in_their_order_and_not_when_deleted() -> None:
    history = History()
    for item_id, before in (("a", None), ("c", "a"), ("b", "a")):
        content = [{"type": "input_text", "text": item_id}]
        item = {"id": item_id, "type": "message", "role": "user", "content": content}
        event = {"type": "conversation.item.create", "item": item, "previous_item_id": before}
        history.sent(event)
    assert texts(history) == ["a", "b", "c"]
    history.received({"type": "conversation.item.deleted", "item_id": "b"})
    assert texts(history) == ["a", "c"]


def test_a_tools_call_without_arguments_is_told_as_one_with_none() -> None:
    history = History()
    call = {"id": "c", "type": "function_call", "call_id": "k", "name": "f"}
    history.received({"type": "response.output_item.done", "item": call})
    history.received({"type": "conversation.item.added", "item": call})
    nameless = {"id": "d", "type": "function_call", "call_id": "k"}
    history.received({"type": "conversation.item.added", "item": nameless})
    assert history.again() == {"c": {**call, "arguments": "{}"}}
