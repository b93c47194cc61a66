"""The client events ``input_audio_buffer.*``, and what turn detection makes of the audio."""

from __future__ import annotations

import binascii
from typing import Any

from agent.local.standin import transcription
from agent.local.standin.identifiers import new_id
from agent.local.standin.response_run import start_response
from agent.local.standin.rules import Refusal
from agent.local.standin.session import Session
from agent.local.standin.turn_detection import IdleTimeout, SpeechStarted, SpeechStopped

MIN_COMMIT_MS = 100
"""The service refuses to commit less audio than this."""


def append(session: Session, event: dict[str, Any]) -> None:
    for found in session.input_audio.append(binascii.a2b_base64(event["audio"])):
        if isinstance(found, SpeechStarted):
            _on_speech_started(session, found)
        elif isinstance(found, SpeechStopped):
            _on_speech_stopped(session, found)
        else:
            _on_idle_timeout(session, found)


def commit(session: Session, event: dict[str, Any]) -> None:
    """Turn all uncommitted audio into a user message."""
    duration_ms = session.input_audio.duration_ms
    if duration_ms < MIN_COMMIT_MS:
        raise Refusal(
            "input_audio_buffer_commit_empty",
            "Error committing input audio buffer: buffer too small. Expected at least "
            f"{MIN_COMMIT_MS}ms of audio, but buffer only has {duration_ms:.2f}ms of "
            "audio.",
        )
    _add_user_message(session, session.input_audio.take_all(), new_id("item"))


def clear(session: Session, event: dict[str, Any]) -> None:
    session.input_audio.clear()
    session.emit("input_audio_buffer.cleared")


def _turn_detection(session: Session) -> dict[str, Any]:
    settings: dict[str, Any] = session.config["audio"]["input"]["turn_detection"]
    return settings


def _on_speech_started(session: Session, found: SpeechStarted) -> None:
    buffer = session.input_audio
    buffer.speech_item_id = new_id("item")
    buffer.drop_until(found.start_ms)
    session.emit(
        "input_audio_buffer.speech_started",
        audio_start_ms=round(found.start_ms),
        item_id=buffer.speech_item_id,
    )
    if session.response is not None and _turn_detection(session)["interrupt_response"]:
        session.response.cancel("turn_detected")


def _on_speech_stopped(session: Session, found: SpeechStopped) -> None:
    buffer = session.input_audio
    session.emit(
        "input_audio_buffer.speech_stopped",
        audio_end_ms=round(found.end_ms),
        item_id=buffer.speech_item_id,
    )
    _add_user_message(session, buffer.take_until(found.end_ms), buffer.speech_item_id)
    if _turn_detection(session)["create_response"]:
        try:
            start_response(session, {})
        except Refusal as refusal:
            # With interrupt_response off, the previous response may still be active.
            session.emit("error", error=refusal.as_error(None))


def _on_idle_timeout(session: Session, found: IdleTimeout) -> None:
    if session.response is not None:
        return
    item_id = new_id("item")
    session.emit(
        "input_audio_buffer.timeout_triggered",
        audio_start_ms=round(found.start_ms),
        audio_end_ms=round(found.end_ms),
        item_id=item_id,
    )
    session.input_audio.drop_until(found.start_ms)
    pcm = session.input_audio.take_until(found.end_ms)
    _add_user_message(session, pcm, item_id, has_speech=False)
    start_response(session, {}, is_idle=True)


def _add_user_message(
    session: Session, pcm: bytes, item_id: str, *, has_speech: bool = True
) -> None:
    session.emit(
        "input_audio_buffer.committed",
        item_id=item_id,
        previous_item_id=session.conversation.last_id,
    )
    content = [{"type": "input_audio", "transcript": None}]
    item = session.new_item("completed", id=item_id, type="message", role="user", content=content)
    session.add_item(item)
    session.conversation.keep_user_audio(item, pcm)
    if has_speech:
        transcription.recognize(session, item, pcm)
    else:
        # Nobody spoke, so no response has to read this item.
        item.is_answered = True


HANDLERS = {
    "input_audio_buffer.append": append,
    "input_audio_buffer.commit": commit,
    "input_audio_buffer.clear": clear,
}
