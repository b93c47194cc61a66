"""What has been said on a connection, as far as rules depend on it. Pure; in GA spelling.

It is told of every event that leaves and of every one that comes, and knows which response is
in flight, how much audio waits uncommitted, which items there are and how much of each came.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agent.realtime.dialects import Event
from agent.realtime.refusals import refused_update
from agent.realtime.sound import BYTES_PER_MS, PCM, decoded_bytes

UNKNOWN = "?"
"""A response that must be in flight, whose id was never told."""


@dataclass(slots=True)
class Item:
    """An item of the conversation."""

    call_id: str | None = None
    """Of a function call."""
    audio_ms: float = 0.0
    """The agent's audio that came for it, or what a truncation left of that."""
    audio_part: int = 0
    """Which part of its content the audio is."""
    truncated: bool = False


class Conversation:
    """The state of one connection."""

    def __init__(self) -> None:
        self.session: dict[str, Any] = {}
        """As the service last described it; empty until an update has been accepted."""
        self.items: dict[str, Item] = {}
        self.active: str | None = None
        """The response in flight in the default conversation."""
        self.unconfirmed: Event | None = None
        """The ``response.create`` that left and has not been answered."""
        self.aside: set[str] = set()
        """Responses in flight outside the default conversation."""
        self._has_spoken = False
        self._asides_asked: list[str] = []
        """Ids of events that asked for a response outside, not answered yet."""
        self.cancelled = False
        """The response in flight, or the one just asked for, has been told to end."""
        self.model: str | None = None
        self._sent_ms = 0.0
        self.uncommitted_ms = 0.0
        """Of the caller's audio, since the last commit."""
        self._updates: dict[str, dict[str, Any]] = {}
        self._creating: dict[str, str] = {}
        """Ids of items on their way, by the ids of the events that carry them."""
        self._input_bytes_per_ms = self._output_bytes_per_ms = BYTES_PER_MS[PCM]

    @property
    def busy(self) -> bool:
        """A ``response.create`` would be refused now, or may be."""
        return self.active is not None or self.unconfirmed is not None

    @property
    def voice_is_settled(self) -> bool:
        """Audio of the assistant has come, or is on its way."""
        return self._has_spoken or self.busy or bool(self.aside or self._asides_asked)

    # What leaves.

    def sent(self, event: Event) -> None:
        """``event`` has left."""
        match event["type"]:
            case "input_audio_buffer.append":
                self.audio_sent(decoded_bytes(event["audio"]))
            case "input_audio_buffer.commit" | "input_audio_buffer.clear":
                self.uncommitted_ms = 0.0
            case "conversation.item.create":
                self._add(event["item"])
                if "id" in event["item"]:
                    self._creating[event["event_id"]] = event["item"]["id"]
            case "conversation.item.delete":
                self.items.pop(event["item_id"], None)
            case "conversation.item.truncate":
                item = self.items[event["item_id"]]
                item.audio_ms, item.truncated = event["audio_end_ms"], True
            case "response.create":
                if is_aside(event):
                    self._asides_asked.append(event["event_id"])
                else:
                    self.unconfirmed, self.cancelled = event, False
            case "response.cancel":
                if event.get("response_id") in (None, self.active):
                    self.cancelled = True
                self.aside.discard(str(event.get("response_id")))
            case "session.update":
                self._updates[event["event_id"]] = event["session"]
                audio = event["session"].get("audio") or {}
                self._input_bytes_per_ms = _rate(audio, "input", self._input_bytes_per_ms)

    def audio_sent(self, size: int) -> None:
        """An append with ``size`` bytes of audio has left."""
        self._sent_ms += size / self._input_bytes_per_ms
        self.uncommitted_ms += size / self._input_bytes_per_ms

    # What comes.

    def received(self, event: Event) -> None:
        """``event`` has come from the service. Nothing in it is taken for granted."""
        match event.get("type"):
            case "response.output_audio.delta":
                self._heard(event)
            case "response.created":
                self._created(as_object(event.get("response")))
            case "response.done":
                self._done(as_object(event.get("response")).get("id"))
            case "conversation.item.added" | "conversation.item.done":
                self._add(as_object(event.get("item")))
                self._arrived(as_object(event.get("item")).get("id"))
            case "response.output_item.added" | "response.output_item.done":
                if not self._is_aside(event.get("response_id")):
                    self._add(as_object(event.get("item")))
            case "conversation.item.deleted":
                self.items.pop(str(event.get("item_id")), None)
            case "input_audio_buffer.committed":
                item_id = event.get("item_id")
                if isinstance(item_id, str):
                    self.items.setdefault(item_id, Item())
            case "input_audio_buffer.speech_started":
                self._forget_before(event.get("audio_start_ms"))
            case "input_audio_buffer.speech_stopped":
                self._forget_before(event.get("audio_end_ms"))
            case "session.created":
                self._described(as_object(event.get("session")))
            case "session.updated":
                self._described(as_object(event.get("session")))
                # What the service says nothing of is as it was asked to be.
                asked = self._updates.pop(next(iter(self._updates), ""), {})
                self.session = {**self.session, **asked, **as_object(event.get("session"))}
            case "error":
                self._refused(as_object(event.get("error")))

    def asked(self) -> dict[str, Any] | None:
        """The oldest update that has not been answered."""
        return next(iter(self._updates.values()), None)

    def coming(self, key: str) -> Any:
        """What the session's ``key`` will be once all that has left is accepted."""
        states = (self.session, *self._updates.values())
        return next((state[key] for state in reversed(states) if key in state), None)

    def coming_voice(self) -> Any:
        for state in reversed(self._updates.values()):
            voice = voice_of(state)
            if voice is not None:
                return voice
        return voice_of(self.session)

    def _heard(self, event: Event) -> None:
        self._has_spoken = True
        if self._is_aside(event.get("response_id")):
            return  # what is said aside is no item of the conversation
        item = self.items.setdefault(str(event.get("item_id")), Item())
        delta = event.get("delta")
        if isinstance(event.get("content_index"), int):
            item.audio_part = event["content_index"]
        if isinstance(delta, str) and not item.truncated:
            item.audio_ms += decoded_bytes(delta) / self._output_bytes_per_ms

    def _created(self, response: dict[str, Any]) -> None:
        response_id = str(response.get("id"))
        if response.get("conversation_id", "") is None:
            self.aside.add(response_id)
            del self._asides_asked[:1]
            return
        self.active = response_id
        if self.unconfirmed is not None and answers(self.unconfirmed, response):
            self.unconfirmed = None

    def _is_aside(self, response_id: Any) -> bool:
        return isinstance(response_id, str) and response_id in self.aside

    def _done(self, response_id: Any) -> None:
        if self._is_aside(response_id):
            self.aside.discard(response_id)
        elif self.active in (response_id, UNKNOWN):
            self.active, self.cancelled = None, False

    def _refused(self, error: dict[str, Any]) -> None:
        if (refused := refused_update(error, self._updates)) is not None:
            del self._updates[refused]
        event_id = error.get("event_id")
        if not isinstance(event_id, str):
            return
        if event_id in self._asides_asked:
            self._asides_asked.remove(event_id)
        if item_id := self._creating.pop(event_id, None):
            self.items.pop(item_id, None)
        if self.unconfirmed is not None and self.unconfirmed.get("event_id") == event_id:
            self.unconfirmed = None

    def _described(self, session: dict[str, Any]) -> None:
        if isinstance(session.get("model"), str):
            self.model = session["model"]
        audio = as_object(session.get("audio"))
        self._input_bytes_per_ms = _rate(audio, "input", self._input_bytes_per_ms)
        self._output_bytes_per_ms = _rate(audio, "output", self._output_bytes_per_ms)

    def _forget_before(self, at_ms: Any) -> None:
        """The service keeps the audio from ``at_ms`` of the connection on."""
        if isinstance(at_ms, int | float):
            self.uncommitted_ms = min(self.uncommitted_ms, max(0.0, self._sent_ms - at_ms))

    def _add(self, item: dict[str, Any]) -> None:
        if isinstance(item.get("id"), str):
            known = self.items.setdefault(item["id"], Item())
            if item.get("type") == "function_call" and isinstance(item.get("call_id"), str):
                known.call_id = item["call_id"]

    def _arrived(self, item_id: Any) -> None:
        self._creating = {
            event_id: coming for event_id, coming in self._creating.items() if coming != item_id
        }


def is_aside(event: Event) -> bool:
    """Whether a ``response.create`` stays out of the default conversation."""
    return as_object(event.get("response")).get("conversation") == "none"


def answers(create: Event, response: dict[str, Any]) -> bool:
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
