"""One owner of ``response.create``: a second one waits for the first to end. Pure.

With server VAD the service begins responses by itself, and may do so while a ``response.create``
is on its way. That one is then refused through no fault of its own; the refusal is kept from the
engine and the request sent once more when the way is free.
"""

from __future__ import annotations

from collections import deque

from agent.realtime.protocol.dialects import Event
from agent.realtime.state.connection_state import UNKNOWN, ConnectionState, is_out_of_band

_BUSY = "conversation_already_has_active_response"
_NOTHING_TO_CANCEL = "response_cancel_not_active"


class ResponseQueue:
    def __init__(self, conversation: ConnectionState) -> None:
        self._conversation = conversation
        self._waiting: deque[Event] = deque()
        self._retried: set[str] = set()
        """Ids of requests that the service has refused once because of its own response."""

    def admit(self, event: Event) -> bool:
        """Whether ``event`` may leave now. One that may not is kept: ``next`` gives it later."""
        if event.get("type") != "response.create" or is_out_of_band(event):
            return True
        if self._conversation.is_response_pending or self._waiting:
            self._waiting.append(event)
            return False
        return True

    @property
    def waiting(self) -> list[Event]:
        """Requests that have not left."""
        return list(self._waiting)

    def next(self) -> Event | None:
        """The request whose turn it is, if any."""
        if self._conversation.is_response_pending or not self._waiting:
            return None
        return self._waiting.popleft()

    def release_stalled(self) -> None:
        """Whatever the way waits for has long been silent: it is taken to be free. If it is not,
        the service says so, and the request is sent again after all."""
        self._conversation.active_response = self._conversation.unconfirmed_request = None

    def is_lost_race(self, event: Event) -> bool:
        """Whether ``event``, from the service and not yet told to the conversation, is the loss
        of a race and nobody else's business."""
        if event.get("type") != "error" or not isinstance(event.get("error"), dict):
            return False
        error = event["error"]
        if error.get("code") == _NOTHING_TO_CANCEL:
            return True
        lost = self._conversation.unconfirmed_request
        if error.get("code") != _BUSY or lost is None:
            return False
        if (
            error.get("event_id") not in (None, lost["event_id"])
            or lost["event_id"] in self._retried
        ):
            return False
        self._retried.add(lost["event_id"])
        self._waiting.appendleft(lost)
        self._conversation.unconfirmed_request = None
        if self._conversation.active_response is None:
            self._conversation.active_response = UNKNOWN
        return True
