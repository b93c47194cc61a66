"""Making the next leg of a call what the last one was: settings, history, one by one."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from typing import Any

from agent.errors import ServiceError, Violation
from agent.realtime.accepted import Accepted
from agent.realtime.conversation import as_object
from agent.realtime.dialects import Event
from agent.realtime.first_settings import (
    CONFIRM_SECONDS,
    SILENT,
    SPEAK_SECONDS,
    TRIES,
    is_refusal,
)
from agent.realtime.history import History
from agent.realtime.leg import OWN_EVENT, Leg
from agent.realtime.link import Link, open_socket
from agent.realtime.service_socket import Closed, brief
from agent.realtime.standing import ROOT
from agent.realtime.way import Way

logger = logging.getLogger("agent.realtime")

_OF_THE_CALL = ("type", "instructions", "tools", "tool_choice")
"""What another service is told of a session besides that service's own parameters."""


class Legs:
    def __init__(self, link: Link, accepted: Accepted, history: History) -> None:
        self._link = link
        self._accepted = accepted
        self._history = history
        self._first = link.way
        self._numbers = itertools.count(1)
        self._closing: set[asyncio.Task[None]] = set()
        self.service_confirms = True
        """The service answers updates, as far as is known: if not, none is waited for."""

    async def next(self) -> Leg:
        """Another connection, configured, and told what was said. Raises ``ServiceError`` when
        there is none to be had."""
        while True:
            socket = await self._link.connect()
            try:
                leg = await self._prepared(Leg(socket, self._link.way), self._link.left())
            except ServiceError as error:
                self._link.failed(error)
            else:
                if leg.confirmed is not None:
                    self._link.had()
                return leg

    async def once(self) -> Leg:
        """As ``next``, tried once and at nobody's cost: while there is another leg."""
        way = self._link.way
        return await self._prepared(Leg(await open_socket(way.endpoint), way), SPEAK_SECONDS)

    def catch_up(self, leg: Leg) -> None:
        """Tell ``leg`` what has changed since it was prepared. Items that began on it, it knows."""
        items = self._history.again()
        for item_id in [known for known in leg.told if items.get(known) != leg.told[known]]:
            leg.take_back(item_id)
        order = list(items)
        for place, item_id in enumerate(order):
            if item_id not in leg.told and not leg.has(item_id):
                previous = _place(leg, order[:place], order[place + 1 :])
                leg.tell(item_id, items[item_id], self._event_id(), previous)

    def changed_settings(self, leg: Leg) -> list[Event]:
        """``leg`` replaces the present connection: the updates that it has yet to be sent."""
        updates = []
        for missing in self._accepted.moved(leg.taken):
            if session := self._for_service(leg.way, missing):
                session = {"type": "realtime", **session}
                event = {"type": "session.update", "event_id": self._event_id(), "session": session}
                updates.append(leg.way.completed(event, first=False))
        return updates

    async def _prepared(self, leg: Leg, seconds: float) -> Leg:
        try:
            await self._prepare(leg, time.monotonic() + seconds)
        except BaseException:
            # Aside: one that does not answer the close would take its time from the next.
            closing = asyncio.create_task(leg.close())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
            raise
        return leg

    async def aclose(self) -> None:
        """Wait until the connections that came to nothing are closed."""
        await asyncio.gather(*self._closing)

    async def _prepare(self, leg: Leg, until: float) -> None:
        wanted, confirmed = self._accepted.session, self._accepted.confirmed
        if not wanted:
            return  # the engine has not asked for its settings yet; it will
        tries = [wanted] * TRIES
        if confirmed and confirmed != wanted:
            # An update that nobody has answered may be what the service refuses.
            tries.append(confirmed)
        for number, session in enumerate(tries):
            update = self._update(leg.way, session)
            violation = leg.leave(update)
            if number == 0:
                self.catch_up(leg)
            if isinstance(violation, Violation):
                refusal: str | None = violation.message
            else:
                refusal = await self._answer(leg, update["event_id"], until)
            if refusal is None:
                leg.taken = session
                return
            logger.warning("%s refused the session's settings: %s", leg.host, refusal)
        raise ServiceError(leg.host, f"it refuses the session's settings: {refusal}")

    async def _answer(self, leg: Leg, event_id: str, until: float) -> str | None:
        """What the service says to the update of this id: nothing, or why it refuses it."""
        asked_at = time.monotonic()
        while True:
            event = await self._event(leg, min(until, self._patience(leg, asked_at)))
            if event is None:
                if leg.has_spoken:
                    self.service_confirms = leg.confirmed = False
                    return None
                raise ServiceError(leg.host, SILENT)
            leg.note(event)
            if event.get("type") == "session.updated":
                self.service_confirms = leg.confirmed = True
                return None
            error = as_object(event.get("error"))
            if event.get("type") == "error" and is_refusal(error, event_id):
                return brief(str(error.get("message")))

    def _patience(self, leg: Leg, asked_at: float) -> float:
        """Until when to wait for an answer."""
        if not leg.has_spoken:
            return asked_at + SPEAK_SECONDS
        return asked_at + CONFIRM_SECONDS if self.service_confirms else 0.0

    async def _event(self, leg: Leg, until: float) -> Event | None:
        """The next event; ``None`` where none comes in time."""
        while True:
            try:
                async with asyncio.timeout(max(0.0, until - time.monotonic())):
                    frame = await leg.receive()
            except TimeoutError:
                return None
            if isinstance(frame, Closed):
                raise lost(leg, frame)
            read = leg.read(frame) if frame is not None else None
            if read is not None:
                return read[0]

    def _update(self, way: Way, session: dict[str, Any]) -> Event:
        """The update that makes a new session ``session``."""
        asked = self._for_service(way, session)
        event: Event = {"type": "session.update", "event_id": self._event_id(), "session": asked}
        return event if way is self._first else way.completed(event, first=True)

    def _for_service(self, way: Way, session: dict[str, Any]) -> dict[str, Any]:
        """What of ``session`` is told to the service of ``way``."""
        if way is self._first:
            return session
        told = {key: session[key] for key in _OF_THE_CALL if key in session}
        audio = {
            side: {"format": settings["format"]}
            for side, settings in as_object(session.get("audio")).items()
            if "format" in settings
        }
        return {**told, "audio": audio} if audio else told

    def _event_id(self) -> str:
        return f"{OWN_EVENT}{next(self._numbers)}"


def _place(leg: Leg, before: list[str], after: list[str]) -> str | None:
    """What an item is to be told after, of those in the history ``before`` it: the last that the
    connection has. ``None``, where it has none of those ``after`` it: at the end."""
    if not any(leg.has(item_id) for item_id in after):
        return None
    return next((item_id for item_id in reversed(before) if leg.has(item_id)), ROOT)


def lost(leg: Leg, closed: Closed) -> ServiceError:
    """The end of ``leg`` as an error."""
    reason = closed.reason or "it closed the connection"
    return ServiceError(leg.host, reason, status=closed.code)
