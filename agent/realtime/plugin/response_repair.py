"""Complete what a service leaves out of an answer, as far as its meaning is plain. Pure; in GA.

The plugin plays an item only after ``response.created`` and ``response.output_item.added`` have
announced it, and takes a response for the one it asked for by its metadata (upstream 1.8.9).
Services have sent audio without, before and after these, and responses without metadata.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from typing import Any

from agent.realtime.protocol.dialects import Event
from agent.realtime.state.connection_state import as_object
from agent.realtime.state.response_tracker import ResponseTracker

MAX_REMEMBERED = 256
"""Responses that have ended, and calls of tools, by which those that come again are known."""

_DELTAS = frozenset(
    {
        "response.output_audio.delta",
        "response.output_audio_transcript.delta",
        "response.output_text.delta",
    }
)
_ANNOUNCEMENTS = frozenset({"response.output_item.added", "response.content_part.added"})
_OUTPUT = _DELTAS | _ANNOUNCEMENTS | {"response.output_item.done"}


class ResponseRepair:
    """The state of one call, over all its connections."""

    def __init__(self, unanswered_calls: set[str]) -> None:
        """``unanswered_calls`` are the ids of tool calls without an answer, updated here. Once a
        call is answered, another item may have its id: some services have one id for all calls,
        or begin again with each response."""
        self._responses = ResponseTracker()
        """As the service has sent them, and as they are announced here."""
        self._added: str | None = None
        """That one, where the service has not announced it itself."""
        self._has_output: set[str] = set()
        """Open responses of which something can be played or executed."""
        self._ended: OrderedDict[str, bool] = OrderedDict()
        """Responses that have ended; whether their output may still come."""
        self._calls: OrderedDict[tuple[str, Any], None] = OrderedDict()
        """Calls of tools on this connection, by their ids and those of their items."""
        self._unanswered = unanswered_calls
        self._numbers = itertools.count(1)
        self.dropped = ""
        """Why nothing was made of the last event; empty where it was no loss."""

    @property
    def is_to_be_ended(self) -> bool:
        """Whether a response was announced here, so that its end may have to be, too."""
        return self._added is not None

    def complete(self, event: Event, *, request: Event | None, is_owed: bool) -> list[Event]:
        """``event`` as the plugin can take it, after what has to come before it; nothing where
        it holds nothing, or must not be taken twice.

        ``request`` is the ``response.create`` that has left and was not answered; ``is_owed``:
        the service is about to begin a response of its own.
        """
        self.dropped = ""
        match str(event.get("type")):
            case "response.created":
                return self._on_created(event, None if is_owed else request)
            case "response.done":
                return self._on_done(event)
            case "input_audio_buffer.speech_started":
                has_id = isinstance(event.get("item_id"), str)
                return [event if has_id else {**event, "item_id": ""}]
            case kind if kind in _DELTAS and event.get("delta") == "":
                return []
            case kind if kind in _OUTPUT:
                return self._on_output(event, None if is_owed else request)
            case _:
                return [event]

    def end(self) -> list[Event]:
        """The end of the response that was announced here, of which nothing comes any more."""
        if self._added is None:
            return []
        response_id = self._added
        self._end(response_id, may_continue=True)
        return [_done(response_id)]

    def forget(self) -> None:
        """The connection is gone, and its responses with it."""
        self._responses = ResponseTracker()
        self._has_output.clear()
        self._added = None
        self._calls.clear()
        self._unanswered.clear()

    def _on_created(self, event: Event, request: Event | None) -> list[Event]:
        response = as_object(event.get("response"))
        response_id = response.get("id")
        if not isinstance(response_id, str):
            return [event]
        if response_id == self._added:
            self._added = None
            return []
        if response.get("conversation_id", "") is None:
            self._begin(response_id, aside=True)
            return [event]
        before = self.end()
        self._begin(response_id)
        asked = _metadata(request)
        if asked and not response.get("metadata"):
            event = {**event, "response": {**response, "metadata": asked}}
        return [*before, event]

    def _begin(self, response_id: str, *, aside: bool = False) -> None:
        if response_id in self._responses.open:
            return
        self._ended.pop(response_id, None)
        if not aside and self._responses.active is not None:
            self._end(self._responses.active, may_continue=False)
        self._responses.begin(response_id, out_of_band=aside)

    def _on_done(self, event: Event) -> list[Event]:
        response = as_object(event.get("response"))
        known = self._is_known(response.get("id"))
        if "status" in response and not known and self._responses.active is not None:
            response = {**response, "id": self._responses.active}
            event = {**event, "response": response}
        response_id = response.get("id")
        if isinstance(response_id, str) and response_id in self._responses.open:
            complete = response.get("status", "completed") == "completed"
            self._end(response_id, complete and response_id not in self._has_output)
        return [event]

    def _is_known(self, response_id: Any) -> bool:
        return isinstance(response_id, str) and (
            response_id in self._responses.open or response_id in self._ended
        )

    def _end(self, response_id: str, may_continue: bool) -> None:
        self._responses.end(response_id)
        self._has_output.discard(response_id)
        self._ended[response_id] = may_continue
        while len(self._ended) > MAX_REMEMBERED:
            self._ended.popitem(last=False)
        if response_id == self._added:
            self._added = None

    def _on_output(self, event: Event, request: Event | None) -> list[Event]:
        if not _is_usable(event):
            return [event]
        item = as_object(event.get("item"))
        is_call = item.get("type") == "function_call"
        if (
            is_call
            and event["type"] == "response.output_item.done"
            and not self._is_new_call(item.get("call_id"), item["id"])
        ):
            return []
        before = self._announce_response(event, request)
        response_id = self._response_of(event)
        if response_id is None:
            return [event]
        event, announced = self._announce_item(event, item, response_id)
        if event["type"] not in _ANNOUNCEMENTS:
            self._has_output.add(response_id)
        return [*before, *announced, event]

    def _is_new_call(self, call_id: Any, item_id: str) -> bool:
        if not isinstance(call_id, str) or not call_id:
            self.dropped = "malformed"
        elif call_id in self._unanswered or (call_id, item_id) in self._calls:
            self.dropped = "repeated_call"
        else:
            self._unanswered.add(call_id)
            self._calls[call_id, item_id] = None
            while len(self._calls) > MAX_REMEMBERED:
                (oldest, _), _ = self._calls.popitem(last=False)
                self._unanswered.discard(oldest)
        return not self.dropped

    def _announce_response(self, event: Event, request: Event | None) -> list[Event]:
        """``response.created`` for ``event``, where none is open that it can belong to. Only
        what can be played or executed is worth one."""
        response_id = event.get("response_id")
        is_known = self._is_known(response_id)
        if event["type"] not in _DELTAS and not _is_function_call(event):
            return []
        if self._responses.active is not None and (
            self._responses.active != self._added or is_known or not isinstance(response_id, str)
        ):
            return []
        if not isinstance(response_id, str):
            last = next(reversed(self._ended), None)
            if last is None or (not self._ended[last] and request is not None):
                response_id = f"response_{next(self._numbers)}"
            else:
                response_id = last
        if response_id in self._responses.open or self._ended.get(response_id) is False:
            return []
        before = self.end()
        response: Event = {"id": response_id, "object": "realtime.response", "output": []}
        response |= {"status": "in_progress", "metadata": _metadata(request) or None}
        self._begin(response_id)
        self._added = response_id
        return [*before, {"type": "response.created", "response": response}]

    def _response_of(self, event: Event) -> str | None:
        """The open response that ``event`` belongs to."""
        response_id = event.get("response_id")
        if isinstance(response_id, str) and self._is_known(response_id):
            return response_id if response_id in self._responses.open else None
        current = self._responses.active
        if current is None or not isinstance(response_id, str):
            return current
        # An id that was never announced: of this one, if nothing else of it has come.
        items = self._responses.open[current]
        return current if not items or _item_id(event) in items else None

    def _announce_item(
        self, event: Event, item: Event, response_id: str
    ) -> tuple[Event, list[Event]]:
        items = self._responses.open[response_id]
        item_id = _item_id(event)
        if item_id is None:
            item_id = items[-1] if items else f"item_of_{response_id}"
            event = {**event, "item_id": item_id}
        if event.get("response_id") != response_id:
            event = {**event, "response_id": response_id}
        if item_id in items:
            return event, []
        self._responses.add_item(response_id, item_id)
        if event["type"] == "response.output_item.added":
            return event, []
        new = item or {"type": "message", "role": "assistant"}
        new = {**new, "id": item_id, "status": "in_progress"}
        if new["type"] == "message":
            new["content"] = []
        announced: Event = {"type": "response.output_item.added", "item": new}
        return event, [{**announced, "response_id": response_id, "output_index": len(items) - 1}]


def _item_id(event: Event) -> str | None:
    item_id = as_object(event.get("item")).get("id") if "item" in event else event.get("item_id")
    return item_id if isinstance(item_id, str) else None


def _is_usable(event: Event) -> bool:
    """Whether ``event`` has what it is about."""
    if event["type"] in _DELTAS:
        return isinstance(event.get("delta"), str)
    if event["type"] == "response.content_part.added":
        return isinstance(as_object(event.get("part")).get("type"), str)
    item = as_object(event.get("item"))
    return isinstance(item.get("id"), str) and isinstance(item.get("type"), str)


def _is_function_call(event: Event) -> bool:
    return bool(as_object(event.get("item")).get("type") == "function_call")


def _metadata(request: Event | None) -> Any:
    return as_object(as_object((request or {}).get("response")).get("metadata"))


def _done(response_id: str) -> Event:
    response = {"id": response_id, "object": "realtime.response", "status": "completed"}
    return {"type": "response.done", "response": {**response, "output": []}}
