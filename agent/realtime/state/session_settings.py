"""The settings of a call's session: requested, confirmed and refused. Pure; in GA.

They outlive connections. Services have refused the settings that a session begins with once and
accepted them when asked again; some refuse without naming the event (``event_id`` null); some never
confirm anything. Times are in seconds, by ``time.monotonic``.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

from agent.realtime.protocol.dialects import Event
from agent.realtime.protocol.session_merge import merge_session, session_difference
from agent.realtime.state.connection_state import as_object
from agent.realtime.state.pending_updates import PendingUpdates
from agent.realtime.state.refusals import refused_update
from agent.realtime.state.settings_comparison import is_same_list

SPEAK_SECONDS = 5.0
"""How long a service that has accepted a connection may send nothing on it."""
CONFIRM_SECONDS = 2.0
"""How long one that has sent something may take to confirm the session's settings. After that the
call goes on without."""
TRIES = 2
"""How often the settings are sent to a service that refuses them."""
SILENT = "it accepted the connection and said nothing"


class SessionSettings:
    """The settings of one call, over all of its connections."""

    def __init__(self) -> None:
        self.initial_update: Event | None = None
        """The first ``session.update``, as it left first; it holds all of the settings."""
        self.is_ready = False
        """The first update is confirmed, refused for good, or no longer waited for."""
        self.service_confirms = True
        """The service answers updates, as far as is known. If it does not, none is waited for."""
        self._initial_sent_at: float | None = None
        self._initial_event_id: Any = None
        self._initial_refusals = 0
        self._confirmed: dict[str, Any] = {}
        self._pending = PendingUpdates()
        """Those of a lost connection stay until another one takes its place."""
        self._refused_unknown = False
        """The service has refused something without saying what, perhaps an update."""

    @property
    def session(self) -> dict[str, Any]:
        """The confirmed settings, with the pending ones over them."""
        return reduce(merge_session, self._pending, self._confirmed)

    @property
    def confirmed(self) -> dict[str, Any]:
        """The settings that the service has accepted."""
        return self._confirmed

    @property
    def is_refused_for_good(self) -> bool:
        """Whether the service has refused the first update as often as it is sent."""
        return self._initial_refusals >= TRIES

    def on_initial_update(self, update: Event, now: float) -> None:
        """The first ``session.update`` leaves, or leaves again."""
        self.initial_update = self.initial_update or update
        self._initial_event_id, self._initial_sent_at = update["event_id"], now

    def deadline(self, opened_at: float, last_received_at: float) -> float | None:
        """Until when to wait for the service; ``None``: without a limit. A connection on which
        nothing was received has ``last_received_at == opened_at``."""
        if self.is_ready:
            return None
        if last_received_at == opened_at:
            return opened_at + SPEAK_SECONDS
        sent_at = self._initial_sent_at
        return None if sent_at is None else max(sent_at, opened_at) + CONFIRM_SECONDS

    def initial_refusal(self, event: Event) -> Event | None:
        """``event`` with the id of the first update, if it is an error that refuses that;
        otherwise ``None``. Counts the refusals."""
        error = event.get("error")
        if self.is_ready or self.initial_update is None or not isinstance(error, dict):
            return None
        if refused_update(error, [self._initial_event_id]) is None:
            return None
        self._initial_refusals += 1
        return {**event, "error": {**error, "event_id": self._initial_event_id}}

    def on_client_event(self, event: Event) -> None:
        """Update the settings with ``event``, which has left."""
        if event["type"] == "session.update":
            self._pending.add(event)

    def on_server_event(self, event: Event) -> None:
        """Update the settings with ``event``, which has come from the service."""
        if event.get("type") == "session.updated":
            self._drop_contradicted(as_object(event.get("session")))
            asked = self._pending.confirm_oldest()
            if asked is not None:
                self._confirmed = merge_session(self._confirmed, asked)
        elif event.get("type") == "error":
            error = as_object(event.get("error"))
            if not self._pending.refuse(error) and error.get("event_id") is None:
                self._refused_unknown = True

    def on_connection_replaced(self, taken: dict[str, Any]) -> list[dict[str, Any]]:
        """Another connection, which has accepted ``taken``, replaces the one in use.

        Returns what that connection has yet to be asked for: settings that changed after it was
        prepared, and updates that nobody has answered. Each is to be an update of its own, so that
        one that the service refuses takes no other with it.
        """
        wanted, pending = self.session, list(self._pending)
        self._pending.clear()
        self._confirmed, self._refused_unknown = taken, False
        updates = [session_difference(reduce(merge_session, pending, taken), wanted), *pending]
        missing = []
        for update in updates:
            if (after := merge_session(taken, update)) != taken:
                missing.append(update)
                taken = after
        return missing

    def _drop_contradicted(self, got: dict[str, Any]) -> None:
        """Where an update may have been refused, drop those before the first that the session
        ``got``, as the service now describes it, agrees with."""
        if not self._refused_unknown or self._pending.oldest is None:
            return
        self._refused_unknown = False
        for place, asked in enumerate(self._pending):
            if not _contradicts(got, asked):
                self._pending.drop_oldest(place)
                return


def _contradicts(got: dict[str, Any], asked: dict[str, Any]) -> bool:
    """Whether ``got`` has another value for any setting in ``asked`` that it has."""
    for key in asked.keys() & got.keys():
        if isinstance(asked[key], dict) and isinstance(got[key], dict):
            if _contradicts(got[key], asked[key]):
                return True
        elif isinstance(asked[key], list) and isinstance(got[key], list):
            if not is_same_list(asked[key], got[key]):
                return True
        elif asked[key] != got[key]:
            return True
    return False
