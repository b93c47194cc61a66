"""The WebSocket that the plugin holds for a whole call.

The plugin uses the network in four places: ``http_session.ws_connect``, and ``send_str``,
``receive`` and ``close`` on what that returned. ``PluginHTTPSession`` provides the first,
``PluginWebSocket`` the other three, so every event in both directions passes through here:

    plugin ─► ClientEventPath ─────► ServiceConnection ─► service
    plugin ◄─ ServerEventPipeline ◄─ ServiceConnection ◄─ service

The plugin sees one connection for the whole call. Beneath it ``ConnectionManager`` opens a new
service connection whenever one is lost or about to expire.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection

import aiohttp

from agent.errors import ServiceError, Violation
from agent.realtime.connection.connector import Connector
from agent.realtime.connection.resume import SessionResumer, connection_error
from agent.realtime.connection.service_connection import ServiceConnection
from agent.realtime.connection.websocket import Closed, ServiceWebSocket
from agent.realtime.plugin.client_events import ClientEventPath
from agent.realtime.plugin.connection_manager import ConnectionManager
from agent.realtime.plugin.notices import NoticePublisher
from agent.realtime.plugin.plugin_queue import PluginQueue, Turn
from agent.realtime.plugin.response_monitor import Notice
from agent.realtime.plugin.server_events import ServerEventPipeline
from agent.realtime.plugin.tap import Tap
from agent.realtime.protocol.dialects import Event
from agent.realtime.state.audio_gate import AudioGate
from agent.realtime.state.call_state import CallState

logger = logging.getLogger("agent.realtime")


class PluginWebSocket:
    """One connection as the plugin sees it, in the GA dialect."""

    def __init__(
        self,
        socket: ServiceWebSocket,
        connector: Connector,
        *,
        on_notice: Callable[[Notice], None] | None = None,
        gate: AudioGate | None = None,
        tap: Tap | None = None,
    ) -> None:
        """``socket`` is open, to the connector's target. ``gate`` and ``tap`` are as in
        ``ClientEventPath``."""
        tap = tap or Tap()
        self._state = CallState()
        self._notices = NoticePublisher(on_notice)
        self._plugin_queue = PluginQueue(tap)
        resumer = SessionResumer(connector, self._state.settings, self._state.history)
        connection = ServiceConnection(socket, connector.target)
        self._client_events = ClientEventPath(
            connection, self._state, resumer, self._plugin_queue, self._notices, tap, gate
        )
        self._server_events = ServerEventPipeline(
            connector,
            self._state,
            self._client_events,
            self._plugin_queue,
            self._notices,
        )
        self._connections = ConnectionManager(
            connection,
            connector,
            resumer,
            self._state,
            self._client_events,
            self._server_events,
            self._notices,
        )
        self._closing: asyncio.Task[None] | None = None
        self._running = asyncio.create_task(self._run())

    # What the plugin calls.

    async def send_str(self, text: str) -> None:
        """Take an event of the plugin. If it breaks a rule, ``receive`` returns the refusal."""
        self._client_events.on_text(text)

    async def receive(self) -> aiohttp.WSMessage:
        """The next event for the plugin: the service's, or one of this worker."""
        text = await self._plugin_queue.get()
        if text is None:
            return aiohttp.WSMessage(aiohttp.WSMsgType.CLOSED, None, None)
        return aiohttp.WSMessage(aiohttp.WSMsgType.TEXT, text, None)

    async def close(self) -> None:
        """Close the connection to the service, once, and wait for it.

        The plugin cancels its first call of this as soon as ``receive`` has returned the end, and
        calls it again (1.8.9): neither the cancelling nor the second call may cut it short. How
        long it takes is bounded by the socket.
        """
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        self._plugin_queue.close()
        self._connections.stop()
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        await self._connections.close()
        host = self._connections.current.host
        self._server_events.close(host)
        logger.info("closed the connection to %s", host)

    # What the rest of the call asks for.

    def violations(self, event: Event) -> list[Violation]:
        """What the service would refuse ``event``, in GA, for if it were sent now."""
        return self._connections.current.violations(event)

    def unplayed_items(self, played: Collection[str]) -> list[str]:
        """Ids of the agent's items that are not among ``played`` and were not truncated. Items of a
        response in flight count only if it has been cancelled."""
        responses = self._connections.current.state.responses
        cut_off = responses.active_items if responses.is_cancelled else ()
        return self._state.history.unplayed_items(played, cut_off)

    def record_playback(self, item_id: str, text: str) -> None:
        """Record that of the agent's interrupted item ``text`` was played to the caller."""
        self._state.history.record_playback(item_id, text)

    def roll_over(self) -> None:
        """Move to another connection at the next quiet moment."""
        self._connections.request_rollover()

    async def _run(self) -> None:
        """Process frames, from one connection after another, until no service can be reached."""
        connections = self._connections
        try:
            turn = Turn()
            while True:
                await turn.give_way()  # waiting frames must not occupy the event loop
                frame = await connections.next_frame()
                closed = frame if isinstance(frame, Closed) else None
                if isinstance(frame, str):
                    closed = self._server_events.handle(connections.current, frame)
                if closed is not None:
                    await connections.recover(connection_error(connections.current, closed))
                else:
                    connections.roll_over_if_due()
        except ServiceError as error:
            logger.error("%s", error)
            self._notices.publish_connection_lost(str(error), connections.current.host)
        except Exception as error:
            host = connections.current.host
            logger.exception("the connection to %s ends: a defect of this worker", host)
            self._notices.publish_connection_lost(repr(error), host)
        finally:
            self._plugin_queue.end()
