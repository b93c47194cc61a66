"""What the caller said: understood for the answer, and told to the client if it asked."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any

from agent.local.audio import SERVICE_RATE, seconds_of

if TYPE_CHECKING:
    from agent.local.standin.items import Item
    from agent.local.standin.session import Session

TOKENS_PER_SECOND = 10
"""The service counts a token for each 100 ms of a caller's audio."""


def listen(session: Session, item: Item, pcm: bytes) -> None:
    """Understand ``pcm``, the audio of ``item``; a reply waits for it."""
    item.user_audio_seconds = seconds_of(pcm, SERVICE_RATE)
    pending = session.spawn(_listen(session, item, pcm))
    session.hearing[item.id] = pending
    pending.add_done_callback(lambda _: session.hearing.pop(item.id, None))


async def heard_all(session: Session) -> None:
    """Until everything said so far is understood."""
    while session.hearing:
        await asyncio.wait(list(session.hearing.values()))


async def _listen(session: Session, item: Item, pcm: bytes) -> None:
    mind, seconds = session.mind, item.user_audio_seconds
    if session.ears is not None and mind.language.startswith("en"):
        item.heard = await session.ears.hear(pcm, SERVICE_RATE, mind.phrases, several=mind.several)
    transcript = item.heard or f"[{seconds:.1f} seconds of speech]"
    if session.config["audio"]["input"]["transcription"] is None:
        return
    content = item.body["content"]
    index = next(i for i, part in enumerate(content) if part["type"] == "input_audio")
    content[index]["transcript"] = transcript
    place: dict[str, Any] = {"item_id": item.id, "content_index": index}
    prefix = "conversation.item.input_audio_transcription"
    session.emit(f"{prefix}.delta", **place, delta=transcript)
    session.emit(f"{prefix}.completed", **place, transcript=transcript, usage=_usage(seconds))


def _usage(seconds: float) -> dict[str, Any]:
    audio_tokens = math.ceil(seconds * TOKENS_PER_SECOND)
    return {
        "type": "tokens",
        "input_tokens": audio_tokens,
        "input_token_details": {"audio_tokens": audio_tokens, "text_tokens": 0},
        "output_tokens": 0,
        "total_tokens": audio_tokens,
    }
