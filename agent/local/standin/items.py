"""The conversation: ``conversation.item.*`` events and the list that they change."""

from __future__ import annotations

import binascii
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agent.local.standin import transcription
from agent.local.standin.audio_deltas import Decoder, Format, format_of
from agent.local.standin.flat_dialect import ga_item
from agent.local.standin.identifiers import new_id
from agent.local.standin.item_audio import keep, with_audio
from agent.local.standin.rules import Refusal

if TYPE_CHECKING:
    from agent.local.standin.session import Session


@dataclass(slots=True, eq=False)
class Item:
    """An item as the protocol shows it, and what only the server knows of it."""

    body: dict[str, Any]
    audio_ms: float = 0.0
    """Assistant audio sent for it so far, or what a truncation left of it."""
    truncated: bool = False
    """The client cut its audio; nothing is added any more, and its transcript is gone."""
    audio_deltas: list[str] = field(default_factory=list)
    """That audio as it was sent, in base64."""
    audio_format: Format | None = None
    user_audio_seconds: float = 0.0
    user_pcm: bytes = b""
    """A user's audio at 24 kHz, as long as it is kept."""
    heard: str | None = None
    """What the model understood of a user's audio, transcribed for the client or not."""
    answered: bool = False
    """A response has been made since it came."""

    @property
    def id(self) -> str:
        return str(self.body["id"])

    @property
    def is_user_message(self) -> bool:
        return self.body.get("type") == "message" and self.body.get("role") == "user"

    @property
    def is_assistants(self) -> bool:
        """An answer, or the call of a tool."""
        return self.body.get("type") == "function_call" or self.body.get("role") == "assistant"

    @property
    def words(self) -> str | None:
        """What it says, as far as the model knows."""
        if self.heard is not None:
            return self.heard
        texts = [part["text"] for part in self.body.get("content", ()) if part.get("text")]
        return " ".join(texts) or None


@dataclass(slots=True)
class Conversation:
    """The items in order."""

    id: str = field(default_factory=lambda: new_id("conv"))
    items: list[Item] = field(default_factory=list)

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    def __contains__(self, item: Item) -> bool:
        return item in self.items

    @property
    def last_id(self) -> str | None:
        return self.items[-1].id if self.items else None

    def get(self, item_id: str | None) -> Item | None:
        return next((item for item in self.items if item.id == item_id), None)

    def before(self, item: Item) -> str | None:
        """The id of the item before ``item``; ``None`` where it is first or gone."""
        index = self.items.index(item) if item in self.items else 0
        return self.items[index - 1].id if index else None

    def insert(self, item: Item, previous_item_id: str | None) -> str | None:
        """Put ``item`` after another (``"root"``: first; ``None``: last); the id before it."""
        if previous_item_id is None:
            index = len(self.items)
        elif previous_item_id == "root":
            index = 0
        else:
            previous = self.get(previous_item_id)
            assert previous is not None
            index = self.items.index(previous) + 1
        self.items.insert(index, item)
        return self.before(item)


def new_body(session: Session, status: str, **fields: Any) -> dict[str, Any]:
    """An item as the dialect shows it, with a new id unless one is given."""
    named = {"object": "realtime.item"} if session.flat else {}
    return {"id": new_id("item"), **named, "status": status, **fields}


def add(session: Session, item: Item, previous_item_id: str | None = None) -> None:
    """Put an item into the conversation and tell the client."""
    before = session.conversation.insert(item, previous_item_id)
    session.emit("conversation.item.added", previous_item_id=before, item=item.body)
    if item.body.get("status") != "in_progress":
        session.emit("conversation.item.done", previous_item_id=before, item=item.body)


