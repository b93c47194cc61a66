"""The state of one session, and the server events it sends."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from collections.abc import Callable, Coroutine
from typing import Any

from agent.local.speech_recognition import PhraseRecognizer
from agent.local.standin.answers import AnswerSource, answers_for
from agent.local.standin.conversation import Conversation, Item
from agent.local.standin.dialects import Dialect
from agent.local.standin.faults import Fault, Faults
from agent.local.standin.flat_dialect import flat_event
from agent.local.standin.identifiers import new_id
from agent.local.standin.input_audio_buffer import InputAudioBuffer
from agent.local.standin.options import StandInOptions
from agent.local.standin.response import Response
from agent.local.standin.session_config import SESSION_SECONDS, Config, default_config, merged

TEXT_DELTAS = ("transcript.delta", "text.delta", "arguments.delta", "transcription.delta")
OBFUSCATED_LENGTH = 16
REASONING_MODEL = re.compile(r"gpt-realtime-2(\.|$)")
"""Not ``gpt-realtime-2025-08-28``, which is a date."""

Outbox = Callable[[str], None]
"""Takes each server event as JSON, in the client's spelling."""


def obfuscation(delta: str) -> str:
    """Return the padding of a text delta, with which its length reveals nothing of the text."""
    fill = OBFUSCATED_LENGTH - len(delta) % OBFUSCATED_LENGTH
    return secrets.token_urlsafe(fill)[:fill]


class Session:
    """The state that the handlers of client events read and change.

    Everything runs on one event loop and no handler awaits, so none sees another's partial change.
    """

    def __init__(
        self,
        *,
        dialect: Dialect,
        model: str,
        options: StandInOptions,
        recognizer: PhraseRecognizer | None,
        faults: Faults,
        outbox: Outbox,
        hang_up: Callable[[int, str], None],
    ) -> None:
        self.id = new_id("sess")
        self.dialect = dialect
        self.is_flat = dialect.is_flat
        self.model = model
        self.options = options
        self.recognizer = recognizer
        self.faults = faults
        self.hang_up = hang_up
        """Close the connection, with a WebSocket close code and reason."""
        expiry = faults.get("expire")
        self.seconds = expiry.amount if expiry else SESSION_SECONDS
        self.config: Config = default_config(
            self.id, model, flat=dialect.is_flat, seconds=self.seconds
        )
        self.answers: AnswerSource = answers_for(
            options.script, self.config["instructions"], recognises=recognizer is not None
        )
        self.conversation = Conversation()
        self.input_audio = InputAudioBuffer(self.config["audio"]["input"])
        self.response: Response | None = None
        """The active response in the conversation."""
        self.has_response = asyncio.Event()
        """Set while ``response`` is not ``None``."""
        self.out_of_band_responses: dict[str, Response] = {}
        """Active responses that stay out of the conversation, by id."""
        self.response_count = 0
        self.update_count = 0
        self.has_assistant_audio = False
        """Whether the conversation holds assistant audio: its voice can no longer change."""
        self.pending_recognition: dict[str, asyncio.Task[None]] = {}
        """Recognition in progress, by item id."""
        self.read_item_ids: set[str] = set()
        """Items that an earlier response has read: the service bills them as cached."""
        self.delayed_event: tuple[str, dict[str, Any]] | None = None
        """With the fault ``reorder``: an event to send after the next one."""
        self._outbox = outbox
        self._tasks: set[asyncio.Task[Any]] = set()

    def apply(self, change: Config) -> None:
        """Merge ``change``, in the GA spelling, into the session's settings."""
        before = self.config
        self.config = merged(before, change)
        self.input_audio.configure(self.config["audio"]["input"])
        if self.config["instructions"] != before["instructions"]:
            self.answers = answers_for(
                self.options.script,
                self.config["instructions"],
                recognises=self.recognizer is not None,
            )

    def new_item(self, status: str, **fields: Any) -> Item:
        """Create an item in the dialect's shape, with a new id unless ``fields`` hold one."""
        kind = {"object": "realtime.item"} if self.is_flat else {}
        return Item({"id": new_id("item"), **kind, "status": status, **fields})

    def add_item(self, item: Item, previous_item_id: str | None = None) -> None:
        """Insert ``item`` into the conversation and send the events that report it."""
        before = self.conversation.insert(item, previous_item_id)
        self.emit("conversation.item.added", previous_item_id=before, item=item.body)
        if item.body.get("status") != "in_progress":
            self.emit("conversation.item.done", previous_item_id=before, item=item.body)

    def emit(self, type: str, **fields: Any) -> None:
        """Send a server event, given in the GA spelling, in the dialect's spelling."""
        event: dict[str, Any] = {"type": type, "event_id": new_id("event"), **fields}
        if self.is_flat:
            flat = flat_event(event)
            if flat is None:
                return
            event = flat
        elif type.endswith(TEXT_DELTAS):
            event.setdefault("obfuscation", obfuscation(fields["delta"]))
        # Serialize now: the objects in the event may change before it is sent.
        self._outbox(json.dumps(event))

    def emit_raw(self, text: str) -> None:
        """Send ``text`` as it is, for faults that break the protocol."""
        self._outbox(text)

    @property
    def is_reasoning_model(self) -> bool:
        """Whether the model reasons. The name of an Azure deployment is read as a model name."""
        return not self.is_flat and bool(REASONING_MODEL.match(self.model))

    def fault(self, name: str) -> Fault | None:
        return self.faults.get(name)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run ``work`` as a task that ``close`` cancels."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()
