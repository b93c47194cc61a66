"""Making the next leg of a call what the last one was: settings, history, one by one."""

from __future__ import annotations

import asyncio
import itertools
import logging

from agent.errors import ServiceError
from agent.realtime.accepted import Accepted
from agent.realtime.conversation import as_object
from agent.realtime.dialects import Event
from agent.realtime.history import History
from agent.realtime.leg import Leg
from agent.realtime.link import Link, open_socket
from agent.realtime.service_socket import Closed
from agent.realtime.way import Way

logger = logging.getLogger("agent.realtime")

PREPARE_SECONDS = 5.0
"""Given to a service to accept the session's settings."""
_TRIES = 2
"""Of a session's settings: services have refused them once, for a reason of their own."""
_OF_THE_CALL = ("type", "instructions", "tools", "tool_choice")
"""What another service is told of a session besides that service's own parameters."""


class Legs:
    def __init__(self, link: Link, accepted: Accepted, history: History) -> None:
        self._link = link
        self._accepted = accepted
        self._history = history
        self._first = link.way
        self._numbers = itertools.count(1)

    async def next(self) -> Leg:
        """Another connection, configured, and told what was said. Raises ``ServiceError`` when
        there is none to be had."""
        while True:
            socket = await self._link.connect()
            try:
                leg = await self._prepared(Leg(socket, self._link.way))
            except ServiceError as error:
                self._link.failed(error)
            else:
                self._link.had()
                return leg

    async def once(self) -> Leg:
        """As ``next``, tried once and at nobody's cost: while there is another leg."""
        way = self._link.way
        return await self._prepared(Leg(await open_socket(way.endpoint), way))

    def catch_up(self, leg: Leg) -> None:
        """Tell ``leg`` what has changed since it was prepared."""
        items = self._history.again()
        for item_id in [known for known in leg.told if items.get(known) != leg.told[known]]:
            leg.take_back(item_id)
        previous: str | None = "root"
        for item_id, body in items.items():
            if item_id not in leg.told:
                leg.tell(item_id, body, self._event_id(), previous)
            previous = item_id

    async def _prepared(self, leg: Leg) -> Leg:
        try:
            await self._prepare(leg)
        except BaseException:
            await leg.close()
            raise
        return leg

    async def _prepare(self, leg: Leg) -> None:
        for number in range(1, _TRIES + 1):
            update = self._update(leg.way)
            leg.leave(update)
            if number == 1:
                self.catch_up(leg)
            try:
                async with asyncio.timeout(PREPARE_SECONDS):
                    refusal = await self._answer(leg, update["event_id"])
            except TimeoutError:
                raise ServiceError(leg.host, "the session's settings got no answer") from None
            if refusal is None:
                return
            logger.warning("%s refused the session's settings: %s", leg.host, refusal)
        raise ServiceError(leg.host, f"it refuses the session's settings: {refusal}")

    async def _answer(self, leg: Leg, event_id: str) -> str | None:
        """What the service says to the update of this id: nothing, or why it refuses it."""
        while True:
            frame = await leg.receive()
            if isinstance(frame, Closed):
                raise lost(leg, frame)
            read = leg.read(frame) if frame is not None else None
            if read is None:
                continue
            event, _ = read
            leg.note(event)
            error = as_object(event.get("error"))
            if event.get("type") == "session.updated":
                return None
            if event.get("type") == "error" and error.get("event_id") == event_id:
                return str(error.get("message"))

    def _update(self, way: Way) -> Event:
        """The update that makes a new session what the call's was."""
        session = self._accepted.session
        event: Event = {"type": "session.update", "event_id": self._event_id(), "session": session}
        if way is self._first:
            return event
        event["session"] = {key: session[key] for key in _OF_THE_CALL if key in session}
        event["session"]["audio"] = {
            side: {"format": settings["format"]}
            for side, settings in as_object(session.get("audio")).items()
            if "format" in settings
        }
        return way.completed(event, first=True)

    def _event_id(self) -> str:
        return f"event_leg_{next(self._numbers)}"


def lost(leg: Leg, closed: Closed) -> ServiceError:
    """The end of ``leg`` as an error."""
    reason = closed.reason or "it closed the connection"
    return ServiceError(leg.host, reason, status=closed.code)
