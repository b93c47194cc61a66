"""Queue each ``response.create`` until the response before it has ended. Pure.

With server VAD the service begins responses by itself, and may do so while a ``response.create``
is on its way. That one is then refused through no fault of its own: the plugin does not get the
refusal, and the request is sent once more when the service's response has ended.
"""

from __future__ import annotations

from collections import deque

from agent.realtime.protocol.dialects import Event
from agent.realtime.state.response_tracker import ResponseTracker, is_in_band_request

_BUSY = "conversation_already_has_active_response"
_NOTHING_TO_CANCEL = "response_cancel_not_active"


class ResponseQueue:
    """The requests of one connection, in order."""

    def __init__(self, responses: ResponseTracker) -> None:
        self._responses = responses
        self._waiting: deque[Event] = deque()
        self._retried: set[str] = set()
        """Ids of requests that the service has refused once because of its own response."""

    def admit(self, event: Event) -> bool:
        """Whether ``event`` may leave now. One that may not is kept: ``next`` gives it later."""
        if not is_in_band_request(event):
            return True
        if self._responses.is_pending or self._waiting:
            self._waiting.append(event)
            return False
        return True

    @property
    def waiting(self) -> list[Event]:
        """Requests that have not left."""
        return list(self._waiting)

    def next(self) -> Event | None:
        """The request whose turn it is, if any."""
        if self._responses.is_pending or not self._waiting:
            return None
        return self._waiting.popleft()

    def release_stalled(self) -> None:
        """Let the next request leave, because nothing has come for a long time of the response
        that it waits for. If that is in flight still, the service refuses the request, and it
        waits again."""
        self._responses.on_stall()

    def is_lost_race(self, event: Event) -> bool:
        """Whether ``event``, which the tracker has not got yet, refuses a request because of the
        service's own response, or a cancel because there is no response left. Queues the request
        again."""
        if event.get("type") != "error" or not isinstance(event.get("error"), dict):
            return False
        error = event["error"]
        if error.get("code") == _NOTHING_TO_CANCEL:
            return True
        lost = self._responses.unconfirmed_request
        if error.get("code") != _BUSY or lost is None:
            return False
        if (
            error.get("event_id") not in (None, lost["event_id"])
            or lost["event_id"] in self._retried
        ):
            return False
        self._retried.add(lost["event_id"])
        self._waiting.appendleft(lost)
        self._responses.on_lost_race()
        return True
