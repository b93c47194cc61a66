"""The audio of items, kept for ``conversation.item.retrieve``."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from agent.local import g711
from agent.local.audio import BYTES_PER_SAMPLE, SERVICE_RATE, resample
from agent.local.standin.audio_deltas import format_of

if TYPE_CHECKING:
    from agent.local.standin.items import Item
    from agent.local.standin.session import Session

MAX_KEPT_BYTES = 3 * 2**20
"""Of callers' audio in a session, 65 seconds; and of an answer in one event."""


def keep(session: Session, item: Item, pcm: bytes) -> None:
    """Keep a caller's audio with its item, and let go of the oldest beyond ``MAX_KEPT_BYTES``."""
    item.user_pcm = pcm
    kept = 0
    for each in reversed(session.conversation.items):
        kept += len(each.user_pcm)
        if kept > MAX_KEPT_BYTES:
            each.user_pcm = b""


def with_audio(session: Session, item: Item) -> dict[str, Any]:
    """The item as ``conversation.item.retrieved`` shows it: the audio that is kept is in it."""
    audio = _caller_audio(session, item) if item.user_pcm else _answer_audio(item)
    if not audio:
        return item.body
    encoded = base64.b64encode(audio).decode()
    content = [
        {**part, "audio": encoded} if part["type"] in {"input_audio", "output_audio"} else part
        for part in item.body["content"]
    ]
    return {**item.body, "content": content}


def _caller_audio(session: Session, item: Item) -> bytes:
    law = format_of(session.config["audio"]["input"]).law
    if law is None:
        return item.user_pcm
    return g711.encode(resample(item.user_pcm, SERVICE_RATE, g711.RATE), law)


def _answer_audio(item: Item) -> bytes:
    if item.audio_format is None:
        return b""
    sound = b"".join(base64.b64decode(delta) for delta in item.audio_deltas)
    size = round(item.audio_ms * item.audio_format.bytes_per_ms)
    if item.audio_format.law is None:
        size -= size % BYTES_PER_SAMPLE
    sound = sound[:size]
    return sound if len(sound) <= MAX_KEPT_BYTES else b""
