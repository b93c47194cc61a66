"""The conversation of a session: an ordered list of items."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from agent.local.standin.audio_deltas import Format
from agent.local.standin.identifiers import new_id

MAX_KEPT_AUDIO_BYTES = 3 * 2**20
"""Caller audio kept per session (65 seconds), and the largest answer sent in one event."""


@dataclass(slots=True, eq=False)
class Item:
    """An item: its body as the protocol shows it, and the server's own data about it."""

    body: dict[str, Any]
    audio_ms: float = 0.0
    """Assistant audio sent for this item so far; after a truncation, what is left of it."""
    is_truncated: bool = False
    """Whether the client truncated its audio. Nothing is added to it afterwards, and its
    transcript is removed."""
    audio_deltas: list[str] = field(default_factory=list)
    """The assistant audio as sent, in base64."""
    audio_format: Format | None = None
    user_audio_seconds: float = 0.0
    user_pcm: bytes = b""
    """The user's audio, PCM at 24 kHz; empty once it is dropped."""
    recognized_text: str | None = None
    """The words recognized in the user's audio, whether or not the client asked for a transcript;
    ``None`` if nothing was recognized."""
    is_answered: bool = False
    """Whether a response has read this item."""

    @property
    def id(self) -> str:
        return str(self.body["id"])

    @property
    def is_user_message(self) -> bool:
        return self.body.get("type") == "message" and self.body.get("role") == "user"

    @property
    def is_from_assistant(self) -> bool:
        """Whether this is an assistant message or a function call."""
        return self.body.get("type") == "function_call" or self.body.get("role") == "assistant"

    @property
    def text(self) -> str | None:
        """The recognized or written words; ``None`` if there are none."""
        if self.recognized_text is not None:
            return self.recognized_text
        texts = [part["text"] for part in self.body.get("content", ()) if part.get("text")]
        return " ".join(texts) or None


@dataclass(slots=True)
class Conversation:
    """The items in order, and the operations on them."""

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

    def id_before(self, item: Item) -> str | None:
        """Return the id of the item before ``item``; ``None`` if it is the first, or not here."""
        index = self.items.index(item) if item in self.items else 0
        return self.items[index - 1].id if index else None

    def insert(self, item: Item, previous_item_id: str | None) -> str | None:
        """Insert ``item`` after another item and return the id of the item before it.

        ``previous_item_id`` is ``None`` for the end and ``"root"`` for the start.
        """
        if previous_item_id is None:
            index = len(self.items)
        elif previous_item_id == "root":
            index = 0
        else:
            previous = self.get(previous_item_id)
            assert previous is not None
            index = self.items.index(previous) + 1
        self.items.insert(index, item)
        return self.id_before(item)

    def keep_user_audio(self, item: Item, pcm: bytes) -> None:
        """Keep ``pcm`` with ``item``; drop the oldest audio beyond ``MAX_KEPT_AUDIO_BYTES``."""
        item.user_pcm = pcm
        kept = 0
        for each in reversed(self.items):
            kept += len(each.user_pcm)
            if kept > MAX_KEPT_AUDIO_BYTES:
                each.user_pcm = b""
