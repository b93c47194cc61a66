"""A client of our WebSocket on a stand-in whose connections are lost.

Sockets, dialects and reconnecting are real; the plugin is replaced by a client that sends what a
test says and sends no audio by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

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
    """One call without a plugin or a room, its connections so far and its notices."""

    def __init__(self, stand_in: StandIn, dialect: Dialect, given: dict[str, Any]) -> None:
        given = {"turn_detection.type": None, **given}
        self.stand_in = stand_in
        self.notices: list[Notice] = []
        self._flushed = 0
        target = ServiceTarget(endpoint(dialect, stand_in.url), with_defaults(given, dialect))
        self.session = PluginHTTPSession([target], on_notice=self.notices.append)
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

    async def lose_connection(self, caplog: pytest.LogCaptureFixture) -> None:
        """End the newest connection; return once the client's side has noticed, and logged it."""
        before = len(caplog.messages)
        await self.hang_up()
        await self.until(lambda: len(caplog.messages) > before)

    async def flush(self) -> None:
        """Return once the service has taken everything that was sent before: it answers an event
        that changes nothing of the conversation, and answers in order."""
        self._flushed += 1
        await self.client.send("input_audio_buffer.clear", event_id=f"flush_{self._flushed}")
        await self.client.until("input_audio_buffer.cleared", count=self._flushed)

    async def until(self, condition: Callable[[], Any], seconds: float = 10) -> None:
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - the stand-in tells nobody
                await asyncio.sleep(0.01)

    async def reconnected(self, connections: int = 2) -> SessionRecord:
        """Return the newest connection once the conversation is replayed on it."""
        await self.until(lambda: self.notice_names().count("reconnected") >= connections - 1)
        return self.seen[-1]

    async def greet(self) -> str:
        await self.client.send("response.create", event_id="greet")
        done = await self.client.until("response.done")
        item_id: str = done["response"]["output"][0]["id"]
        return item_id

    async def speak(self) -> None:
        await self.client.append(SPEECH)
        await self.client.send("input_audio_buffer.commit", event_id="commit")

    def notice_names(self) -> list[str]:
        """Names of the notices to the operator, the oldest first."""
        return [notice.name for notice in self.notices]

    def texts(self) -> list[str]:
        """The conversation's items on the newest connection, as text; ``input_audio`` for sound."""
        return [_text(item) for item in self.seen[-1].as_dict()["items"]]


def _text(item: dict[str, Any]) -> str:
    parts = item.get("content") or []
    said = (part.get("text") or part.get("transcript") or part["type"] for part in parts)
    return "".join(said)


@asynccontextmanager
async def reconnecting_client(
    *faults: str,
    dialect: Dialect = OPENAI_GA,
    start: bool = True,
    pace: float = 50,
    given: dict[str, Any] | None = None,
    transcript_ms: int | None = None,
) -> AsyncIterator[ReconnectingClient]:
    """A started call, closed afterwards. ``pace`` is how many times faster than speech the
    stand-in sends a reply; with ``start`` false no settings are sent."""
    options = StandInOptions(
        script=SCRIPT,
        pace=pace,
        dialects=(dialect.name,),
        faults=tuple(map(parse_fault, faults)),
        transcript_ms=transcript_ms,
    )
    async with StandIn(options) as stand_in:
        call = ReconnectingClient(stand_in, dialect, given or {})
        if start:
            await call.start(instructions="Be kind.")
        yield call
        if start:
            await call.client.close()
