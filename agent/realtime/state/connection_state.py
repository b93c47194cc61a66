"""What has been said on a connection, as far as rules depend on it. Pure; in GA spelling.

It gets every event that leaves and every one that comes, and knows which response is in flight,
how much audio waits uncommitted, which items there are and how much of each came.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Any

from agent.realtime.protocol.audio import PLUGIN_FORMAT, decoded_bytes, format_of
from agent.realtime.protocol.dialects import Event
from agent.realtime.protocol.session_merge import merge_session
from agent.realtime.state.pending_updates import PendingUpdates
from agent.realtime.state.response_tracker import ResponseTracker


@dataclass(slots=True)
class ItemState:
    """An item of the conversation."""

    call_id: str | None = None
    """Of a function call."""
    audio_ms: float = 0.0
    """The agent's audio that came for it, or what a truncation left of that."""
    audio_part: int = 0
    """Which part of its content the audio is."""
    truncated: bool = False


class ConnectionState:
    """The state of one connection."""

    def __init__(self) -> None:
        self.session: dict[str, Any] = {}
        """As the service last described it; empty until an update has been accepted."""
        self.items: dict[str, ItemState] = {}
        self.responses = ResponseTracker()
        self._has_audio = False
        """Audio of the assistant has come."""
        self.model: str | None = None
        self._sent_ms = 0.0
        self.uncommitted_ms = 0.0
        """Of the caller's audio, since the last commit."""
        self.pending_updates = PendingUpdates()
        self._unconfirmed_items: dict[str, str] = {}
        """Ids of items on their way, by the ids of the events that carry them."""
        self._input_format = self._output_format = PLUGIN_FORMAT

    @property
    def is_voice_locked(self) -> bool:
        """Audio of the assistant has come, or is on its way."""
        return self._has_audio or self.responses.is_audio_possible

    # What leaves.

    def on_client_event(self, event: Event) -> None:
        """``event`` has left."""
        match event["type"]:
            case "input_audio_buffer.append":
                self.on_audio_sent(decoded_bytes(event["audio"]))
            case "input_audio_buffer.commit" | "input_audio_buffer.clear":
                self.uncommitted_ms = 0.0
            case "conversation.item.create":
                self._add(event["item"])
                if "id" in event["item"]:
                    self._unconfirmed_items[event["event_id"]] = event["item"]["id"]
            case "conversation.item.delete":
                self.items.pop(event["item_id"], None)
            case "conversation.item.truncate":
                item = self.items[event["item_id"]]
                item.audio_ms, item.truncated = event["audio_end_ms"], True
            case "response.create":
                self.responses.on_request(event)
            case "response.cancel":
                self.responses.on_cancel(event.get("response_id"))
            case "session.update":
                self.pending_updates.add(event)
                self._input_format = format_of(event["session"], "input", self._input_format)

    def on_audio_sent(self, size: int) -> None:
        """An append with ``size`` bytes of audio has left."""
        duration_ms = self._input_format.duration_ms(size)
        self._sent_ms += duration_ms
        self.uncommitted_ms += duration_ms

    # What comes.

    def on_server_event(self, event: Event) -> None:
        """``event`` has come from the service. Nothing in it is taken for granted."""
        match event.get("type"):
            case "response.output_audio.delta":
                self._on_audio_delta(event)
            case "response.created":
                self.responses.on_created(as_object(event.get("response")))
            case "response.done":
                self.responses.on_done(as_object(event.get("response")).get("id"))
            case "conversation.item.added" | "conversation.item.done":
                self._add(as_object(event.get("item")))
                self._confirm_item(as_object(event.get("item")).get("id"))
            case "response.output_item.added" | "response.output_item.done":
                self._on_output_item(event.get("response_id"), as_object(event.get("item")))
            case "conversation.item.deleted":
                self.items.pop(str(event.get("item_id")), None)
            case "input_audio_buffer.committed":
                item_id = event.get("item_id")
                if isinstance(item_id, str):
                    self.items.setdefault(item_id, ItemState())
            case "input_audio_buffer.speech_started":
                self._discard_audio_before(event.get("audio_start_ms"))
            case "input_audio_buffer.speech_stopped":
                self._discard_audio_before(event.get("audio_end_ms"))
            case "session.created":
                self._on_session(as_object(event.get("session")))
            case "session.updated":
                self._on_session(as_object(event.get("session")))
                # What the service says nothing of is as it was asked to be.
                asked = self.pending_updates.confirm_oldest() or {}
                got = as_object(event.get("session"))
                self.session = reduce(merge_session, (asked, got), self.session)
            case "error":
                self._on_error(as_object(event.get("error")))

    def pending_value(self, key: str) -> Any:
        """What the session's ``key`` will be once all that has left is accepted."""
        states = (self.session, *self.pending_updates)
        return next((state[key] for state in reversed(states) if key in state), None)

    def pending_voice(self) -> Any:
        for state in reversed(list(self.pending_updates)):
            voice = voice_of(state)
            if voice is not None:
                return voice
        return voice_of(self.session)

    def _on_audio_delta(self, event: Event) -> None:
        self._has_audio = True
        if self.responses.is_out_of_band(event.get("response_id")):
            return  # what is said aside is no item of the conversation
        item = self.items.setdefault(str(event.get("item_id")), ItemState())
        delta = event.get("delta")
        if isinstance(event.get("content_index"), int):
            item.audio_part = event["content_index"]
        if isinstance(delta, str) and not item.truncated:
            item.audio_ms += self._output_format.duration_ms(decoded_bytes(delta))

    def _on_output_item(self, response_id: Any, item: dict[str, Any]) -> None:
        if isinstance(item.get("id"), str):
            self.responses.add_item(response_id, item["id"])
        if not self.responses.is_out_of_band(response_id):
            self._add(item)

    def _on_error(self, error: dict[str, Any]) -> None:
        self.pending_updates.refuse(error)
        event_id = error.get("event_id")
        if not isinstance(event_id, str):
            return
        self.responses.on_refusal(event_id)
        if item_id := self._unconfirmed_items.pop(event_id, None):
            self.items.pop(item_id, None)

    def _on_session(self, session: dict[str, Any]) -> None:
        if isinstance(session.get("model"), str):
            self.model = session["model"]
        self._input_format = format_of(session, "input", self._input_format)
        self._output_format = format_of(session, "output", self._output_format)

    def _discard_audio_before(self, at_ms: Any) -> None:
        """The service keeps the audio from ``at_ms`` of the connection on."""
        if isinstance(at_ms, int | float):
            self.uncommitted_ms = min(self.uncommitted_ms, max(0.0, self._sent_ms - at_ms))

    def _add(self, item: dict[str, Any]) -> None:
        if isinstance(item.get("id"), str):
            known = self.items.setdefault(item["id"], ItemState())
            if item.get("type") == "function_call" and isinstance(item.get("call_id"), str):
                known.call_id = item["call_id"]

    def _confirm_item(self, item_id: Any) -> None:
        self._unconfirmed_items = {
            event_id: coming
            for event_id, coming in self._unconfirmed_items.items()
            if coming != item_id
        }


def voice_of(settings: dict[str, Any]) -> Any:
    return as_object(as_object(settings.get("audio")).get("output")).get("voice")


def as_object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
