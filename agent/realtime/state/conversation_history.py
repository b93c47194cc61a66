"""The conversation of a call, as it is replayed on another connection. Pure; in GA.

A connection's own state is in ``ConnectionState``; this outlives connections. The agent's words
are here as they were played to the caller, not as the service sent them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.realtime.protocol.audio import (
    PLUGIN_FORMAT,
    AudioChunk,
    concatenate_base64,
    decoded_bytes,
)
from agent.realtime.protocol.dialects import Event
from agent.realtime.state.connection_state import as_object

KEPT_AUDIO_MS = 60_000.0
"""Of the caller's turns that have no transcript, the latest; 2.9 MB of audio."""

_AGENTS_TEXT = {
    "response.output_audio_transcript.done": "transcript",
    "response.output_text.done": "text",
}


@dataclass(slots=True)
class HistoryItem:
    """An item of the conversation."""

    body: dict[str, Any]
    text_length: int = 0
    """In characters."""
    played_text: str | None = None
    """What of them was played to the caller, where that is known to be less."""
    audio_ms: float = 0.0
    progress: list[tuple[float, int]] = field(default_factory=list)
    """How many characters of ``text`` had come, by milliseconds of its audio."""
    audio: Sequence[AudioChunk] = ()
    """The caller's audio, until there is a transcript of it."""
    transcript: str | None = None
    awaits_transcript: bool = False
    """A transcript is on its way."""
    is_complete: bool = True
    """Nothing of it is still to come."""
    is_generated: bool = False
    """By the model, in this call."""
    _text_pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The agent's words, as far as they came."""
        if len(self._text_pieces) > 1:
            self._text_pieces = ["".join(self._text_pieces)]
        return self._text_pieces[0] if self._text_pieces else ""

    def append_text(self, delta: str) -> None:
        """Add ``delta`` to the words, at the same cost however long they are."""
        self._text_pieces.append(delta)
        self.text_length += len(delta)

    def replace_text(self, text: str) -> None:
        """Set the words to ``text``, which the service has sent whole."""
        self._text_pieces, self.text_length = [text], len(text)


class ConversationHistory:
    def __init__(self) -> None:
        self._items: dict[str, HistoryItem] = {}
        self._order: list[str] = []
        self._creating: dict[str, str] = {}
        """Ids of items on their way, by the ids of the events that carry them."""

    # Events.

    def on_client_event(self, event: Event) -> None:
        """``event`` has left, or would have if there were a connection."""
        match event["type"]:
            case "conversation.item.create":
                item = event["item"]
                if isinstance(item.get("id"), str) and item["id"] not in self._items:
                    self._creating[str(event.get("event_id"))] = item["id"]
                    self._add(item, event.get("previous_item_id"))
            case "conversation.item.delete":
                self._remove(event["item_id"])
            case "conversation.item.truncate":
                self._truncate(event["item_id"], event["audio_end_ms"])

    def on_server_event(self, event: Event) -> None:
        """``event`` has come from the service. Nothing in it is taken for granted."""
        kind, item_id = str(event.get("type")), str(event.get("item_id"))
        known = self._items.get(item_id)
        match kind:
            case "conversation.item.added" | "conversation.item.done":
                self._add(as_object(event.get("item")), event.get("previous_item_id"))
                self._arrived(as_object(event.get("item")).get("id"))
            case "error":
                refused = str(as_object(event.get("error")).get("event_id"))
                self._remove(self._creating.pop(refused, ""))
            case "response.output_item.done":
                self._complete(as_object(event.get("item")))
            case "conversation.item.deleted":
                self._remove(item_id)
        if known is None:
            return
        match kind:
            case "response.output_audio_transcript.delta" | "response.output_text.delta":
                known.append_text(_text(event.get("delta")))
            case "response.output_audio.delta":
                size = decoded_bytes(_text(event.get("delta")))
                known.audio_ms += PLUGIN_FORMAT.duration_ms(size)
                known.progress.append((known.audio_ms, known.text_length))
            case "conversation.item.input_audio_transcription.completed":
                known.transcript = _text(event.get("transcript"))
                known.audio, known.awaits_transcript = (), False
            case "conversation.item.input_audio_transcription.failed":
                known.awaits_transcript = False
            case _ if kind in _AGENTS_TEXT:
                if whole := _text(event.get(_AGENTS_TEXT[kind])):
                    known.replace_text(whole)

    def record_playback(self, item_id: str, text: str) -> None:
        """Of the agent's item, ``text`` is what was played to the caller."""
        if item_id in self._items:
            self._items[item_id].played_text = text

    def on_commit(self, item_id: str, sound: Sequence[AudioChunk], *, awaited: bool) -> None:
        """The caller's turn ``item_id`` holds this audio; ``awaited``: its words will follow."""
        self._add({"id": item_id, "type": "message", "role": "user", "content": []}, None)
        past = self._items[item_id]
        if past.transcript is None:
            past.audio, past.awaits_transcript = sound, awaited
        self._discard_old_audio()

    # Questions.

    def items_to_replay(self) -> dict[str, dict[str, Any]]:
        """The items to create on a new connection, by id, in order."""
        replayed = {}
        for item_id in self._order:
            body = _body(self._items[item_id])
            if body is not None:
                replayed[item_id] = {**body, "id": item_id}
        return replayed

    def has_begun(self, item_id: str) -> bool:
        """Whether any word or sound of the agent's item has come."""
        past = self._items.get(item_id)
        return past is not None and bool(past.text_length or past.audio_ms)

    def is_complete_call(self, item_id: str) -> bool:
        """Whether the item is the call of a tool, with all its arguments."""
        past = self._items.get(item_id)
        return past is not None and past.is_complete and past.body.get("type") == "function_call"

    def has_open_calls(self) -> bool:
        """Whether a tool has been called that has not answered."""
        bodies = [past.body for past in self._items.values() if past.is_complete]
        asked = {_text(body.get("call_id")) for body in bodies if _is(body, "function_call")}
        answered = {
            _text(body.get("call_id")) for body in bodies if _is(body, "function_call_output")
        }
        return bool(asked - answered)

    @property
    def awaits_transcript(self) -> bool:
        """Whether a transcript of the caller's is on its way."""
        return any(past.awaits_transcript for past in self._items.values())

    def unplayed_items(self, played: Collection[str], cut_off: Collection[str] = ()) -> list[str]:
        """Ids of the agent's messages that are not among ``played`` and were not cut: of those that
        are complete, and of those among ``cut_off``, whose rest will not come."""
        return [
            item_id
            for item_id, past in self._items.items()
            if past.body.get("role") == "assistant"
            and past.is_generated
            and (past.is_complete or item_id in cut_off)
            and past.played_text is None
            and item_id not in played
        ]

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._items

    def _add(self, item: dict[str, Any], previous: Any) -> None:
        item_id = item.get("id")
        if not isinstance(item_id, str):
            return
        if item_id in self._items:
            past = self._items[item_id]
            # A bare item is announced first, and described once it is complete.
            if not past.body.get("content") and past.body.get("type") == item.get("type"):
                past.body = item
            return
        generated = item.get("status") == "in_progress"
        self._items[item_id] = HistoryItem(item, is_complete=not generated, is_generated=generated)
        if isinstance(previous, str) and previous in self._order:
            self._order.insert(self._order.index(previous) + 1, item_id)
        else:
            self._order.append(item_id)

    def _complete(self, item: dict[str, Any]) -> None:
        past = self._items.get(str(item.get("id")))
        complete = item.get("status", "completed") == "completed"
        # Words that broke off are words; a tool's arguments that did are none.
        if past is not None and (complete or item.get("type") == "message"):
            past.body, past.is_complete = item, True

    def _arrived(self, item_id: Any) -> None:
        for event_id in [each for each, coming in self._creating.items() if coming == item_id]:
            del self._creating[event_id]

    def _remove(self, item_id: str) -> None:
        if self._items.pop(item_id, None) is not None:
            self._order.remove(item_id)

    def _truncate(self, item_id: str, end_ms: float) -> None:
        past = self._items.get(item_id)
        if past is not None and past.played_text is None:
            letters = [count for at, count in past.progress if at <= end_ms]
            past.played_text = past.text[: letters[-1]] if letters else ""

    def _discard_old_audio(self) -> None:
        left = KEPT_AUDIO_MS
        for item_id in reversed(self._order):
            past = self._items[item_id]
            left -= sum(chunk.duration_ms for chunk in past.audio)
            if left < 0:
                past.audio = ()


