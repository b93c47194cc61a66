"""A Realtime service that accepts every client event but those that a test refuses.

The WebSocket is real. The service validates nothing, speaks GA only, and never answers
``response.create``.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from agent.realtime.connection.credentials import ApiKey
from agent.realtime.connection.endpoint import Endpoint
from agent.realtime.connection.service_target import ServiceTarget
from agent.realtime.plugin.http_session import PluginHTTPSession
from agent.realtime.plugin.response_monitor import Notice
from agent.realtime.protocol.dialects import OPENAI_GA
from agent.realtime.protocol.parameters import with_defaults
from agent.realtime.protocol.rules import Context
from tests.kit.plugin_client import Client

Event = dict[str, Any]
Refuse = Callable[[Event], Event | None]
"""The ``error`` object for a client event, or ``None`` to accept it."""


@dataclass(slots=True)
class Connection:
    """One connection, and the client events that came on it."""

    socket: ServerConnection
    events: list[Event] = field(default_factory=list)
    session: Event = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        return self.socket.state is State.OPEN

    def of(self, kind: str) -> list[Event]:
        return [event for event in self.events if event["type"] == kind]

    async def say(self, *events: Event) -> None:
        for event in events:
            await self.socket.send(json.dumps(event))


class ScriptedService:
    def __init__(self, refuse: Refuse = lambda event: None) -> None:
        self.refuse = refuse
        self.connections: list[Connection] = []
        self.notices: list[Notice] = []
        self.sessions: list[PluginHTTPSession] = []
        self.target: ServiceTarget
        self.session: PluginHTTPSession
        self.client: Client

    @property
    def newest(self) -> Connection:
        return self.connections[-1]

    def new_session(self) -> PluginHTTPSession:
        """What a plugin connects with, to this service."""
        self.sessions.append(PluginHTTPSession([self.target], on_notice=self.notices.append))
        return self.sessions[-1]

    def reported(self) -> list[str]:
        return [notice.name for notice in self.notices]

    async def until(self, condition: Callable[[], Any]) -> None:
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110 - the service tells nobody
                await asyncio.sleep(0.005)

    async def reconnected(self) -> Connection:
        """Hang up; the next connection, once the call has moved to it."""
        before = self.reported().count("reconnected")
        await self.newest.socket.close(1001)
        await self.until(lambda: self.reported().count("reconnected") > before)
        return self.newest

    async def serve(self, socket: ServerConnection) -> None:
        connection = Connection(socket)
        self.connections.append(connection)
        try:
            await connection.say({"type": "session.created", "session": {}})
            async for frame in socket:
                event = json.loads(frame)
                connection.events.append(event)
                await self._answer(connection, event)
        except ConnectionClosed:
            pass

    async def _answer(self, connection: Connection, event: Event) -> None:
        if (error := self.refuse(event)) is not None:
            await connection.say({"type": "error", "error": error})
        elif event["type"] == "session.update":
            connection.session = {**connection.session, **event["session"]}
            await connection.say({"type": "session.updated", "session": connection.session})
        elif event["type"] == "conversation.item.create":
            await connection.say({"type": "conversation.item.added", "item": event["item"]})


@asynccontextmanager
async def scripted(
    refuse: Refuse = lambda event: None, credential: Any = None
) -> AsyncIterator[ScriptedService]:
    """A client of our WebSocket on such a service, its settings accepted."""
    service = ScriptedService(refuse)
    async with serve(service.serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        url = f"ws://127.0.0.1:{port}/v1/realtime?model=m"
        endpoint = Endpoint(OPENAI_GA, url, credential or ApiKey("sk-1"), Context())
        service.target = ServiceTarget(
            endpoint, with_defaults({"turn_detection.type": None}, OPENAI_GA)
        )
        service.session = service.new_session()
        service.client = Client(await service.session.ws_connect(""))
        await service.client.send(
            "session.update", event_id="first", session={"type": "realtime", "instructions": "Kind"}
        )
        await service.client.until("session.updated")
        yield service
        await service.client.close()
