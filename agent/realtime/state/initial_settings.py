"""Whether a service has taken the settings that a session begins with. Pure; in seconds.

Services have refused them once and taken them when asked again; some refuse without saying which
event they mean (``event_id`` null); some never confirm anything. A call on settings that nobody
chose is at least told.
"""

from __future__ import annotations

from typing import Any

from agent.realtime.protocol.dialects import Event
from agent.realtime.state.refusals import refused_update

SPEAK_SECONDS = 5.0
"""Given to a service that has accepted a connection to say something on it."""
CONFIRM_SECONDS = 2.0
"""Given to one that has said something to confirm the session's settings. Without that the call
goes on."""
TRIES = 2
"""How often the settings are sent to a service that refuses them."""
SILENT = "it accepted the connection and said nothing"


class InitialSettings:
    """Of one call. ``settled`` once they are confirmed, refused for good or given up on."""

    def __init__(self) -> None:
        self.update: Event | None = None
        """The ``session.update`` that holds them, as it left first."""
        self.settled = False
        self._asked_at: float | None = None
        self._event_id: Any = None
        self._refusals = 0

    @property
    def refused_for_good(self) -> bool:
        return self._refusals >= TRIES

    def asked(self, update: Event, now: float) -> None:
        """``update`` leaves."""
        self.update = self.update or update
        self._event_id, self._asked_at = update["event_id"], now

    def deadline(self, opened: float, heard_at: float) -> float | None:
        """Until when to wait for the service; ``None`` without a limit. ``heard_at``: when it
        last said something; ``opened`` where it has not."""
        if self.settled:
            return None
        if heard_at == opened:
            return opened + SPEAK_SECONDS
        return None if self._asked_at is None else max(self._asked_at, opened) + CONFIRM_SECONDS

    def refusal(self, event: Event) -> Event | None:
        """``event``, an error, with the id of the update that it refuses; ``None`` where it is
        about something else."""
        error = event.get("error")
        if self.settled or self.update is None or not isinstance(error, dict):
            return None
        if refused_update(error, [self._event_id]) is None:
            return None
        self._refusals += 1
        return {**event, "error": {**error, "event_id": self._event_id}}
