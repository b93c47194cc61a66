"""Which responses are requested, in flight and cancelled. Pure; in GA.

``ConnectionState`` has the tracker of what is sent and received on its connection.
``ResponseRepair`` and ``EventFilter`` see a response at other points, before events are repaired
and after they are filtered, and each has a tracker of its own for that point.
"""

from __future__ import annotations

from typing import Any

from agent.realtime.protocol.dialects import Event

UNKNOWN = "?"
"""A response that must be in flight, whose id the service has not sent."""
MAX_OPEN = 64
"""Responses that may have begun and not ended; with more, the oldest is forgotten."""


class ResponseTracker:
    """The responses at one point of one connection."""

    def __init__(self) -> None:
        self.active: str | None = None
        """The response in flight in the default conversation: its id, or ``UNKNOWN``."""
        self.open: dict[str, list[str]] = {}
        """Ids of the items of each response in flight whose id is known, the oldest first."""
        self.request: Event | None = None
        """The ``response.create`` that asked for the active response; ``None``: the service began
        it unasked."""
        self.unconfirmed_request: Event | None = None
        """The ``response.create`` for the default conversation that left and is not answered."""
        self.is_owed = False
        """The service has committed a turn, and will begin a response unasked."""
        self.is_cancelled = False
        """The active response, or the one just requested, has been cancelled."""
        self._is_stalled = False
        """Nothing has come of the active response for so long that it delays no other."""
        self._out_of_band_requests: list[str] = []
        """Ids of events that asked for an out-of-band response and are not answered."""

    @property
    def known_active(self) -> str | None:
        """The id of the active response; ``None`` also if the service has not sent it."""
        return self.active if self.active in self.open else None

    @property
    def active_items(self) -> list[str]:
        """Ids of the items of the active response."""
        return self.open.get(self.active or "", [])

    @property
    def out_of_band(self) -> list[str]:
        """Ids of the responses in flight outside the default conversation."""
        return [response_id for response_id in self.open if response_id != self.active]

    @property
    def is_pending(self) -> bool:
        """Whether a ``response.create`` would be refused now, or may be."""
        return self._blocking is not None or self.unconfirmed_request is not None

    @property
    def _blocking(self) -> str | None:
        """The active response, unless it has stalled."""
        return None if self._is_stalled else self.active

    def may_cancel(self, response_id: str | None) -> bool:
        """Whether there is a response for a ``response.cancel`` to end, and it was not cancelled
        before. Without an id it is about the active response."""
        if self.is_out_of_band(response_id):
            return True
        is_active = response_id is None or self._blocking in (response_id, UNKNOWN)
        return is_active and self.is_pending and not self.is_cancelled

    @property
    def is_audio_possible(self) -> bool:
        """Whether audio of any response may be on its way."""
        return self.is_pending or bool(self.out_of_band or self._out_of_band_requests)

    def is_open(self, response_id: Any) -> bool:
        """Whether the response of this id is in flight, in the default conversation or outside."""
        return isinstance(response_id, str) and response_id in self.open

    def is_out_of_band(self, response_id: Any) -> bool:
        """Whether the response of this id is in flight outside the default conversation."""
        return (
            response_id != self.active and isinstance(response_id, str) and response_id in self.open
        )

    # What leaves.

    def on_request(self, event: Event) -> None:
        """The ``response.create`` ``event`` has left."""
        if is_out_of_band_request(event):
            self._out_of_band_requests.append(event["event_id"])
        else:
            self.unconfirmed_request, self.is_cancelled = event, False

    def on_cancel(self, response_id: str | None) -> None:
        """A ``response.cancel`` has left; without an id it is about the active response."""
        if response_id in (None, self._blocking):
            self.is_cancelled = True
        elif self.is_out_of_band(response_id):
            del self.open[str(response_id)]

    # What comes.

    def on_created(self, response: dict[str, Any]) -> None:
        """The service has begun ``response``."""
        response_id = response.get("id")
        if response.get("conversation_id", "") is None:
            del self._out_of_band_requests[:1]
            self.begin(str(response_id), out_of_band=True)
            return
        if isinstance(response_id, str):
            self.begin(response_id)
        else:
            self._end_active()
            self.active = UNKNOWN
        self.is_owed = False
        request = self.unconfirmed_request
        if request is not None and response_matches_request(request, response):
            self.request, self.unconfirmed_request = request, None

    def on_done(self, response_id: Any) -> None:
        """The service has ended the response of this id."""
        if self.active in (response_id, UNKNOWN) and not self.is_out_of_band(response_id):
            if not self._is_stalled:
                self.is_cancelled = False
            self._end_active()
        elif isinstance(response_id, str):
            self.end(response_id)

    def on_refusal(self, event_id: str) -> None:
        """The service has refused the client's event of this id."""
        if event_id in self._out_of_band_requests:
            self._out_of_band_requests.remove(event_id)
        request = self.unconfirmed_request
        if request is not None and request.get("event_id") == event_id:
            self.unconfirmed_request = None

    def on_lost_race(self) -> None:
        """The service has refused the request, because another response is in flight."""
        self.unconfirmed_request = None
        self.active = self.active or UNKNOWN
        self._is_stalled = False

    def on_stall(self) -> None:
        """Nothing has come of the active response, or for the request, for a long time: neither
        delays the next request any more."""
        self.unconfirmed_request = None
        self._is_stalled = True

    def on_connection_lost(self) -> list[str]:
        """End all responses, as the connection has ended: the ids of those that had begun, the
        active one first."""
        ids = [*filter(None, [self.known_active]), *self.out_of_band]
        self.open.clear()
        self._end_active()
        self.is_owed = False
        return ids

    # What both are made of.

    def begin(self, response_id: str, *, out_of_band: bool = False) -> None:
        """A response is in flight from now on. One that begins in the default conversation ends
        the one that was active there."""
        if not out_of_band:
            self._end_active()
            self.active = response_id
        self.open[response_id] = []
        if len(self.open) > MAX_OPEN:
            del self.open[self.out_of_band[0]]

    def add_item(self, response_id: Any, item_id: str) -> bool:
        """Add an item to an open response. Returns whether there is one, and it was not in it."""
        items = self.open.get(response_id) if isinstance(response_id, str) else None
        if items is None or item_id in items:
            return False
        items.append(item_id)
        return True

    def has_item(self, item_id: Any) -> bool:
        """Whether the item belongs to a response in flight."""
        return any(item_id in items for items in self.open.values())

    def end(self, response_id: str) -> bool:
        """A response is in flight no longer. Returns whether it was."""
        if response_id == self.active:
            self._end_active()
            return True
        return self.open.pop(response_id, None) is not None

    def _end_active(self) -> None:
        self.open.pop(self.active or "", None)
        self.active, self.request, self._is_stalled = None, None, False


def is_out_of_band_request(event: Event) -> bool:
    """Whether a ``response.create`` asks for a response outside the default conversation."""
    response = event.get("response")
    return isinstance(response, dict) and response.get("conversation") == "none"


def is_in_band_request(event: Event) -> bool:
    """Whether ``event`` of a client asks for a response in the default conversation."""
    return event.get("type") == "response.create" and not is_out_of_band_request(event)


def response_matches_request(request: Event, response: dict[str, Any]) -> bool:
    """Whether ``response`` answers ``request``, as far as can be known: the service may have begun
    another by itself."""
    asked = request.get("response")
    metadata = asked.get("metadata") if isinstance(asked, dict) else None
    return not metadata or response.get("metadata") == metadata


def cancelled_response_done(response_id: str) -> Event:
    """A ``response.done`` that says that the rest will not come. As cancelled: a failure would
    make the plugin report an error about which nobody can do anything any more."""
    details = {"type": "cancelled", "reason": "client_cancelled"}
    response = {
        "id": response_id,
        "object": "realtime.response",
        "status": "cancelled",
        "status_details": details,
        "output": [],
    }
    return {"type": "response.done", "response": response}
