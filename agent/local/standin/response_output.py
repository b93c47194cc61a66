"""What a response puts out: a message, spoken or written, or the call of a tool."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from agent.local.standin import fault_injection
from agent.local.standin.answers import ToolCall
from agent.local.standin.audio_deltas import deltas, format_of, split_words
from agent.local.standin.items import Item, add, new_body
from agent.local.standin.usage import text_tokens

if TYPE_CHECKING:
    from agent.local.standin.response_run import Reply

ARGUMENTS_PIECE = 12
"""Characters of a tool's arguments in one delta."""


class Cut(Exception):
    """The response ends here, incomplete."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Output:
    """An item being put out, from ``output_item.added`` to ``output_item.done``."""

    def __init__(self, reply: Reply, body: dict[str, Any]) -> None:
        self._reply = reply
        self._index = len(reply.items)
        self._item = Item(new_body(reply.session, "in_progress", **body))
        self._item.answered = True

    def begin(self) -> None:
        self._reply.items.append(self._item)
        self.emit("response.output_item.added", output_index=self._index, item=self._item.body)
        if not self._reply.is_out_of_band:
            add(self._reply.session, self._item)

    def _finish(self, status: str) -> None:
        session = self._reply.session
        self._item.body["status"] = status
        if not self._reply.is_out_of_band and self._item in session.conversation:
            before = session.conversation.before(self._item)
            session.emit("conversation.item.done", previous_item_id=before, item=self._item.body)
        self.emit("response.output_item.done", output_index=self._index, item=self._item.body)

    def emit(self, type: str, **fields: Any) -> None:
        fault_injection.emit(self._reply.session, type, {"response_id": self._reply.id, **fields})
        if type.endswith(".delta"):
            self._reply.begun.set()


class MessageOutput(_Output):
    """An assistant message."""

    def __init__(self, reply: Reply, line: str, *, phase: str) -> None:
        """``phase`` is what models that reason call a message: commentary or final_answer."""
        named = {"phase": phase} if reply.session.reasons else {}
        body = {"type": "message", "role": "assistant", "content": [], **named}
        super().__init__(reply, body)
        self._line = line
        self._speaks = reply.speaks
        if reply.session.fault("audio-in-text-session"):
            self._speaks = True
        if reply.session.fault("text-in-audio-session"):
            self._speaks = False
        self._said = ""
        self._place = {"item_id": self._item.id, "output_index": self._index, "content_index": 0}

    async def run(self) -> None:
        """Say or write the line; raises ``Cut`` where the response has to end before it does."""
        self._emit_part("added", "")
        if self._speaks:
            await self._speak(self._line)
        else:
            await self._write(self._line)

    async def _speak(self, line: str) -> None:
        reply, session = self._reply, self._reply.session
        output = reply.config["audio"]["output"]
        self._item.audio_format = format_of(output)
        pieces = await asyncio.to_thread(
            deltas,
            session.options.speak,
            line,
            str(output["voice"]),
            session.answers.language,
            float(output["speed"]),
            format_of(output),
        )
        due = asyncio.get_running_loop().time()
        for number, piece in enumerate(pieces):
            fault_injection.before_delta(session, number)
            reply.spent.take(audio_ms=piece.duration_ms, text=text_tokens(piece.words))
            if piece.words:
                self._said += piece.words
                self.emit(
                    "response.output_audio_transcript.delta", **self._place, delta=piece.words
                )
            self.emit("response.output_audio.delta", **self._place, delta=piece.audio)
            if not self._item.truncated:
                self._item.audio_deltas.append(piece.audio)
                self._item.audio_ms += piece.duration_ms
            session.voice_locked = session.voice_locked or not reply.is_out_of_band
            self._cut_if_due(number)
            due += piece.duration_ms / 1000 / session.options.pace
            await asyncio.sleep(due - asyncio.get_running_loop().time())

    async def _write(self, line: str) -> None:
        for number, word in enumerate(split_words(line)):
            fault_injection.before_delta(self._reply.session, number)
            self._reply.spent.take(text=text_tokens(word))
            self._said += word
            self.emit("response.output_text.delta", **self._place, delta=word)
            self._cut_if_due(number)
            await asyncio.sleep(0)

    def _cut_if_due(self, number: int) -> None:
        if self._reply.spent.exhausted:
            raise Cut("max_output_tokens")
        if number == fault_injection.FILTERED_DELTA and self._reply.session.fault("content-filter"):
            raise Cut("content_filter")

    def end(self, status: str) -> None:
        if self._speaks:
            self.emit("response.output_audio.done", **self._place)
            self.emit("response.output_audio_transcript.done", **self._place, transcript=self._said)
        else:
            self.emit("response.output_text.done", **self._place, text=self._said)
        self._emit_part("done", self._said)
        key, kind = ("transcript", "output_audio") if self._speaks else ("text", "output_text")
        said = None if self._item.truncated else self._said
        self._item.body["content"] = [{"type": kind, key: said}]
        self._finish(status)

    def _emit_part(self, change: str, said: str) -> None:
        kind, key = ("audio", "transcript") if self._speaks else ("text", "text")
        part = {"type": kind, key: said}
        dialect = self._reply.session.dialect
        # Azure names it twice.
        twice = {"content": part} if dialect.azure and not dialect.flat else {}
        self.emit(f"response.content_part.{change}", **self._place, part=part, **twice)


class CallOutput(_Output):
    """A function call, its arguments streamed."""

    def __init__(self, reply: Reply, call: ToolCall) -> None:
        body = {"type": "function_call", "name": call.name, "call_id": call.call_id}
        super().__init__(reply, {**body, "arguments": ""})
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
            self._reply.spent.take(text=text_tokens(piece))
            self.emit("response.function_call_arguments.delta", **self._place, delta=piece)
            self._item.body["arguments"] += piece
            await asyncio.sleep(0)

    def end(self, status: str) -> None:
        self.emit(
            "response.function_call_arguments.done",
            **self._place,
            name=self._call.name,
            arguments=self._item.body["arguments"],
        )
        self._finish(status)
