"""Drop the events that the plugin cannot handle. Pure; in GA.

The plugin ends its connection over an audio delta without audio, and waits for ever for the rest
of a response that was announced twice (upstream 1.8.9). Services have sent both.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from typing import Any

from agent.realtime.protocol.dialects import Event
from agent.realtime.state.connection_state import as_object
from agent.realtime.state.response_tracker import ResponseTracker

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


class EventFilter:
    """The filter of one call; what tells events that come twice is of one connection."""

    def __init__(self) -> None:
        self._recent: OrderedDict[str, int] = OrderedDict()
        """Hashes of the latest events by their ids."""
        self._has_unique_ids = True
        """No id has come with two different events. Services have sent the same with all."""
        self._responses = ResponseTracker()
        """As the plugin knows them."""
        self._doubled = False
        """The response's events come twice."""
        self._last: Event = {}
        self.reason = ""
        """Why the last event was not let through; empty where it was."""

    @property
    def response(self) -> str | None:
        """The response in the default conversation that is in flight for the plugin."""
        return self._responses.active

    def on_connection_lost(self) -> None:
        """Begin anew with event ids: another connection may number its events from 1."""
        self._recent.clear()
        self._has_unique_ids, self._doubled, self._last = True, False, {}

    def is_open(self, response_id: Any) -> bool:
        """Whether the plugin waits for the end of the response."""
        return isinstance(response_id, str) and response_id in self._responses.open

    def should_forward(self, event: Event, text: str | None = None) -> bool:
        """Whether the plugin may get ``event``; if not, ``reason`` says why. ``text`` is the event
        in JSON, if there is such a text already."""
        self.reason = ""
        if not self._is_well_formed(event):
            self.reason = "malformed"
        elif self._is_repeated(event, text):
            self.reason = "repeated"
        elif not self._is_in_order(event):
            self.reason = "out_of_place"
        return not self.reason

    def _is_well_formed(self, event: Event) -> bool:
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

    def _is_repeated(self, event: Event, text: str | None) -> bool:
        if self._is_known(event, text):
            return True
        if not self._doubled:
            return False
        said = {key: value for key, value in event.items() if key != "event_id"}
        if said == self._last:
            self._last = {}
            return True
        self._last = said
        return False

    def _is_known(self, event: Event, text: str | None) -> bool:
        """Whether the same event came a moment ago, as far as its id can tell."""
        event_id = event.get("event_id")
        if not isinstance(event_id, str) or not event_id or not self._has_unique_ids:
            return False
        fingerprint = _fingerprint(event, text)
        known = self._recent.get(event_id)
        if known == fingerprint:
            return True
        if known is not None:
            self._has_unique_ids = False
            self._recent.clear()
            return False
        self._recent[event_id] = fingerprint
        if len(self._recent) > RECENT:
            self._recent.popitem(last=False)
        return False

    def _is_in_order(self, event: Event) -> bool:
        kind, item_id = str(event["type"]), event.get("item_id")
        if kind == "response.created":
            return self._begin(event["response"])
        if kind == "response.output_item.added":
            return self._add(event)
        if kind == "response.done":
            # The plugin looks at no id: one that is late would end the next response.
            return self._end(event["response"]["id"])
        if kind.startswith("response.") and not self._responses.open:
            return False
        if kind in _DELTAS or kind == "response.content_part.added":
            return self._responses.has_item(item_id)
        if kind == "response.output_item.done":
            return self._responses.has_item(event["item"]["id"])
        return True

    def _begin(self, response: Any) -> bool:
        if response["id"] in self._responses.open:
            self._doubled = True
            return False
        is_out_of_band = response.get("conversation_id", "") is None
        if not is_out_of_band and self._responses.active is not None:
            self._doubled = False
        self._responses.begin(response["id"], out_of_band=is_out_of_band)
        return True

    def _add(self, event: Event) -> bool:
        response_id = str(event.get("response_id", self._responses.active))
        if self._responses.add_item(response_id, event["item"]["id"]):
            return True
        self._doubled = response_id in self._responses.open
        return False

    def _end(self, response_id: str) -> bool:
        if response_id == self._responses.active:
            self._doubled = False
        return self._responses.end(response_id)


def _fingerprint(event: Event, text: str | None) -> int:
    if event["type"] in _DELTAS:
        return hash((event["type"], event["item_id"], event["delta"]))
    return hash(json.dumps(event) if text is None else text)
