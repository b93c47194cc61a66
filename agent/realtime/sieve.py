"""What of a service's events the engine can bear. Pure; in GA.

The engine ends its connection over an audio delta without audio, and waits for ever for the rest
of a response that was announced twice (upstream 1.8.9). Services have sent both.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from agent.realtime.conversation import as_object
from agent.realtime.dialects import Event

RECENT = 64
"""Events by whose ids one that comes again is known."""

_DELTAS = frozenset(
    {
        "response.output_audio.delta",
        "response.output_audio_transcript.delta",
        "response.output_text.delta",
    }
)
_OF_ITEMS = frozenset(
    {
        *_DELTAS,
        "response.content_part.added",
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.input_audio_transcription.completed",
        "conversation.item.input_audio_transcription.failed",
        "conversation.item.deleted",
        "input_audio_buffer.speech_started",
    }
)
_WITH_ITEMS = frozenset(
    {"response.output_item.added", "response.output_item.done", "conversation.item.added"}
)


class Sieve:
    """One connection's."""

    def __init__(self) -> None:
        self._recent: deque[str] = deque(maxlen=RECENT)
        self._open: dict[str, set[str]] = {}
        """Responses that the engine was told have begun, and their items."""
        self._response: str | None = None
        """The one of them in the conversation."""
        self._doubled = False
        """The response's events come twice."""
        self._last: Event = {}

    @property
    def response(self) -> str | None:
        """The response in the conversation that the engine takes to be coming."""
        return self._response

    def lets_through(self, event: Event) -> bool:
        """Whether the engine may have ``event``."""
        return self._well_formed(event) and not self._again(event) and self._in_place(event)

    def _well_formed(self, event: Event) -> bool:
        kind = event.get("type")
        if not isinstance(kind, str):
            return False
        if kind in _DELTAS and not isinstance(event.get("delta"), str):
            return False
        if kind in _OF_ITEMS and not isinstance(event.get("item_id"), str):
            return False
        if kind in _WITH_ITEMS:
            item = as_object(event.get("item"))
            return isinstance(item.get("id"), str) and isinstance(item.get("type"), str)
        if kind in ("response.created", "response.done"):
            return isinstance(as_object(event.get("response")).get("id"), str)
        if kind == "response.content_part.added":
            return isinstance(as_object(event.get("part")).get("type"), str)
        return kind != "error" or isinstance(event.get("error"), dict)

    def _again(self, event: Event) -> bool:
        event_id = event.get("event_id")
        if isinstance(event_id, str):
            if event_id in self._recent:
                return True
            self._recent.append(event_id)
        if not self._doubled:
            return False
        said = {key: value for key, value in event.items() if key != "event_id"}
        if said == self._last:
            self._last = {}
            return True
        self._last = said
        return False

    def _in_place(self, event: Event) -> bool:
        kind, item_id = str(event["type"]), event.get("item_id")
        if kind == "response.created":
            return self._begin(event["response"])
        if kind == "response.output_item.added":
            return self._add(event)
        if kind == "response.done":
            self._end(event["response"]["id"])
            return True
        if kind.startswith("response.") and not self._open:
            return False
        if kind in _DELTAS or kind == "response.content_part.added":
            return self._knows(item_id)
        return kind != "response.output_item.done" or self._knows(event["item"]["id"])

    def _knows(self, item_id: Any) -> bool:
        return any(item_id in items for items in self._open.values())

    def _begin(self, response: Any) -> bool:
        if response["id"] in self._open:
            self._doubled = True
            return False
        if response.get("conversation_id", "") is not None:
            if self._response is not None:
                self._end(self._response)
            self._response = response["id"]
        self._open[response["id"]] = set()
        return True

    def _add(self, event: Event) -> bool:
        item_id = event["item"]["id"]
        items = self._open.get(str(event.get("response_id", self._response)))
        if items is None or item_id in items:
            self._doubled = items is not None
            return False
        items.add(item_id)
        return True

    def _end(self, response_id: str) -> None:
        self._open.pop(response_id, None)
        if response_id == self._response:
            self._response, self._doubled = None, False
