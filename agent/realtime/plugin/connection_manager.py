"""Keep a call connected: read the current connection, and replace it when it is lost or expires."""

from __future__ import annotations

import asyncio
import logging
import time

from agent.errors import ServiceError
from agent.realtime.connection.connector import Connector
from agent.realtime.connection.resume import SessionResumer
from agent.realtime.connection.rollover import RolloverScheduler
from agent.realtime.connection.service_connection import ServiceConnection
from agent.realtime.connection.websocket import Closed
from agent.realtime.plugin.client_events import ClientEventPath
from agent.realtime.plugin.notices import NoticePublisher
from agent.realtime.plugin.response_monitor import Notice
from agent.realtime.plugin.server_events import ServerEventPipeline
from agent.realtime.state.call_activity import CallActivity
from agent.realtime.state.call_state import CallState
from agent.realtime.state.session_settings import SILENT

logger = logging.getLogger("agent.realtime")


class ConnectionManager:
    """The connections of one call, one after another."""

    def __init__(
        self,
        connection: ServiceConnection,
        connector: Connector,
        resumer: SessionResumer,
        state: CallState,
        client_events: ClientEventPath,
        server_events: ServerEventPipeline,
        notices: NoticePublisher,
    ) -> None:
        self.current = connection
        """The connection in use; while a lost one is being replaced, that one."""
        self._connector = connector
        self._resumer = resumer
        self._state = state
        self._settings = state.settings
        self._client_events = client_events
        self._server_events = server_events
        self._notices = notices
        self._rollover = RolloverScheduler(resumer)
        self._rollover.start(connection)

    async def next_frame(self) -> str | Closed | None:
        """The next frame of the current connection; ``Closed`` when it ends, or a new session
        sends nothing in time; ``None`` when there is something else to look at."""
        connection = self.current
        deadline = self._settings.deadline(connection.opened_at, connection.last_received_at)
        if deadline is None:
            return await connection.receive()
        seconds = deadline - time.monotonic()
        if not connection.has_spoken:
            seconds = min(seconds, self._connector.left())
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                return await connection.receive()
        except TimeoutError:
            if not connection.has_spoken:
                return Closed(None, SILENT)
            self._settings.is_ready = True
            self._connector.on_session_ready()
            self._settings.service_confirms = False
            self._notices.publish(Notice("settings_unconfirmed"), connection.host)
            return None

    async def recover(self, error: ServiceError) -> None:
        """Replace the current connection, lost with ``error``. Raises ``ServiceError`` if no
        service can be reached within the retry budget."""
        began = time.monotonic()
        self._rollover.stop()
        self._end_current()
        self._connector.on_failure(error)
        self._switch_to(await self._resumer.connect())
        after_ms = round((time.monotonic() - began) * 1000)
        notice = Notice("reconnected", {"reason": error.reason, "after_ms": after_ms})
        self._notices.publish(notice, self.current.host)

    def roll_over_if_due(self) -> None:
        """Move to the connection that the scheduler has prepared, if it has one and what goes on
        in the call allows it now."""
        self._rollover.on_frame(self.current)
        if not self._rollover.is_ready:
            return
        connection = self._rollover.take(self._activity())
        if connection is not None:
            self._end_current()
            logger.info("moved to another connection at %s", connection.host)
            self._switch_to(connection)

    def request_rollover(self) -> None:
        """Move to another connection at the next quiet moment."""
        self._rollover.request()

    def stop(self) -> None:
        """Prepare no further connection."""
        self._rollover.stop()

    async def close(self) -> None:
        """Close the current connection, and wait for those that are still being closed."""
        await asyncio.gather(self.current.close(), self._resumer.aclose())

    def _end_current(self) -> None:
        """End for the plugin what the current connection will not bring, hold what the next one
        is to be sent, and close the connection without waiting: a dead one takes its time."""
        connection = self.current
        self._client_events.suspend()
        loss = self._state.on_connection_lost(
            connection.state, connection.response_queue.waiting, self._client_events.next_event_id()
        )
        if loss.response_lost:
            notice = Notice("reply_lost", {"asked_again": loss.response_requested_again})
            self._notices.publish(notice, connection.host)
        self._server_events.on_connection_lost(loss.plugin_events)
        self._resumer.close_in_background(connection)

    def _switch_to(self, connection: ServiceConnection) -> None:
        self.current = connection
        if connection.confirmed is not None:
            self._settings.is_ready = True
        if connection.confirmed is False:
            self._notices.publish(Notice("settings_unconfirmed"), connection.host)
        self._client_events.resume(connection)
        self._rollover.start(connection)

    def _activity(self) -> CallActivity:
        connection = self.current
        return self._state.activity(
            is_responding=connection.is_responding,
            has_no_pending_answers=connection.has_no_pending_answers,
        )
