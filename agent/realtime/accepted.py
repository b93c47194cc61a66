"""The session as it has been asked for and accepted, over all connections. Pure; in GA."""

from __future__ import annotations

from typing import Any

from agent.realtime.conversation import as_object
from agent.realtime.dialects import Event


class Accepted:
    """What another connection is to be configured as."""

    def __init__(self) -> None:
        self._session: dict[str, Any] = {}
        self._asked: dict[str, dict[str, Any]] = {}
        """Updates without an answer, by event id, oldest first."""

    @property
    def session(self) -> dict[str, Any]:
        """What has been accepted, and what may still be."""
        session = self._session
        for asked in self._asked.values():
            session = merged(session, asked)
        return session

    def sent(self, event: Event) -> None:
        if event["type"] == "session.update":
            self._asked[event["event_id"]] = event["session"]

    def received(self, event: Event) -> None:
        if event.get("type") == "session.updated" and self._asked:
            asked = self._asked.pop(next(iter(self._asked)))
            self._session = merged(self._session, asked)
        elif event.get("type") == "error":
            self._asked.pop(str(as_object(event.get("error")).get("event_id")), None)

    def start_over(self) -> None:
        """A connection is gone: what it did not answer is taken as accepted by the next, which is
        asked for all at once."""
        self._session, self._asked = self.session, {}


def merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """``above`` over ``below``, as the service merges: key by key under ``audio``, else whole."""
    result = dict(below)
    for key, value in above.items():
        lower = result.get(key)
        if key in {"audio", "input", "output"} and isinstance(value, dict):
            result[key] = merged(lower if isinstance(lower, dict) else {}, value)
        else:
            result[key] = value
    return result