def create(session: Session, event: dict[str, Any]) -> None:
    body = ga_item(event["item"]) if session.flat else dict(event["item"])
    item_id = body.get("id") or new_id("item")
    if session.conversation.get(item_id):
        raise Refusal(
            "item_create_duplicate_item_id",
            f"Error adding item: an item with id '{item_id}' already exists.",
            param="item.id",
        )
    previous_item_id = event.get("previous_item_id")
    if previous_item_id not in (None, "root") and not session.conversation.get(previous_item_id):
        raise Refusal(
            "item_create_invalid_previous_item_id",
            f"Error adding item: previous item with id '{previous_item_id}' does not exist.",
            param="previous_item_id",
        )
    if body["type"] == "function_call":
        body.setdefault("call_id", new_id("call"))
    elif body["type"] == "function_call_output":
        _check_call(session, body["call_id"])
    body.pop("object", None)
    item = Item(new_body(session, **{"status": "completed", **body, "id": item_id}))
    pcm = _take_audio(item.body, format_of(session.config["audio"]["input"]))
    add(session, item, previous_item_id)
    if pcm:
        keep(session, item, pcm)
        transcription.listen(session, item, pcm)


def _check_call(session: Session, call_id: str) -> None:
    calls = (item.body for item in session.conversation if item.body["type"] == "function_call")
    if not any(call["call_id"] == call_id for call in calls):
        raise Refusal(
            "invalid_tool_call_id",
            f"Tool call ID '{call_id}' not found in conversation.",
            param="item.call_id",
        )


def _take_audio(body: dict[str, Any], format: Format) -> bytes:
    """The audio of a user's content as PCM, taken out of ``body``: it is not sent back."""
    content = body.get("content")
    if not isinstance(content, list):
        return b""
    audio = b"".join(
        binascii.a2b_base64(part["audio"]) for part in content if part["type"] == "input_audio"
    )
    body["content"] = [
        {"transcript": None, **{key: value for key, value in part.items() if key != "audio"}}
        if part["type"] == "input_audio"
        else part
        for part in content
    ]
    return Decoder().decode(audio, format)


def retrieve(session: Session, event: dict[str, Any]) -> None:
    item = session.conversation.get(event["item_id"])
    if item is None:
        raise Refusal(
            "item_retrieve_invalid_item_id",
            f"Error retrieving item: the item with id '{event['item_id']}' does not exist.",
            echo_event_id=False,
        )
    session.emit("conversation.item.retrieved", item=with_audio(session, item))


def truncate(session: Session, event: dict[str, Any]) -> None:
    item_id, audio_end_ms = event["item_id"], event["audio_end_ms"]
    item = session.conversation.get(item_id)
    if item is None:
        raise Refusal(
            "item_truncate_invalid_item_id",
            f"Item with item_id not found: {item_id}",
            echo_event_id=False,
        )
    if item.audio_ms <= 0 and not item.truncated:
        raise Refusal(
            "unsupported_content_type", "Only model output audio messages can be truncated"
        )
    if audio_end_ms > item.audio_ms:
        raise Refusal(
            "invalid_value",
            f"Audio content of {round(item.audio_ms)}ms is already shorter than {audio_end_ms}ms",
            param="audio_end_ms",
        )
    item.audio_ms, item.truncated = audio_end_ms, True
    for part in item.body["content"]:
        # What was said after the cut must not stay in the context as text.
        part["transcript"] = None
    session.emit(
        "conversation.item.truncated",
        item_id=item_id,
        content_index=event.get("content_index", 0),
        audio_end_ms=audio_end_ms,
    )


def delete(session: Session, event: dict[str, Any]) -> None:
    item = session.conversation.get(event["item_id"])
    if item is None:
        raise Refusal(
            "item_delete_invalid_item_id",
            f"Error deleting item: the item with id '{event['item_id']}' does not exist.",
            echo_event_id=False,
        )
    session.conversation.items.remove(item)
    session.emit("conversation.item.deleted", item_id=item.id)


HANDLERS = {
    "conversation.item.create": create,
    "conversation.item.retrieve": retrieve,
    "conversation.item.truncate": truncate,
    "conversation.item.delete": delete,
}
