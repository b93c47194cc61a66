"""A client of our WebSocket that stands for the plugin, connected to the stand-in.

It sends what a test says, in GA, and collects what comes; it has no state of a session.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from agent.local.audio import SERVICE_RATE, frames
from agent.local.standin import StandIn, StandInOptions
from agent.local.standin.script import Call, Script, Turn
from agent.realtime.connection.credentials import ApiKey
from agent.realtime.connection.endpoint import Endpoint, azure_endpoint, openai_endpoint
from agent.realtime.connection.service_target import ServiceTarget
from agent.realtime.plugin.http_session import PluginHTTPSession
from agent.realtime.plugin.websocket import PluginWebSocket
from agent.realtime.protocol.dialects import DIALECTS, Dialect
from agent.realtime.protocol.parameters import with_defaults
from agent.realtime.protocol.rules import Context
from tests.kit.delayed_proxy import DelayedProxy

Event = dict[str, Any]

SCRIPT = Script(
    greeting="Hello there, this is a rather long greeting, so that there is time to interrupt it.",
    turns=(
        Turn(hear=("hello",), say="Good day to you."),
        Turn(
            hear=("book a table",),
            say="One moment.",
            call=Call(name="book_table", arguments={"people": 2}),
            then="It is booked.",
        ),
    ),
    idle="Are you there?",
    otherwise="Pardon?",
)
TOOLS: list[Event] = [{"type": "function", "name": "book_table", "parameters": {}}]
"""What ``SCRIPT`` calls: the stand-in calls no tool that the session has not declared."""
ALL = [pytest.param(dialect, id=name) for name, dialect in DIALECTS.items()]


def endpoint(dialect: Dialect, url: str, model: str = "gpt-realtime-2.1") -> Endpoint:
    context = Context(model)
    if dialect.azure:
        return azure_endpoint(
            dialect, url, "speech", ApiKey("key", azure=True), "2025-04-01-preview", context
        )
    return openai_endpoint(dialect, f"{url}/v1", model, ApiKey("sk-1"), context)


class Client:
    """Sends events as the plugin would, and collects those that come."""

    def __init__(self, websocket: PluginWebSocket) -> None:
        self._websocket = websocket
        self.events: list[Event] = []
        self._reading = asyncio.create_task(self._read())
        self._changed = asyncio.Event()

    async def send(self, type: str, **fields: Any) -> None:
        await self._websocket.send_str(json.dumps({"type": type, **fields}))

    async def raw(self, text: str) -> None:
        await self._websocket.send_str(text)

    async def append(self, pcm: bytes) -> None:
        for frame in frames(pcm, SERVICE_RATE, 100):
            audio = base64.b64encode(frame).decode()
            await self._websocket.send_str(
                json.dumps({"audio": audio, "type": "input_audio_buffer.append"})
            )

    async def until(self, wanted: Callable[[Event], bool] | str, count: int = 1) -> Event:
        """The ``count``-th event of this kind, of all that came."""
        fits = (lambda event: event["type"] == wanted) if isinstance(wanted, str) else wanted
        async with asyncio.timeout(15):
            while True:
                found = [event for event in self.events if fits(event)]
                if len(found) >= count:
                    return found[count - 1]
                self._changed.clear()
                await self._changed.wait()

    async def error(self, event_id: str | None) -> Event:
        """The refusal of one event."""
        event = await self.until(
            lambda event: event["type"] == "error" and event["error"]["event_id"] == event_id
        )
        error: Event = event["error"]
        return error

    def errors(self) -> list[Event]:
        return [event["error"] for event in self.events if event["type"] == "error"]

    async def close(self) -> None:
        await self._websocket.close()
        await self._reading

    async def _read(self) -> None:
        while (message := await self._websocket.receive()).data is not None:
            if not isinstance(message.data, str):
                break
            self.events.append(json.loads(message.data))
            self._changed.set()


@asynccontextmanager
async def connected(
    dialect: Dialect = DIALECTS["openai_ga"],
    *,
    delay: float = 0.0,
    pace: float = 50.0,
    stand_in: StandIn | None = None,
    model: str = "gpt-realtime-2.1",
    **given: Any,
) -> AsyncIterator[tuple[Client, StandIn]]:
    given.setdefault("turn_detection.type", None)
    options = StandInOptions(script=SCRIPT, pace=pace, dialects=tuple(DIALECTS))
    async with AsyncExitStack() as parts:
        server = stand_in if stand_in else await parts.enter_async_context(StandIn(options))
        line = await parts.enter_async_context(DelayedProxy(server.port, delay))
        address = endpoint(dialect, f"http://127.0.0.1:{line.port}", model)
        session = PluginHTTPSession([ServiceTarget(address, with_defaults(given, dialect))])
        client = Client(await session.ws_connect(""))
        settings = {"type": "realtime", "tools": TOOLS}
        await client.send("session.update", event_id="first", session=settings)
        await client.until("session.updated")
        yield client, server
        await client.close()


async def greeted(client: Client) -> str:
    """Let the agent speak; the id of its item."""
    await client.send("response.create", event_id="greet")
    done = await client.until("response.done")
    item_id: str = done["response"]["output"][0]["id"]
    return item_id


def refusals(stand_in: StandIn) -> list[Event]:
    """What the stand-in refused, of the one session it had."""
    (seen,) = stand_in.record.sessions.values()
    return seen.errors