def _body(past: HistoryItem) -> dict[str, Any] | None:
    """The item as a client may create it; ``None`` where there is nothing to tell."""
    body = past.body
    match body.get("type"):
        case "function_call" if past.is_complete:
            # Services have left out the arguments of a call that has none.
            arguments = _text(body.get("arguments")) or "{}"
            keys = ("type", "call_id", "name", "arguments")
            return _strings({**body, "arguments": arguments}, *keys)
        case "function_call_output":
            return _strings(body, "type", "call_id", "output")
        case "message" if body.get("role") == "assistant":
            text = past.played_text if past.played_text is not None else past.text or _texts(body)
            return _message("assistant", "output_text", text)
        case "message" if body.get("role") == "user" and (past.transcript or past.audio):
            if past.transcript:
                return _message("user", "input_text", past.transcript)
            content = [
                {
                    "type": "input_audio",
                    "audio": concatenate_base64(chunk.base64 for chunk in past.audio),
                }
            ]
            return {"type": "message", "role": "user", "content": content}
        case "message":
            parts = [part for part in _parts(body) if _may_be_created(part)]
            if parts and body.get("role") in ("system", "user"):
                return {"type": "message", "role": body["role"], "content": parts}
    return None


def _message(role: str, kind: str, text: str) -> dict[str, Any] | None:
    if not text.strip():
        return None
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}


def _strings(body: dict[str, Any], *keys: str) -> dict[str, Any] | None:
    """Of ``body``, what stands under ``keys``; ``None`` where that is not all strings."""
    found = {key: body[key] for key in keys if isinstance(body.get(key), str)}
    return found if len(found) == len(keys) else None


def _texts(body: dict[str, Any]) -> str:
    parts = [as_object(part) for part in _parts(body)]
    return "".join(_text(part.get("text") or part.get("transcript")) for part in parts)


def _parts(body: dict[str, Any]) -> list[Any]:
    content = body.get("content")
    return content if isinstance(content, list) else []


def _may_be_created(part: Any) -> bool:
    return as_object(part).get("type") in ("input_text", "input_image")


def _is(body: dict[str, Any], kind: str) -> bool:
    return body.get("type") == kind


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
