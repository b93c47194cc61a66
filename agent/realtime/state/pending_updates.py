"""The ``session.update`` events that the service has not answered. Pure; in GA."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from agent.realtime.protocol.dialects import Event
from agent.realtime.state.refusals import refused_update


class PendingUpdates:
    """In the order in which they left, which is the order of the answers."""

    def __init__(self) -> None:
        self._sessions: dict[str, dict[str, Any]] = {}
        """What each asks for, by its event id."""

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """What the updates ask for, the oldest first."""
        return iter(list(self._sessions.values()))

    @property
    def oldest(self) -> dict[str, Any] | None:
        """What the oldest update asks for; ``None`` if all are answered."""
        return next(iter(self._sessions.values()), None)

    def add(self, update: Event) -> None:
        """The event ``update`` has left."""
        self._sessions[update["event_id"]] = update["session"]

    def confirm_oldest(self) -> dict[str, Any] | None:
        """Remove the oldest update, which the service has accepted. Returns what it asked for;
        ``None`` if none was pending."""
        return self._sessions.pop(next(iter(self._sessions), ""), None)

    def refuse(self, error: dict[str, Any]) -> bool:
        """Remove the update that ``error`` refuses. Returns whether it refuses one."""
        refused = refused_update(error, self._sessions)
        if refused is not None:
            del self._sessions[refused]
        return refused is not None

    def drop_oldest(self, count: int) -> None:
        """Forget so many, whose answers were missed."""
        for event_id in list(self._sessions)[:count]:
            del self._sessions[event_id]

    def clear(self) -> None:
        """Forget all: the connection that they were sent on has ended."""
        self._sessions.clear()
