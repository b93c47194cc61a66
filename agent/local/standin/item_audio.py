"""The audio of items, for ``conversation.item.retrieved``."""

from __future__ import annotations

import base64
from typing import Any

from agent.local import g711
from agent.local.audio import BYTES_PER_SAMPLE, SERVICE_RATE, resample
from agent.local.standin.audio_deltas import Format
from agent.local.standin.conversation import MAX_KEPT_AUDIO_BYTES, Item


def with_audio(item: Item, input_format: Format) -> dict[str, Any]:
    """Return the body of ``item`` for ``conversation.item.retrieved``, with the audio that is kept.

    The caller's audio is encoded in ``input_format``, the assistant's in the format it was sent in.
    """
    audio = _caller_audio(item, input_format.law) if item.user_pcm else _answer_audio(item)
    if not audio:
        return item.body
    encoded = base64.b64encode(audio).decode()
    content = [
        {**part, "audio": encoded} if part["type"] in {"input_audio", "output_audio"} else part
        for part in item.body["content"]
    ]
    return {**item.body, "content": content}


def _caller_audio(item: Item, law: g711.Law | None) -> bytes:
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
    return sound if len(sound) <= MAX_KEPT_AUDIO_BYTES else b""
