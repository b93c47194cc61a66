"""What has been said on a connection, as far as rules depend on it. Pure; in GA spelling.

It is told of every event that leaves and of every one that comes, and knows which response is
in flight, how much audio waits uncommitted, which items there are and how much of each came.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agent.realtime.protocol.audio import BYTES_PER_MS, PCM, decoded_bytes
from agent.realtime.protocol.dialects import Event
from agent.realtime.state.refusals import refused_update

UNKNOWN = "?"
"""A response that must be in flight, whose id was never told."""


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
        self.active_response: str | None = None
        """The response in flight in the default conversation."""
        self.unconfirmed_request: Event | None = None
        """The ``response.create`` that left and has not been answered."""
        self.out_of_band_responses: set[str] = set()
        """Responses in flight outside the default conversation."""
        self._has_spoken = False
        self._out_of_band_requests: list[str] = []
        """Ids of events that asked for a response outside, not answered yet."""
        self.is_cancelled = False
        """The response in flight, or the one just asked for, has been told to end."""
        self.model: str | None = None
        self._sent_ms = 0.0
        self.uncommitted_ms = 0.0
        """Of the caller's audio, since the last commit."""
        self._updates: dict[str, dict[str, Any]] = {}
        self._unconfirmed_items: dict[str, str] = {}
        """Ids of items on their way, by the ids of the events that carry them."""
        self._input_bytes_per_ms = self._output_bytes_per_ms = BYTES_PER_MS[PCM]

    @property
    def is_response_pending(self) -> bool:
        """A ``response.create`` would be refused now, or may be."""
        return self.active_response is not None or self.unconfirmed_request is not None

    def is_open_response(self, response_id: Any) -> bool:
        """Whether the response is in flight, in the default conversation or outside."""
        return isinstance(response_id, str) and (
            response_id == self.active_response or response_id in self.out_of_band_responses
        )

    @property
    def is_voice_locked(self) -> bool:
        """Audio of the assistant has come, or is on its way."""
        return (
            self._has_spoken
            or self.is_response_pending
            or bool(self.out_of_band_responses or self._out_of_band_requests)
        )

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
                if is_out_of_band(event):
                    self._out_of_band_requests.append(event["event_id"])
                else:
                    self.unconfirmed_request, self.is_cancelled = event, False
            case "response.cancel":
                if event.get("response_id") in (None, self.active_response):
                    self.is_cancelled = True
                self.out_of_band_responses.discard(str(event.get("response_id")))
            case "session.update":
                self._updates[event["event_id"]] = event["session"]
                audio = event["session"].get("audio") or {}
                self._input_bytes_per_ms = _rate(audio, "input", self._input_bytes_per_ms)

    def on_audio_sent(self, size: int) -> None:
        """An append with ``size`` bytes of audio has left."""
        self._sent_ms += size / self._input_bytes_per_ms
        self.uncommitted_ms += size / self._input_bytes_per_ms

    # What comes.

    def on_server_event(self, event: Event) -> None:
        """``event`` has come from the service. Nothing in it is taken for granted."""
        match event.get("type"):
            case "response.output_audio.delta":
                self._on_audio_delta(event)
            case "response.created":
                self._on_response_created(as_object(event.get("response")))
            case "response.done":
                self._on_response_done(as_object(event.get("response")).get("id"))
            case "conversation.item.added" | "conversation.item.done":
                self._add(as_object(event.get("item")))
                self._confirm_item(as_object(event.get("item")).get("id"))
            case "response.output_item.added" | "response.output_item.done":
                if not self._is_out_of_band(event.get("response_id")):
                    self._add(as_object(event.get("item")))
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
                asked = self._updates.pop(next(iter(self._updates), ""), {})
                self.session = {**self.session, **asked, **as_object(event.get("session"))}
            case "error":
                self._on_error(as_object(event.get("error")))

    def pending_update(self) -> dict[str, Any] | None:
        """The oldest update that has not been answered."""
        return next(iter(self._updates.values()), None)

    def pending_value(self, key: str) -> Any:
        """What the session's ``key`` will be once all that has left is accepted."""
        states = (self.session, *self._updates.values())
        return next((state[key] for state in reversed(states) if key in state), None)

    def pending_voice(self) -> Any:
        for state in reversed(self._updates.values()):
            voice = voice_of(state)
            if voice is not None:
                return voice
        return voice_of(self.session)

    def _on_audio_delta(self, event: Event) -> None:
        self._has_spoken = True
        if self._is_out_of_band(event.get("response_id")):
            return  # what is said aside is no item of the conversation
        item = self.items.setdefault(str(event.get("item_id")), ItemState())
        delta = event.get("delta")
        if isinstance(event.get("content_index"), int):
            item.audio_part = event["content_index"]
        if isinstance(delta, str) and not item.truncated:
            item.audio_ms += decoded_bytes(delta) / self._output_bytes_per_ms

    def _on_response_created(self, response: dict[str, Any]) -> None:
        response_id = str(response.get("id"))
        if response.get("conversation_id", "") is None:
            self.out_of_band_responses.add(response_id)
            del self._out_of_band_requests[:1]
            return
        self.active_response = response_id
        if self.unconfirmed_request is not None and response_matches_request(
            self.unconfirmed_request, response
        ):
            self.unconfirmed_request = None

    def _is_out_of_band(self, response_id: Any) -> bool:
        return isinstance(response_id, str) and response_id in self.out_of_band_responses

    def _on_response_done(self, response_id: Any) -> None:
        if self._is_out_of_band(response_id):
            self.out_of_band_responses.discard(response_id)
        elif self.active_response in (response_id, UNKNOWN):
            self.active_response, self.is_cancelled = None, False

    def _on_error(self, error: dict[str, Any]) -> None:
        if (refused := refused_update(error, self._updates)) is not None:
            del self._updates[refused]
        event_id = error.get("event_id")
        if not isinstance(event_id, str):
            return
        if event_id in self._out_of_band_requests:
            self._out_of_band_requests.remove(event_id)
        if item_id := self._unconfirmed_items.pop(event_id, None):
            self.items.pop(item_id, None)
        if (
            self.unconfirmed_request is not None
            and self.unconfirmed_request.get("event_id") == event_id
        ):
            self.unconfirmed_request = None

    def _on_session(self, session: dict[str, Any]) -> None:
        if isinstance(session.get("model"), str):
            self.model = session["model"]
        audio = as_object(session.get("audio"))
        self._input_bytes_per_ms = _rate(audio, "input", self._input_bytes_per_ms)
        self._output_bytes_per_ms = _rate(audio, "output", self._output_bytes_per_ms)

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


def is_out_of_band(event: Event) -> bool:
    """Whether a ``response.create`` stays out of the default conversation."""
    return as_object(event.get("response")).get("conversation") == "none"


def response_matches_request(create: Event, response: dict[str, Any]) -> bool:
    """Whether ``response`` is the one that ``create`` asked for, as far as can be told: the
    service may have begun another by itself."""
    asked = as_object(create.get("response")).get("metadata")
    return not asked or response.get("metadata") == asked


def voice_of(settings: dict[str, Any]) -> Any:
    return as_object(as_object(settings.get("audio")).get("output")).get("voice")


def _rate(audio: dict[str, Any], side: str, otherwise: int) -> int:
    kind = as_object(as_object(audio.get(side)).get("format")).get("type")
    return BYTES_PER_MS.get(kind, otherwise) if isinstance(kind, str) else otherwise


def as_object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
