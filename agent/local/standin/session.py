"""One connection's state, and the way events leave it."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from agent.local.speech_recognition import PhraseRecognizer
from agent.local.standin.answers import AnswerSource, answers_for
from agent.local.standin.dialects import Dialect
from agent.local.standin.faults import Fault, Faults
from agent.local.standin.flat_dialect import flat_event
from agent.local.standin.identifiers import new_id
from agent.local.standin.items import Conversation
from agent.local.standin.options import StandInOptions
from agent.local.standin.session_config import SESSION_SECONDS, Config, default_config

if TYPE_CHECKING:
    from agent.local.standin.input_audio_buffer import InputBuffer
    from agent.local.standin.response_run import Reply

TEXT_DELTAS = ("transcript.delta", "text.delta", "arguments.delta", "transcription.delta")
OBFUSCATED_LENGTH = 16
REASONING_MODEL = re.compile(r"gpt-realtime-2(\.|$)")
"""Not ``gpt-realtime-2025-08-28``, which is a date."""

Outbox = Callable[[str], None]
"""Takes each server event as JSON, in the client's spelling."""


def obfuscation(delta: str) -> str:
    """What the service adds to a delta of text, so that its length says nothing of the text."""
    fill = OBFUSCATED_LENGTH - len(delta) % OBFUSCATED_LENGTH
    return secrets.token_urlsafe(fill)[:fill]


class Session:
    """What the handlers of client events read and change.

    Everything happens on one loop, so no handler sees another's half-done work.
    """

    buffer: InputBuffer

    def __init__(
        self,
        *,
        dialect: Dialect,
        model: str,
        options: StandInOptions,
        ears: PhraseRecognizer | None,
        faults: Faults,
        outbox: Outbox,
        hang_up: Callable[[int, str], None],
    ) -> None:
        self.id = new_id("sess")
        self.dialect = dialect
        self.flat = dialect.flat
        self.model = model
        self.options = options
        self.recognizer = ears
        self.faults = faults
        self.hang_up = hang_up
        """Close the connection, with a WebSocket close code and reason."""
        expiry = faults.get("expire")
        self.seconds = expiry.amount if expiry else SESSION_SECONDS
        self.config: Config = default_config(
            self.id, model, flat=dialect.flat, seconds=self.seconds
        )
        self.answers: AnswerSource = answers_for(
            options.script, self.config["instructions"], recognises=ears is not None
        )
        self.conversation = Conversation()
        self.reply: Reply | None = None
        """The one in the conversation; those beside it are in ``others``."""
        self.answering = asyncio.Event()
        """Set while there is a ``reply``."""
        self.out_of_band_replies: dict[str, Reply] = {}
        self.replies_made = 0
        self.updates_made = 0
        self.voice_locked = False
        """Assistant audio is in the conversation: its voice can no longer change."""
        self.hearing: dict[str, asyncio.Task[None]] = {}
        """Items whose audio is still being understood."""
        self.read_items: set[str] = set()
        """Items that an earlier response has read: the service bills them as cached."""
        self.held_back: tuple[str, dict[str, Any]] | None = None
        """With the fault ``reorder``: an event that waits for the one after it."""
        self._outbox = outbox
        self._tasks: set[asyncio.Task[Any]] = set()

    def emit(self, type: str, **fields: Any) -> None:
        event: dict[str, Any] = {"type": type, "event_id": new_id("event"), **fields}
        if self.flat:
            flat = flat_event(event)
            if flat is None:
                return
            event = flat
        elif type.endswith(TEXT_DELTAS):
            event.setdefault("obfuscation", obfuscation(fields["delta"]))
        # Written out at once: what it refers to may change before it is sent.
        self._outbox(json.dumps(event))

    def emit_raw(self, text: str) -> None:
        """Send what is no event of the protocol."""
        self._outbox(text)

    @property
    def reasons(self) -> bool:
        """Whether the model is one that reasons; a deployment's name is read as its model's."""
        return not self.flat and bool(REASONING_MODEL.match(self.model))

    def fault(self, name: str) -> Fault | None:
        return self.faults.get(name)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run ``work`` beside the session; it ends with it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()
