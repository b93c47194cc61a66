"""What the plugin is given as its HTTP session: ``ws_connect`` returns a ``PluginWebSocket``."""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from livekit.agents import APIConnectionError

from agent.errors import ServiceError, Violation
from agent.realtime.connection.connector import Connector
from agent.realtime.connection.service_target import ServiceTarget
from agent.realtime.connection.websocket import ServiceWebSocket
from agent.realtime.plugin.response_monitor import Notice
from agent.realtime.plugin.tap import Tap
from agent.realtime.plugin.websocket import PluginWebSocket
from agent.realtime.protocol.dialects import Event, to_service
from agent.realtime.state.audio_gate import AudioGate
from agent.realtime.validation.guard import Guard

logger = logging.getLogger("agent.realtime")


@dataclass(slots=True)
class Caller:
    """Shared by all sessions of a call."""

    speaking: bool = False
    """As the worker hears it, where it is the worker that detects turns."""


class PluginHTTPSession:
    """Stands in for the ``aiohttp.ClientSession`` that the plugin connects with."""

    def __init__(
        self,
        targets: Sequence[ServiceTarget],
        *,
        opening: asyncio.Task[ServiceWebSocket] | None = None,
        on_notice: Callable[[Notice], None] | None = None,
        gate: AudioGate | None = None,
    ) -> None:
        """``targets`` and ``opening`` are as in ``Connector``. With a ``gate``, audio leaves only
        while the caller is known to speak."""
        self.caller = Caller()
        self.tap = Tap()
        """Every event of the call, both targets, for those who subscribe."""
        self._connector = Connector(targets, opening=opening)
        self._on_notice = on_notice
        self._gate = gate
        self._websocket: PluginWebSocket | None = None
        self._others: weakref.WeakSet[PluginHTTPSession] = weakref.WeakSet()

    @property
    def targets(self) -> Sequence[ServiceTarget]:
        """The services that are left, the one in use first."""
        return self._connector.targets

    def another(self, targets: Sequence[ServiceTarget] | None = None) -> PluginHTTPSession:
        """A connection of its own for another session of the plugin in the same call, to
        ``targets`` or those that are left. A service that detects turns itself gets all of the
        audio."""
        targets = targets or self.targets
        detects = targets[0].parameters["turn_detection.type"] is not None
        gate = None if self._gate is None or detects else self._gate.another()
        other = PluginHTTPSession(targets, on_notice=self._on_notice, gate=gate)
        other.caller, other.tap = self.caller, self.tap
        self._others.add(other)
        return other

    def violations(self, event: Event) -> list[Violation]:
        """What ``event``, in GA, would be refused for if it were to leave now."""
        if self._websocket is not None:
            return self._websocket.violations(event)
        endpoint = self._connector.target.endpoint
        guard = Guard(endpoint.dialect, endpoint.context)
        return guard.check(to_service(event, endpoint.dialect))

    def unplayed_items(self, played: Collection[str]) -> list[str]:
        """Ids of the agent's items, as far as they are complete, that are not among ``played``."""
        return self._websocket.unplayed_items(played) if self._websocket is not None else []

    def record_playback(self, item_id: str, text: str) -> None:
        """Record that of the agent's interrupted item ``text`` was played to the caller."""
        if self._websocket is not None:
            self._websocket.record_playback(item_id, text)

    def roll_over(self) -> None:
        """Move to another connection at the next quiet moment, as the sessions made of this do."""
        if self._websocket is not None:
            self._websocket.roll_over()
        for other in list(self._others):
            other.roll_over()

    async def ws_connect(self, url: str, *, headers: Any = None) -> PluginWebSocket:
        """A connection to the service. The address and the key that the plugin would use are
        ignored. Raises ``APIConnectionError`` where there is none to be had, in time or ever:
        it has been tried again already."""
        if self._websocket is not None:
            raise APIConnectionError("the connection is gone for good", retryable=False)
        try:
            socket = await self._connector.connect()
        except ServiceError as error:
            logger.error("%s", error)
            if self._on_notice is not None:
                reason = {"reason": str(error)}
                self._on_notice(Notice("connection_lost", reason, logging.ERROR))
            raise APIConnectionError(str(error), retryable=False) from error
        self._websocket = PluginWebSocket(
            socket, self._connector, on_notice=self._on_notice, gate=self._gate, tap=self.tap
        )
        return self._websocket

    async def aclose(self) -> None:
        """Close the connection, where the plugin did not, or never took it over."""
        if self._websocket is not None:
            await self._websocket.close()
        await self._connector.aclose()
        await asyncio.gather(*(other.aclose() for other in list(self._others)))
