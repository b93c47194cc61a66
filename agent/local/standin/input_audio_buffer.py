"""The caller's audio: ``input_audio_buffer.*`` events and the turn detection that reads it.

All times are audio times: what counts is how much audio came, not when.
"""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING, Any

from agent.local.audio import BYTES_PER_SAMPLE, SERVICE_RATE
from agent.local.standin import transcription
from agent.local.standin.audio_deltas import Decoder, format_of
from agent.local.standin.identifiers import new_id
from agent.local.standin.item_audio import keep
from agent.local.standin.items import Item, add, new_body
from agent.local.standin.response_run import start_reply
from agent.local.standin.rules import Refusal
from agent.local.standin.turn_detection import (
    IdleTimeout,
    SpeechStarted,
    SpeechStopped,
    TurnDetector,
)

if TYPE_CHECKING:
    from agent.local.standin.session import Session

BYTES_PER_MS = SERVICE_RATE * BYTES_PER_SAMPLE // 1000
MIN_COMMIT_MS = 100
KEPT_SECONDS = 120
"""Uncommitted audio beyond this is forgotten from its start, to bound a session's memory."""


class InputBuffer:
    """The audio since the last commit, and where in the session it stands."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._audio = bytearray()
        self._start_bytes = 0
        self._detector: TurnDetector | None = None
        self._decoder = Decoder()
        self._item_id = ""
        self.configure()

    @property
    def _settings(self) -> dict[str, Any]:
        settings: dict[str, Any] = self._session.config["audio"]["input"]
        return settings

    def configure(self) -> None:
        """Take up the session's turn detection; what is being heard goes on."""
        settings = self._settings["turn_detection"]
        if settings is None:
            self._detector = None
        elif self._detector is None:
            self._detector = TurnDetector(settings, self._end_ms)
        else:
            self._detector.settings = settings

    @property
    def _end_ms(self) -> float:
        return (self._start_bytes + len(self._audio)) / BYTES_PER_MS

    @property
    def duration_ms(self) -> float:
        return len(self._audio) / BYTES_PER_MS

    def append(self, data: bytes) -> None:
        """Take audio in the session's input format."""
        pcm = self._decoder.decode(data, format_of(self._settings))
        self._audio += pcm
        if self._detector is not None:
            for found in self._detector.push(pcm):
                if isinstance(found, SpeechStarted):
                    self._on_speech_started(found)
                elif isinstance(found, SpeechStopped):
                    self._on_speech_stopped(found)
                else:
                    self._on_idle(found)
        self._forget(len(self._audio) - KEPT_SECONDS * 1000 * BYTES_PER_MS)

    def clear(self) -> None:
        self._forget(len(self._audio))
        if self._detector is not None:
            self._detector.reset()

    def commit(self) -> Item:
        """Turn all uncommitted audio into a user item."""
        if self.duration_ms < MIN_COMMIT_MS:
            raise Refusal(
                "input_audio_buffer_commit_empty",
                "Error committing input audio buffer: buffer too small. Expected at least "
                f"{MIN_COMMIT_MS}ms of audio, but buffer only has {self.duration_ms:.2f}ms of "
                "audio.",
            )
        return self._commit_until(self._start_bytes + len(self._audio), new_id("item"))

    def _on_speech_started(self, found: SpeechStarted) -> None:
        self._item_id = new_id("item")
        self._forget(round(found.start_ms * BYTES_PER_MS) - self._start_bytes)
        self._session.emit(
            "input_audio_buffer.speech_started",
            audio_start_ms=round(found.start_ms),
            item_id=self._item_id,
        )
        reply = self._session.reply
        if reply is not None and self._settings["turn_detection"]["interrupt_response"]:
            reply.cancel("turn_detected")

    def _on_speech_stopped(self, found: SpeechStopped) -> None:
        self._session.emit(
            "input_audio_buffer.speech_stopped",
            audio_end_ms=round(found.end_ms),
            item_id=self._item_id,
        )
        self._commit_until(round(found.end_ms * BYTES_PER_MS), self._item_id)
        if self._settings["turn_detection"]["create_response"]:
            try:
                start_reply(self._session, {})
            except Refusal as refusal:
                # With interrupt_response off the answer before may still be running.
                self._session.emit("error", error=refusal.as_error(None))

    def _on_idle(self, found: IdleTimeout) -> None:
        if self._session.reply is not None:
            return
        item_id = new_id("item")
        self._session.emit(
            "input_audio_buffer.timeout_triggered",
            audio_start_ms=round(found.start_ms),
            audio_end_ms=round(found.end_ms),
            item_id=item_id,
        )
        self._forget(round(found.start_ms * BYTES_PER_MS) - self._start_bytes)
        item = self._commit_until(round(found.end_ms * BYTES_PER_MS), item_id, listen=False)
        item.answered = True
        start_reply(self._session, {}, idle=True)

    def on_reply_end(self, audio_ms: float) -> None:
        """A response has ended; the caller hears its ``audio_ms`` from about now on."""
        if self._detector is not None:
            self._detector.expect_answer(audio_ms)

    def _commit_until(self, end_bytes: int, item_id: str, *, listen: bool = True) -> Item:
        size = (end_bytes - self._start_bytes) // BYTES_PER_SAMPLE * BYTES_PER_SAMPLE
        pcm = bytes(self._audio[:size])
        self._forget(size)
        self._session.emit(
            "input_audio_buffer.committed",
            item_id=item_id,
            previous_item_id=self._session.conversation.last_id,
        )
        content = [{"type": "input_audio", "transcript": None}]
        fields = {"type": "message", "role": "user", "content": content}
        item = Item(new_body(self._session, "completed", id=item_id, **fields))
        add(self._session, item)
        keep(self._session, item, pcm)
        if listen:
            transcription.listen(self._session, item, pcm)
        return item

    def _forget(self, size: int) -> None:
        if size > 0:
            size = min(size, len(self._audio))
            del self._audio[:size]
            self._start_bytes += size


def append(session: Session, event: dict[str, Any]) -> None:
    session.buffer.append(binascii.a2b_base64(event["audio"]))


def commit(session: Session, event: dict[str, Any]) -> None:
    session.buffer.commit()


def clear(session: Session, event: dict[str, Any]) -> None:
    session.buffer.clear()
    session.emit("input_audio_buffer.cleared")


HANDLERS = {
    "input_audio_buffer.append": append,
    "input_audio_buffer.commit": commit,
    "input_audio_buffer.clear": clear,
}
