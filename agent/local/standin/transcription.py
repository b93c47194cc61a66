"""What the caller said: understood for the answer, and told to the client if it asked."""

from __future__ import annotations

import asyncio
import contextlib
import math
from typing import TYPE_CHECKING, Any

from agent.local.audio import SERVICE_RATE, seconds_of
from agent.local.standin.audio_deltas import split_words

if TYPE_CHECKING:
    from agent.local.standin.items import Item
    from agent.local.standin.session import Session

TOKENS_PER_SECOND = 10
"""The service counts a token for each 100 ms of a caller's audio."""
BILLED_BY_DURATION = ("whisper",)
LOGPROBS = "item.input_audio_transcription.logprobs"

# Live, a transcript completes while the answer is being spoken more often than before it.
ANSWER_EXPECTED_SECONDS = 0.1
"""Given to an answer to be asked for, before a transcript goes out without one."""
MAX_WAIT_SECONDS = 2.0
"""Given to an answer to begin: transcription does not depend on it."""


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
    came_at = asyncio.get_running_loop().time()
    mind, delay_ms = session.answers, session.options.transcript_ms
    if session.recognizer is not None and mind.language.startswith("en"):
        item.heard = await session.recognizer.hear(
            pcm, SERVICE_RATE, mind.phrases, several=mind.separate_phrases
        )
    settings = session.config["audio"]["input"]["transcription"]
    if settings is None:
        return
    if delay_ms == 0:
        _tell(session, item, settings)
    else:
        session.spawn(_tell_later(session, item, settings, came_at))


async def _tell_later(
    session: Session, item: Item, settings: dict[str, Any], came_at: float
) -> None:
    delay_ms = session.options.transcript_ms
    if delay_ms is None:
        await _answer_begun(session)
    else:
        due = came_at + delay_ms / 1000
        await asyncio.sleep(due - asyncio.get_running_loop().time())
    _tell(session, item, settings)


async def _answer_begun(session: Session) -> None:
    """Until the first delta of the answer has left; not for long where none comes."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(ANSWER_EXPECTED_SECONDS):
            await session.answering.wait()
    if session.reply is not None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(MAX_WAIT_SECONDS):
                await session.reply.begun.wait()


def _tell(session: Session, item: Item, settings: dict[str, Any]) -> None:
    """Send the transcript of ``item``, or that there is none."""
    content, seconds = item.body["content"], item.user_audio_seconds
    index = next(i for i, part in enumerate(content) if part["type"] == "input_audio")
    place: dict[str, Any] = {"item_id": item.id, "content_index": index}
    prefix = "conversation.item.input_audio_transcription"
    if session.fault("transcription-failed"):
        error = {
            "type": "server_error",
            "code": None,
            "message": f"Input transcription failed for item '{item.id}'.",
            "param": None,
        }
        session.emit(f"{prefix}.failed", **place, error=error)
        return
    transcript = item.heard or f"[{seconds:.1f} seconds of speech]"
    content[index]["transcript"] = transcript
    if LOGPROBS in (session.config["include"] or ()):
        place["logprobs"] = [_logprob(word) for word in split_words(transcript)]
    session.emit(f"{prefix}.delta", **place, delta=transcript)
    usage = _usage(seconds, str(settings.get("model")))
    session.emit(f"{prefix}.completed", **place, transcript=transcript, usage=usage)


def _logprob(word: str) -> dict[str, Any]:
    """The stand-in is sure of each word, as far as the protocol wants to know."""
    return {"token": word, "logprob": -0.01, "bytes": list(word.encode())}


def _usage(seconds: float, model: str) -> dict[str, Any]:
    if model.startswith(BILLED_BY_DURATION):
        return {"type": "duration", "seconds": math.ceil(seconds)}
    audio_tokens = math.ceil(seconds * TOKENS_PER_SECOND)
    return {
        "type": "tokens",
        "input_tokens": audio_tokens,
        "input_token_details": {"audio_tokens": audio_tokens, "text_tokens": 0},
        "output_tokens": 0,
        "total_tokens": audio_tokens,
    }
