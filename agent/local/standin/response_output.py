"""The output items of a response: a message, spoken or written, or a function call."""

from __future__ import annotations

import asyncio
from typing import Any

from agent.local.standin import fault_injection
from agent.local.standin.answers import ToolCall
from agent.local.standin.audio_deltas import deltas, format_of, split_words
from agent.local.standin.response import Response
from agent.local.standin.session import Session
from agent.local.standin.usage import text_tokens

ARGUMENTS_PIECE = 12
"""Characters of a function call's arguments in one delta."""


class ResponseIncomplete(Exception):
    """The response ends before its output is complete, for example at its token limit."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _OutputItem:
    """An item of a response, from ``output_item.added`` to ``output_item.done``."""

    def __init__(self, session: Session, response: Response, body: dict[str, Any]) -> None:
        self._session = session
        self._response = response
        self._index = len(response.items)
        self._item = session.new_item("in_progress", **body)
        self._item.is_answered = True

    def begin(self) -> None:
        self._response.items.append(self._item)
        self._emit("response.output_item.added", output_index=self._index, item=self._item.body)
        if not self._response.is_out_of_band:
            self._session.add_item(self._item)

    def _finish(self, status: str) -> None:
        session, item = self._session, self._item
        item.body["status"] = status
        if not self._response.is_out_of_band and item in session.conversation:
            before = session.conversation.id_before(item)
            session.emit("conversation.item.done", previous_item_id=before, item=item.body)
        self._emit("response.output_item.done", output_index=self._index, item=item.body)

    def _emit(self, type: str, **fields: Any) -> None:
        fault_injection.emit(self._session, type, {"response_id": self._response.id, **fields})
        if type.endswith(".delta"):
            self._response.has_begun.set()


class MessageOutput(_OutputItem):
    """An assistant message."""

    def __init__(self, session: Session, response: Response, text: str, *, phase: str) -> None:
        """``phase`` is ``"commentary"`` or ``"final_answer"``; only models that reason send it."""
        reasoning = {"phase": phase} if session.is_reasoning_model else {}
        body = {"type": "message", "role": "assistant", "content": [], **reasoning}
        super().__init__(session, response, body)
        self._text = text
        self._has_audio = response.has_audio
        if session.fault("audio-in-text-session"):
            self._has_audio = True
        if session.fault("text-in-audio-session"):
            self._has_audio = False
        self._sent_text = ""
        self._place = {"item_id": self._item.id, "output_index": self._index, "content_index": 0}

    async def run(self) -> None:
        """Stream the message; raise ``ResponseIncomplete`` if the response has to end first."""
        self._emit_part("added", "")
        if self._has_audio:
            await self._stream_audio()
        else:
            await self._stream_text()

    async def _stream_audio(self) -> None:
        session, response = self._session, self._response
        output = response.config["audio"]["output"]
        self._item.audio_format = format_of(output)
        pieces = await asyncio.to_thread(
            deltas,
            session.options.speak,
            self._text,
            str(output["voice"]),
            session.answers.language,
            float(output["speed"]),
            format_of(output),
        )
        due = asyncio.get_running_loop().time()
        for number, piece in enumerate(pieces):
            fault_injection.before_delta(session, number)
            response.output_usage.add(
                audio_ms=piece.duration_ms, text_tokens=text_tokens(piece.words)
            )
            if piece.words:
                self._sent_text += piece.words
                self._emit(
                    "response.output_audio_transcript.delta", **self._place, delta=piece.words
                )
            self._emit("response.output_audio.delta", **self._place, delta=piece.audio)
            if not self._item.is_truncated:
                self._item.audio_deltas.append(piece.audio)
                self._item.audio_ms += piece.duration_ms
            if not response.is_out_of_band:
                session.has_assistant_audio = True
            self._check_limits(number)
            due += piece.duration_ms / 1000 / session.options.pace
            await asyncio.sleep(due - asyncio.get_running_loop().time())

    async def _stream_text(self) -> None:
        for number, word in enumerate(split_words(self._text)):
            fault_injection.before_delta(self._session, number)
            self._response.output_usage.add(text_tokens=text_tokens(word))
            self._sent_text += word
            self._emit("response.output_text.delta", **self._place, delta=word)
            self._check_limits(number)
            await asyncio.sleep(0)

    def _check_limits(self, number: int) -> None:
        if self._response.output_usage.is_exhausted:
            raise ResponseIncomplete("max_output_tokens")
        if number == fault_injection.FILTERED_DELTA and self._session.fault("content-filter"):
            raise ResponseIncomplete("content_filter")

    def end(self, status: str) -> None:
        text = self._sent_text
        if self._has_audio:
            self._emit("response.output_audio.done", **self._place)
            self._emit("response.output_audio_transcript.done", **self._place, transcript=text)
        else:
            self._emit("response.output_text.done", **self._place, text=text)
        self._emit_part("done", text)
        key, kind = ("transcript", "output_audio") if self._has_audio else ("text", "output_text")
        kept = None if self._item.is_truncated else text
        self._item.body["content"] = [{"type": kind, key: kept}]
        self._finish(status)

    def _emit_part(self, change: str, text: str) -> None:
        kind, key = ("audio", "transcript") if self._has_audio else ("text", "text")
        part = {"type": kind, key: text}
        dialect = self._session.dialect
        # Azure sends the part a second time, as `content`.
        azure = {"content": part} if dialect.is_azure and not dialect.is_flat else {}
        self._emit(f"response.content_part.{change}", **self._place, part=part, **azure)


class CallOutput(_OutputItem):
    """A function call, its arguments streamed."""

    def __init__(self, session: Session, response: Response, call: ToolCall) -> None:
        body = {"type": "function_call", "name": call.name, "call_id": call.call_id}
        super().__init__(session, response, {**body, "arguments": ""})
        self._call = call
        self._place = {
            "item_id": self._item.id,
            "output_index": self._index,
            "call_id": call.call_id,
        }

    async def run(self) -> None:
        arguments = self._call.arguments
        for start in range(0, len(arguments), ARGUMENTS_PIECE):
            piece = arguments[start : start + ARGUMENTS_PIECE]
            self._response.output_usage.add(text_tokens=text_tokens(piece))
            self._emit("response.function_call_arguments.delta", **self._place, delta=piece)
            self._item.body["arguments"] += piece
            await asyncio.sleep(0)

    def end(self, status: str) -> None:
        self._emit(
            "response.function_call_arguments.done",
            **self._place,
            name=self._call.name,
            arguments=self._item.body["arguments"],
        )
        self._finish(status)
