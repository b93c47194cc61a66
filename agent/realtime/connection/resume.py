"""Making the next leg of a call what the last one was: settings, history, one by one."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from typing import Any

from agent.errors import ServiceError, Violation
from agent.realtime.connection.connector import Connector, open_websocket
from agent.realtime.connection.service_connection import OWN_EVENT, ServiceConnection
from agent.realtime.connection.service_target import ServiceTarget
from agent.realtime.connection.websocket import MAX_REASON, Closed
from agent.realtime.protocol.dialects import Event
from agent.realtime.state.connection_state import as_object
from agent.realtime.state.conversation_history import ConversationHistory
from agent.realtime.state.refusals import refused_update
from agent.realtime.state.session_settings import (
    CONFIRM_SECONDS,
    SILENT,
    SPEAK_SECONDS,
    TRIES,
    SessionSettings,
)
from agent.realtime.validation.preconditions import ROOT
from agent.redaction import one_line

logger = logging.getLogger("agent.realtime")

_OF_THE_CALL = ("type", "instructions", "tools", "tool_choice")
"""What another service is told of a session besides that service's own parameters."""


class SessionResumer:
    def __init__(
        self,
        link: Connector,
        settings: SessionSettings,
        history: ConversationHistory,
    ) -> None:
        self._connector = link
        self._history = history
        self._settings = settings
        self._first_target = link.target
        self._numbers = itertools.count(1)
        self._closing: set[asyncio.Task[None]] = set()

    async def connect(self) -> ServiceConnection:
        """Another connection, configured, and told what was said. Raises ``ServiceError`` when
        there is none to be had."""
        while True:
            socket = await self._connector.connect()
            try:
                leg = await self._prepare_or_close(
                    ServiceConnection(socket, self._connector.target), self._connector.left()
                )
            except ServiceError as error:
                self._connector.on_failure(error)
            else:
                if leg.confirmed is not None:
                    self._connector.on_session_ready()
                return leg

    async def connect_once(self) -> ServiceConnection:
        """As ``next``, tried once and at nobody's cost: while there is another leg."""
        way = self._connector.target
        return await self._prepare_or_close(
            ServiceConnection(await open_websocket(way.endpoint), way), SPEAK_SECONDS
        )

    def sync_history(self, leg: ServiceConnection) -> None:
        """Tell ``leg`` what has changed since it was prepared. Items that began on it, it knows."""
        items = self._history.items_to_replay()
        for item_id in [
            known for known in leg.replayed_items if items.get(known) != leg.replayed_items[known]
        ]:
            leg.delete_replayed_item(item_id)
        order = list(items)
        for place, item_id in enumerate(order):
            if item_id not in leg.replayed_items and not leg.has(item_id):
                previous = _place(leg, order[:place], order[place + 1 :])
                leg.replay_item(item_id, items[item_id], self._event_id(), previous)

    def changed_settings(self, leg: ServiceConnection) -> list[Event]:
        """``leg`` replaces the present connection: the updates that it has yet to be sent."""
        updates = []
        for missing in self._settings.on_connection_replaced(leg.taken):
            if session := self._for_service(leg.target, missing):
                session = {"type": "realtime", **session}
                event = {"type": "session.update", "event_id": self._event_id(), "session": session}
                updates.append(leg.target.complete_session_update(event, first=False))
        return updates

    async def _prepare_or_close(self, leg: ServiceConnection, seconds: float) -> ServiceConnection:
        try:
            await self._prepare(leg, time.monotonic() + seconds)
        except BaseException:
            self.close_in_background(leg)
            raise
        return leg

    def close_in_background(self, connection: ServiceConnection) -> None:
        """Close ``connection`` without waiting: one that does not answer the close would delay
        the next."""
        closing = asyncio.create_task(connection.close())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def aclose(self) -> None:
        """Wait until the connections that are not used any more are closed."""
        await asyncio.gather(*self._closing)

    async def _prepare(self, leg: ServiceConnection, until: float) -> None:
        wanted, confirmed = self._settings.session, self._settings.confirmed
        if not wanted:
            return  # the engine has not asked for its settings yet; it will
        tries = [wanted] * TRIES
        if confirmed and confirmed != wanted:
            # An update that nobody has answered may be what the service refuses.
            tries.append(confirmed)
        for number, session in enumerate(tries):
            update = self._session_update(leg.target, session)
            violation = leg.send(update)
            if number == 0:
                self.sync_history(leg)
            if isinstance(violation, Violation):
                refusal: str | None = violation.message
            else:
                refusal = await self._wait_for_answer(leg, update["event_id"], until)
            if refusal is None:
                leg.taken = session
                return
            logger.warning("%s refused the session's settings: %s", leg.host, refusal)
        raise ServiceError(leg.host, f"it refuses the session's settings: {refusal}")

    async def _wait_for_answer(
        self, leg: ServiceConnection, event_id: str, until: float
    ) -> str | None:
        """What the service says to the update of this id: nothing, or why it refuses it."""
        asked_at = time.monotonic()
        while True:
            event = await self._event(leg, min(until, self._patience(leg, asked_at)))
            if event is None:
                if leg.has_spoken:
                    self._settings.service_confirms = leg.confirmed = False
                    return None
                raise ServiceError(leg.host, SILENT)
            leg.on_server_event(event)
            if event.get("type") == "session.updated":
                self._settings.service_confirms = leg.confirmed = True
                return None
            error = as_object(event.get("error"))
            if event.get("type") == "error" and refused_update(error, [event_id]):
                return one_line(str(error.get("message")), MAX_REASON)

    def _patience(self, leg: ServiceConnection, asked_at: float) -> float:
        """Until when to wait for an answer."""
        if not leg.has_spoken:
            return asked_at + SPEAK_SECONDS
        return asked_at + CONFIRM_SECONDS if self._settings.service_confirms else 0.0

    async def _event(self, leg: ServiceConnection, until: float) -> Event | None:
        """The next event; ``None`` where none comes in time."""
        while True:
            try:
                async with asyncio.timeout(max(0.0, until - time.monotonic())):
                    frame = await leg.receive()
            except TimeoutError:
                return None
            if isinstance(frame, Closed):
                raise connection_error(leg, frame)
            read = leg.parse_frame(frame) if frame is not None else None
            if read is not None:
                return read[0]

    def _session_update(self, way: ServiceTarget, session: dict[str, Any]) -> Event:
        """The update that makes a new session ``session``."""
        asked = self._for_service(way, session)
        event: Event = {"type": "session.update", "event_id": self._event_id(), "session": asked}
        return (
            event if way is self._first_target else way.complete_session_update(event, first=True)
        )

    def _for_service(self, way: ServiceTarget, session: dict[str, Any]) -> dict[str, Any]:
        """What of ``session`` is told to the service of ``way``."""
        if way is self._first_target:
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


def _place(leg: ServiceConnection, before: list[str], after: list[str]) -> str | None:
    """What an item is to be told after, of those in the history ``before`` it: the last that the
    connection has. ``None``, where it has none of those ``after`` it: at the end."""
    if not any(leg.has(item_id) for item_id in after):
        return None
    return next((item_id for item_id in reversed(before) if leg.has(item_id)), ROOT)


def connection_error(leg: ServiceConnection, closed: Closed) -> ServiceError:
    """The end of ``leg`` as an error."""
    reason = closed.reason or "it closed the connection"
    return ServiceError(leg.host, reason, status=closed.code)
