"""A Realtime service whose answers a test writes event by event, right or wrong.

The WebSocket and the plugin are real. The service validates nothing, speaks GA only, and
answers only ``session.update`` and ``response.create``.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Self

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from agent.realtime.connection.credentials import ApiKey
from agent.realtime.connection.endpoint import openai_endpoint
from agent.realtime.connection.service_target import ServiceTarget
from agent.realtime.plugin.http_session import PluginHTTPSession
from agent.realtime.plugin.model import realtime_model
from agent.realtime.plugin.response_monitor import Notice
from agent.realtime.protocol.dialects import OPENAI_GA
from agent.realtime.protocol.parameters import with_defaults
from agent.realtime.protocol.rules import Context
from tests.kit.plugin_session import PluginSession

Event = dict[str, Any]
SOUND = base64.b64encode(bytes(4800)).decode()
"""100 ms."""


class Connection:
    """One connection, from the service's side, with a method for each event that it can send."""

    def __init__(self, socket: ServerConnection, change: Callable[[Event], Event]) -> None:
        self._socket = socket
        self._change = change
        self._numbers = itertools.count(1)

    async def say(self, kind: str, **fields: Any) -> None:
        event = {"type": kind, "event_id": f"event_{next(self._numbers)}", **fields}
        await self.raw(json.dumps(self._change(event)))

    async def raw(self, frame: str | bytes) -> None:
        await self._socket.send(frame)

    async def created(self, id: str = "r", **fields: Any) -> None:
        response = {"id": id, "status": "in_progress", "output": [], **fields}
        await self.say("response.created", response=response)

    async def added(self, item_id: str = "i", response_id: str = "r", **fields: Any) -> None:
        item = {"id": item_id, "type": "message", "role": "assistant", "content": [], **fields}
        await self.say("response.output_item.added", response_id=response_id, item=item)

    async def words(self, text: str, item_id: str = "i", response_id: str = "r") -> None:
        """Words, and 100 ms of sound."""
        ids = {"item_id": item_id, "response_id": response_id, "content_index": 0}
        await self.say("response.output_audio_transcript.delta", **ids, delta=text)
        await self.say("response.output_audio.delta", **ids, delta=SOUND)

    async def item_done(self, item_id: str = "i", response_id: str = "r", **fields: Any) -> None:
        item = {"id": item_id, "type": "message", "role": "assistant", "content": [], **fields}
        item["status"] = "completed"
        await self.say("response.output_item.done", response_id=response_id, item=item)

    async def done(self, id: str = "r", status: str = "completed", **fields: Any) -> None:
        await self.say("response.done", response={"id": id, "status": status, **fields})

    async def answer(self, text: str, number: int, **fields: Any) -> None:
        """All of an ordinary answer."""
        ids = (f"i{number}", f"r{number}")
        await self.created(ids[1], **fields)
        await self.added(*ids)
        await self.words(text, *ids)
        await self.item_done(*ids)
        await self.done(ids[1])


Answer = Callable[[Connection, Event], Awaitable[None]]


class OddService:
    """``answer`` is called with every ``response.create``; ``change`` is applied to every event
    before it leaves."""

    def __init__(self, answer: Answer, change: Callable[[Event], Event] = lambda event: event):
        self._answer = answer
        self._change = change
        self.received: list[Event] = []
        self.connections: list[Connection] = []

    async def __aenter__(self) -> Self:
        self._server = await serve(self._serve, "127.0.0.1", 0)
        self.port = next(iter(self._server.sockets)).getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, socket: ServerConnection) -> None:
        connection = Connection(socket, self._change)
        self.connections.append(connection)
        try:
            await connection.say("session.created", session={"type": "realtime"})
            async for frame in socket:
                event = json.loads(frame)
                self.received.append(event)
                if event["type"] == "session.update":
                    await connection.say("session.updated", session=event["session"])
                elif event["type"] == "conversation.item.create":
                    await connection.say("conversation.item.added", item=event["item"])
                elif event["type"] == "response.create":
                    await self._answer(connection, event)
        except ConnectionClosed:
            pass


class Caller(PluginSession):
    """The real plugin on our WebSocket, and the notices of its connection."""

    def __init__(self, service: OddService, turn_detection: str | None = None) -> None:
        self.notices: list[Notice] = []
        parameters = with_defaults({"turn_detection.type": turn_detection}, OPENAI_GA)
        url = f"http://127.0.0.1:{service.port}/v1"
        key, context = ApiKey("a-key-of-somebody"), Context("gpt-realtime")
        endpoint = openai_endpoint(OPENAI_GA, url, "gpt-realtime", key, context)
        http_session = PluginHTTPSession(
            [ServiceTarget(endpoint, parameters)], on_notice=self.notices.append
        )
        super().__init__(realtime_model(parameters, http_session).session())

    async def ask(self, within: float = 3.0) -> str:
        """Ask for an answer; the words of all answers that came."""
        await asyncio.wait_for(self.session.generate_reply(), within)
        return " ".join(await self.texts(within))

    def reported(self, name: str) -> list[dict[str, Any]]:
        return [notice.detail for notice in self.notices if notice.name == name]


@asynccontextmanager
async def calling(
    answer: Answer,
    change: Callable[[Event], Event] = lambda event: event,
    turn_detection: str | None = None,
) -> AsyncIterator[tuple[Caller, OddService]]:
    async with OddService(answer, change) as service:
        caller = Caller(service, turn_detection)
        yield caller, service
        await caller.close()


def metadata(create: Event) -> dict[str, Any]:
    """What a service repeats of the request in the response, as ``response.created`` has it."""
    return {"metadata": create["response"].get("metadata")}
