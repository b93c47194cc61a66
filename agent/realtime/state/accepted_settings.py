"""The session as it has been asked for and accepted, over all connections. Pure; in GA."""

from __future__ import annotations

from functools import reduce
from typing import Any

from agent.realtime.protocol.dialects import Event
from agent.realtime.state.connection_state import as_object
from agent.realtime.state.refusals import refused_update


class AcceptedSettings:
    """What another connection is to be configured as."""

    def __init__(self) -> None:
        self._confirmed: dict[str, Any] = {}
        self._pending: dict[str, dict[str, Any]] = {}
        """Updates without an answer, by event id, oldest first. Those of a lost connection stay
        until another one takes its place."""
        self._refused_unknown = False
        """The service has refused something without saying what, perhaps an update."""

    @property
    def session(self) -> dict[str, Any]:
        """What has been accepted, and what may still be."""
        session = self._confirmed
        for asked in self._pending.values():
            session = merge_session(session, asked)
        return session

    @property
    def confirmed(self) -> dict[str, Any]:
        """What has been accepted, and nothing else."""
        return self._confirmed

    def on_client_event(self, event: Event) -> None:
        if event["type"] == "session.update":
            self._pending[event["event_id"]] = event["session"]

    def on_server_event(self, event: Event) -> None:
        if event.get("type") == "session.updated" and self._pending:
            self._drop_contradicted(as_object(event.get("session")))
            asked = self._pending.pop(next(iter(self._pending)))
            self._confirmed = merge_session(self._confirmed, asked)
        elif event.get("type") == "error":
            error = as_object(event.get("error"))
            refused = refused_update(error, self._pending)
            if refused is not None:
                del self._pending[refused]
            elif error.get("event_id") is None:
                self._refused_unknown = True

    def moved(self, taken: dict[str, Any]) -> list[dict[str, Any]]:
        """Another connection, which has accepted ``taken``, replaces the present one.

        Returns what that connection has yet to be asked for: settings that changed after it was
        prepared, and updates that nobody has answered. Each is to be an update of its own, so that
        one that the service refuses takes no other with it.
        """
        wanted, pending = self.session, list(self._pending.values())
        self._confirmed, self._pending, self._refused_unknown = taken, {}, False
        updates = [difference(reduce(merge_session, pending, taken), wanted), *pending]
        missing = []
        for update in updates:
            if (after := merge_session(taken, update)) != taken:
                missing.append(update)
                taken = after
        return missing

    def _drop_contradicted(self, got: dict[str, Any]) -> None:
        """Where an update may have been refused, drop those before the first that the session
        ``got``, as the service now describes it, agrees with."""
        if not self._refused_unknown:
            return
        self._refused_unknown = False
        pending = list(self._pending.items())
        for place, (_, asked) in enumerate(pending):
            if not _contradicts(got, asked):
                self._pending = dict(pending[place:])
                return


_NESTED = frozenset({"audio", "input", "output"})


def merge_session(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """``above`` over ``below``, as the service merges: key by key under ``audio``, else whole."""
    result = dict(below)
    for key, value in above.items():
        lower = result.get(key)
        if key in _NESTED and isinstance(value, dict):
            result[key] = merge_session(lower if isinstance(lower, dict) else {}, value)
        else:
            result[key] = value
    return result


def _contradicts(got: dict[str, Any], asked: dict[str, Any]) -> bool:
    """Whether ``got`` has another value for any setting in ``asked`` that it has."""
    for key in asked.keys() & got.keys():
        if isinstance(asked[key], dict) and isinstance(got[key], dict):
            if _contradicts(got[key], asked[key]):
                return True
        elif asked[key] != got[key]:
            return True
    return False


def difference(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """What ``merged`` has to lay over ``before`` to get ``after``."""
    result = {}
    for key, value in after.items():
        lower = before.get(key)
        if key in _NESTED and isinstance(value, dict) and isinstance(lower, dict):
            if inner := difference(lower, value):
                result[key] = inner
        elif key not in before or value != lower:
            result[key] = value
    return result
