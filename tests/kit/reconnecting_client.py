"""A client on a wire to a stand-in whose connections are lost, and what the operator is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from agent.local.speech_synthesis import speech
from agent.local.standin import StandIn, StandInOptions
from agent.local.standin.faults import parse_fault
from agent.local.standin.recorder import SessionRecord
from agent.realtime.connection.service_target import ServiceTarget
from agent.realtime.plugin.http_session import PluginHTTPSession
from agent.realtime.plugin.response_monitor import Notice
from agent.realtime.protocol.dialects import OPENAI_GA, Dialect
from agent.realtime.protocol.parameters import with_defaults
from tests.kit.plugin_client import SCRIPT, TOOLS, Client, endpoint

SPEECH = speech.say("hello")


class ReconnectingClient:
    """A client on a wire to a stand-in, and what the operator is told."""

    def __init__(self, stand_in: StandIn, dialect: Dialect, given: dict[str, Any]) -> None:
        given = {"turn_detection.type": None, **given}
        self.stand_in = stand_in
        self.notices: list[Notice] = []
        way = ServiceTarget(endpoint(dialect, stand_in.url), with_defaults(given, dialect))
        self.session = PluginHTTPSession([way], on_notice=self.notices.append)
        self.client: Client

    @property
    def seen(self) -> list[SessionRecord]:
        """All connections so far, the oldest first."""
        return list(self.stand_in.record.sessions.values())

    async def start(self, **session: Any) -> None:
        self.client = Client(await self.session.ws_connect(""))
        await self.client.send(
            "session.update",
            event_id="first",
            session={"type": "realtime", "tools": TOOLS, **session},
        )
        await self.client.until("session.updated")

    async def hang_up(self, code: int = 1001) -> None:
        self.seen[-1].session.hang_up(code, "")

    async def until(self, condition: Callable[[], Any], seconds: float = 10) -> None:
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - the stand-in tells nobody
                await asyncio.sleep(0.01)

    async def reconnected(self, connections: int = 2) -> SessionRecord:
        """The newest connection, once it has been told everything."""
        await self.until(lambda: self.told().count("reconnected") >= connections - 1)
        return self.seen[-1]

    async def greet(self) -> str:
        await self.client.send("response.create", event_id="greet")
        done = await self.client.until("response.done")
        item_id: str = done["response"]["output"][0]["id"]
        return item_id

    async def speak(self) -> None:
        await self.client.append(SPEECH)
        await self.client.send("input_audio_buffer.commit", event_id="commit")

    def told(self) -> list[str]:
        """What the operator is told, by name."""
        return [notice.name for notice in self.notices]

    def texts(self) -> list[str]:
        """What the newest connection holds of the conversation."""
        return [_text(item) for item in self.seen[-1].as_dict()["items"]]


def _text(item: dict[str, Any]) -> str:
    parts = item.get("content") or []
    said = (part.get("text") or part.get("transcript") or part["type"] for part in parts)
    return "".join(said)


@asynccontextmanager
async def held_line(
    *faults: str,
    dialect: Dialect = OPENAI_GA,
    start: bool = True,
    pace: float = 50,
    given: dict[str, Any] | None = None,
    transcript_ms: int | None = None,
) -> AsyncIterator[ReconnectingClient]:
    options = StandInOptions(
        script=SCRIPT,
        pace=pace,
        dialects=(dialect.name,),
        faults=tuple(map(parse_fault, faults)),
        transcript_ms=transcript_ms,
    )
    async with StandIn(options) as stand_in:
        made = ReconnectingClient(stand_in, dialect, given or {})
        if start:
            await made.start(instructions="Be kind.")
        yield made
        if start:
            await made.client.close()
