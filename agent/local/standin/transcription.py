"""Recognition of the caller's words, and the transcript events that report them."""

from __future__ import annotations

import asyncio
import contextlib
import math
from typing import Any

from agent.local.audio import SERVICE_RATE, seconds_of
from agent.local.standin.audio_deltas import split_words
from agent.local.standin.conversation import Item
from agent.local.standin.session import Session

TOKENS_PER_SECOND = 10
"""The service counts one token for each 100 ms of a caller's audio."""
BILLED_BY_DURATION = ("whisper",)
LOGPROBS = "item.input_audio_transcription.logprobs"

# The service most often completes a transcript while the answer is playing, seldom before it.
RESPONSE_EXPECTED_SECONDS = 0.1
"""How long a transcript waits for a response to start before it is sent without one."""
MAX_WAIT_SECONDS = 2.0
"""How long a transcript waits for the first delta of a response: it does not depend on it."""


def recognize(session: Session, item: Item, pcm: bytes) -> None:
    """Recognize the words in ``pcm``, the audio of ``item``, in a task that responses wait for."""
    item.user_audio_seconds = seconds_of(pcm, SERVICE_RATE)
    pending = session.spawn(_recognize(session, item, pcm))
    session.pending_recognition[item.id] = pending
    pending.add_done_callback(lambda _: session.pending_recognition.pop(item.id, None))


async def wait_for_recognition(session: Session) -> None:
    """Wait until all audio of the session so far is recognized."""
    while session.pending_recognition:
        await asyncio.wait(list(session.pending_recognition.values()))


async def _recognize(session: Session, item: Item, pcm: bytes) -> None:
    began_at = asyncio.get_running_loop().time()
    answers, delay_ms = session.answers, session.options.transcript_ms
    if session.recognizer is not None and answers.language.startswith("en"):
        item.recognized_text = await session.recognizer.recognize(
            pcm, SERVICE_RATE, answers.phrases, is_sequence=answers.are_phrases_combined
        )
    settings = session.config["audio"]["input"]["transcription"]
    if settings is None:
        return
    if delay_ms == 0:
        _send_transcript(session, item, settings)
    else:
        session.spawn(_send_transcript_later(session, item, settings, began_at))


async def _send_transcript_later(
    session: Session, item: Item, settings: dict[str, Any], began_at: float
) -> None:
    delay_ms = session.options.transcript_ms
    if delay_ms is None:
        await _wait_for_first_delta(session)
    else:
        due = began_at + delay_ms / 1000
        await asyncio.sleep(due - asyncio.get_running_loop().time())
    _send_transcript(session, item, settings)


async def _wait_for_first_delta(session: Session) -> None:
    """Wait for the first delta of the response, no longer than the limits above."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(RESPONSE_EXPECTED_SECONDS):
            await session.has_response.wait()
    if session.response is not None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(MAX_WAIT_SECONDS):
                await session.response.has_begun.wait()


def _send_transcript(session: Session, item: Item, settings: dict[str, Any]) -> None:
    """Send the transcript of ``item``, or with the fault ``transcription-failed`` its failure."""
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
    transcript = item.recognized_text or f"[{seconds:.1f} seconds of speech]"
    content[index]["transcript"] = transcript
    if LOGPROBS in (session.config["include"] or ()):
        place["logprobs"] = [_logprob(word) for word in split_words(transcript)]
    session.emit(f"{prefix}.delta", **place, delta=transcript)
    usage = _usage(seconds, str(settings.get("model")))
    session.emit(f"{prefix}.completed", **place, transcript=transcript, usage=usage)


def _logprob(word: str) -> dict[str, Any]:
    """Return the log probability of ``word``: the same for all, near certainty."""
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
