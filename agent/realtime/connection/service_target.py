"""A service that a call may be connected to, and what its sessions are asked to be. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from agent.realtime.connection.endpoint import Endpoint
from agent.realtime.protocol.dialects import Event
from agent.realtime.protocol.parameters import SessionParameters
from agent.realtime.validation.completion import PLACEHOLDER_MODEL, complete_session_update


@dataclass(frozen=True, slots=True)
class ServiceTarget:
    endpoint: Endpoint
    parameters: SessionParameters

    def complete_session_update(self, update: Event, *, first: bool) -> Event:
        """``update``, a ``session.update`` of the plugin, as ``complete`` makes it."""
        # Only the first is completed with what was asked for; making that takes time.
        session, dialect = self.parameters.as_session() if first else {}, self.endpoint.dialect
        model = str(self.parameters["model"] or PLACEHOLDER_MODEL)
        return complete_session_update(update, session, dialect, first=first, model=model)
