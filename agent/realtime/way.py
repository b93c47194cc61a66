"""A service that a call may be connected to, and what its sessions are asked to be. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from agent.realtime.complete import SOME_MODEL, complete
from agent.realtime.dialects import Event
from agent.realtime.endpoint import Endpoint
from agent.realtime.parameters import SessionParameters


@dataclass(frozen=True, slots=True)
class Way:
    endpoint: Endpoint
    parameters: SessionParameters

    def completed(self, update: Event, *, first: bool) -> Event:
        """``update``, a ``session.update`` of the plugin, as ``complete`` makes it."""
        # Only the first is completed with what was asked for; making that takes time.
        session, dialect = self.parameters.as_session() if first else {}, self.endpoint.dialect
        model = str(self.parameters["model"] or SOME_MODEL)
        return complete(update, session, dialect, first=first, model=model)
