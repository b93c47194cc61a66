"""Resume a call's session on another connection: its settings, then its history."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from typing import Any

from agent.errors import ServiceError, Violation
from agent.realtime.connection.connector import Connector, open_websocket
from agent.realtime.connection.service_connection import REPLAY_EVENT_PREFIX, ServiceConnection
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
"""What a session on another service takes from the call, besides that service's parameters."""


class SessionResumer:
    def __init__(
        self,
        connector: Connector,
        settings: SessionSettings,
        history: ConversationHistory,
    ) -> None:
        self._connector = connector
        self._history = history
        self._settings = settings
        self._first_target = connector.target
        self._numbers = itertools.count(1)
        self._closing: set[asyncio.Task[None]] = set()

    async def connect(self) -> ServiceConnection:
        """Another connection, with the call's settings and history. Raises ``ServiceError`` when no
        service can be reached."""
        while True:
            socket = await self._connector.connect()
            try:
                connection = await self._prepare_or_close(
                    ServiceConnection(socket, self._connector.target), self._connector.left()
                )
            except ServiceError as error:
                self._connector.on_failure(error)
            else:
                if connection.confirmed is not None:
                    self._connector.on_session_ready()
                return connection

    async def connect_once(self) -> ServiceConnection:
        """As ``connect``, tried once and outside the retry budget, while another connection is in
        use."""
        target = self._connector.target
        return await self._prepare_or_close(
            ServiceConnection(await open_websocket(target.endpoint), target), SPEAK_SECONDS
        )

    def sync_history(self, connection: ServiceConnection) -> None:
        """Replay on ``connection`` what has changed in the history since it was prepared. Items
        that began on it need no replay."""
        items = self._history.items_to_replay()
        for item_id in [
            known
            for known in connection.replayed_items
            if items.get(known) != connection.replayed_items[known]
        ]:
            connection.delete_replayed_item(item_id, self._event_id())
        order = list(items)
        for place, item_id in enumerate(order):
            if item_id not in connection.replayed_items and not connection.has(item_id):
                previous = _place(connection, order[:place], order[place + 1 :])
                connection.replay_item(item_id, items[item_id], self._event_id(), previous)

    def changed_settings(self, connection: ServiceConnection) -> list[Event]:
        """The updates to send on ``connection``, which replaces the one in use."""
        updates = []
        for missing in self._settings.on_connection_replaced(connection.taken):
            if session := self._for_service(connection.target, missing):
                session = {"type": "realtime", **session}
                event = {"type": "session.update", "event_id": self._event_id(), "session": session}
                updates.append(connection.target.complete_session_update(event, first=False))
        return updates

    async def _prepare_or_close(
        self, connection: ServiceConnection, seconds: float
    ) -> ServiceConnection:
        try:
            await self._prepare(connection, time.monotonic() + seconds)
        except BaseException:
            self.close_in_background(connection)
            raise
        return connection

    def close_in_background(self, connection: ServiceConnection) -> None:
        """Close ``connection`` without waiting: one that does not answer the close would delay
        the next."""
        closing = asyncio.create_task(connection.close())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def aclose(self) -> None:
        """Wait until the connections that are not used any more are closed."""
        await asyncio.gather(*self._closing)

    async def _prepare(self, connection: ServiceConnection, until: float) -> None:
        wanted, confirmed = self._settings.session, self._settings.confirmed
        if not wanted:
            return  # the plugin has not sent its settings yet; it will
        tries = [wanted] * TRIES
        if confirmed and confirmed != wanted:
            # An update that nobody has answered may be what the service refuses.
            tries.append(confirmed)
        for number, session in enumerate(tries):
            update = self._session_update(connection.target, session)
            violation = connection.send(update)
            if number == 0:
                self.sync_history(connection)
            if isinstance(violation, Violation):
                refusal: str | None = violation.message
            else:
                refusal = await self._wait_for_answer(connection, update["event_id"], until)
            if refusal is None:
                connection.taken = session
                return
            logger.warning("%s refused the session's settings: %s", connection.host, refusal)
        raise ServiceError(connection.host, f"it refuses the session's settings: {refusal}")

    async def _wait_for_answer(
        self, connection: ServiceConnection, event_id: str, until: float
    ) -> str | None:
        """What the service says to the update of this id: nothing, or why it refuses it."""
        asked_at = time.monotonic()
        while True:
            event = await self._event(connection, min(until, self._patience(connection, asked_at)))
            if event is None:
                if connection.has_spoken:
                    self._settings.service_confirms = connection.confirmed = False
                    return None
                raise ServiceError(connection.host, SILENT)
            connection.on_server_event(event)
            if event.get("type") == "session.updated":
                self._settings.service_confirms = connection.confirmed = True
                return None
            error = as_object(event.get("error"))
            if event.get("type") == "error" and refused_update(error, [event_id]):
                return one_line(str(error.get("message")), MAX_REASON)

    def _patience(self, connection: ServiceConnection, asked_at: float) -> float:
        """Until when to wait for an answer."""
        if not connection.has_spoken:
            return asked_at + SPEAK_SECONDS
        return asked_at + CONFIRM_SECONDS if self._settings.service_confirms else 0.0

    async def _event(self, connection: ServiceConnection, until: float) -> Event | None:
        """The next event; ``None`` where none comes in time."""
        while True:
            try:
                async with asyncio.timeout(max(0.0, until - time.monotonic())):
                    frame = await connection.receive()
            except TimeoutError:
                return None
            if isinstance(frame, Closed):
                raise connection_error(connection, frame)
            read = connection.parse_frame(frame) if frame is not None else None
            if read is not None:
                return read[0]

    def _session_update(self, target: ServiceTarget, session: dict[str, Any]) -> Event:
        """The update that makes a new session ``session``."""
        asked = self._for_service(target, session)
        event: Event = {"type": "session.update", "event_id": self._event_id(), "session": asked}
        return (
            event
            if target is self._first_target
            else target.complete_session_update(event, first=True)
        )

    def _for_service(self, target: ServiceTarget, session: dict[str, Any]) -> dict[str, Any]:
        """What of ``session`` is sent to the service of ``target``."""
        if target is self._first_target:
            return session
        common = {key: session[key] for key in _OF_THE_CALL if key in session}
        audio = {
            side: {"format": settings["format"]}
            for side, settings in as_object(session.get("audio")).items()
            if "format" in settings
        }
        return {**common, "audio": audio} if audio else common

    def _event_id(self) -> str:
        return f"{REPLAY_EVENT_PREFIX}{next(self._numbers)}"


def _place(connection: ServiceConnection, before: list[str], after: list[str]) -> str | None:
    """The item to replay another one after, of those in the history ``before`` it: the last that
    the connection has. ``None``, where it has none of those ``after`` it: at the end."""
    if not any(connection.has(item_id) for item_id in after):
        return None
    return next((item_id for item_id in reversed(before) if connection.has(item_id)), ROOT)


def connection_error(connection: ServiceConnection, closed: Closed) -> ServiceError:
    """The end of ``connection`` as an error."""
    reason = closed.reason or "it closed the connection"
    return ServiceError(connection.host, reason, status=closed.code)
