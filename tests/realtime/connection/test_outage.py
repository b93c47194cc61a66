"""However a service fails, an outage stays within its bound and is told once, with its reason.

The bounds are a tenth of what they are in a call.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from livekit.agents import APIConnectionError

from agent.realtime.connection.connector import open_websocket
from agent.realtime.connection.credentials import ApiKey
from agent.realtime.connection.endpoint import Endpoint
from agent.realtime.connection.service_target import ServiceTarget
from agent.realtime.plugin.http_session import PluginHTTPSession
from agent.realtime.plugin.response_monitor import Notice
from agent.realtime.plugin.websocket import PluginWebSocket
from agent.realtime.protocol.dialects import OPENAI_GA
from agent.realtime.protocol.parameters import with_defaults
from agent.realtime.protocol.rules import Context
from tests.kit.handshakes import handshake
from tests.kit.recording_service import RecordingService

BOUND = 0.8
TOLERANCE = 0.4
"""Of a machine that does something else as well."""
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
CREATED = {"type": "session.created", "event_id": "c", "session": {"id": "s", "type": "realtime"}}
UPDATED = {"type": "session.updated", "event_id": "u", "session": {"id": "s", "type": "realtime"}}
UPDATE = {
    "type": "session.update",
    "event_id": "first",
    "session": {"type": "realtime", "instructions": "Be kind."},
}


@pytest.fixture(autouse=True)
def short_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in {
        "connection.retry_budget.OUTAGE_SECONDS": BOUND,
        "connection.retry_budget.LAST_ATTEMPT_SECONDS": 0.1,
        "connection.retry_budget.FIRST_PAUSE": 0.02,
        "connection.retry_budget.LONGEST_PAUSE": 0.3,
        "connection.retry_budget.STEADY_SECONDS": 0.5,
        "connection.connector.CONNECT_SECONDS": 0.5,
        "state.session_settings.SPEAK_SECONDS": 0.5,
        "state.session_settings.CONFIRM_SECONDS": 0.2,
        "connection.resume.SPEAK_SECONDS": 0.5,
        "connection.resume.CONFIRM_SECONDS": 0.2,
    }.items():
        monkeypatch.setattr(f"agent.realtime.{name}", seconds)


class Service:
    """A TCP server on which each connection is served by ``serve``."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self._serving: set[asyncio.Task[Any]] = set()
        self.connections = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[ServiceTarget]:
        async with await asyncio.start_server(self._accept, "127.0.0.1", 0) as server:
            url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            endpoint = Endpoint(OPENAI_GA, url, ApiKey("sk-1"), Context())
            yield ServiceTarget(endpoint, with_defaults({}, OPENAI_GA))
            for task in self._serving:
                task.cancel()
            await asyncio.gather(*self._serving, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        self.connections += 1
        try:
            await self._serve(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()


async def keep_silent(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    await asyncio.sleep(3600)


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    for byte in await handshake(reader):
        writer.write(bytes([byte]))
        await asyncio.sleep(0.05)


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def close_after_accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(await handshake(reader) + b"\x88\x02\x03\xe9")
    await writer.drain()


async def accept_and_keep_silent(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    writer.write(await handshake(reader))
    while await reader.read(65536):
        pass


async def confirm_and_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(await handshake(reader))
    await reader.read(1)
    for event in (CREATED, UPDATED):
        text = json.dumps(event).encode()
        writer.write(b"\x81" + bytes([len(text)]) + text)
    writer.write(b"\x88\x02\x03\xe9")
    await writer.drain()


def refusing(answer: bytes) -> Serve:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    return refuse


HANDSHAKES = {
    "silent": keep_silent,
    "dripping": drip,
    "reset": reset,
    "garbage": refusing(b"\x00\xff" * 50_000),
    "302": refusing(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n"),
    "429": refusing(b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n"),
    "503": refusing(b"HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\n\r\n"),
}


@pytest.mark.parametrize("serve", HANDSHAKES.values(), ids=HANDSHAKES)
@pytest.mark.parametrize("targets", [1, 2], ids=["alone", "with a fallback"])
async def test_handshake_that_fails_ends_the_call_within_the_bound(
    serve: Serve, targets: int
) -> None:
    notices: list[Notice] = []
    service = Service(serve)
    async with service.running() as target:
        # As a job does it: the first connection is begun before the caller is there.
        opening = asyncio.create_task(open_websocket(target.endpoint))
        session = PluginHTTPSession([target] * targets, opening=opening, on_notice=notices.append)
        began = time.monotonic()
        with pytest.raises(APIConnectionError) as caught:
            await session.ws_connect("")
        assert time.monotonic() - began < BOUND + TOLERANCE
        await session.aclose()
    assert service.connections >= 2
    assert not caught.value.retryable
    (notice,) = notices
    assert notice.name == "connection_lost"
    assert notice.detail["reason"] == caught.value.message
    assert "no connection for" in caught.value.message
    assert len(caught.value.message) < 400


async def test_fallback_is_reached_within_the_bound_when_the_first_service_is_silent() -> None:
    async with Service(keep_silent).running() as first, RecordingService() as second:
        other = ServiceTarget(second.endpoint(OPENAI_GA), with_defaults({}, OPENAI_GA))
        session = PluginHTTPSession([first, other])
        began = time.monotonic()
        websocket = await session.ws_connect("")
        assert time.monotonic() - began < BOUND / 2 + TOLERANCE
        await websocket.close()


SESSIONS = {
    "closes at once": (close_after_accept, "it closed the connection"),
    "says nothing": (accept_and_keep_silent, "it accepted the connection and said nothing"),
    "confirms and closes": (confirm_and_close, "it closed the connection"),
}


@pytest.mark.parametrize(("serve", "reason"), SESSIONS.values(), ids=SESSIONS)
async def test_session_that_fails_ends_the_call_within_the_bound(
    serve: Serve, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    notices: list[Notice] = []
    service = Service(serve)
    async with service.running() as target:
        session = PluginHTTPSession([target], on_notice=notices.append)
        began = time.monotonic()
        websocket = await session.ws_connect("")
        await websocket.send_str(json.dumps(UPDATE))
        await end_of(websocket)
        lasted = time.monotonic() - began
        await websocket.close()
    assert lasted < BOUND + TOLERANCE
    assert lasted > BOUND / 2, "it gave up early"
    assert 2 <= service.connections <= 12
    assert notices[-1].name == "connection_lost"
    assert reason in notices[-1].detail["reason"]
    assert len([r for r in caplog.records if r.levelname == "ERROR"]) <= 2


async def test_session_created_without_update_confirmed_goes_on_and_is_reported() -> None:
    async with recorded() as (service, websocket, notices):
        await service.say(CREATED)
        await reported(notices, "settings_unconfirmed")
        await service.hang_up()
        began = time.monotonic()
        await service.connections(2)
        await service.say(CREATED)
        await reported(notices, "reconnected")
        # It is known not to confirm anything: the second time nobody waits for it.
        assert time.monotonic() - began < 0.2
        await service.say({"type": "rate_limits.updated", "rate_limits": []})
        assert (await event_of(websocket, "rate_limits.updated"))["rate_limits"] == []


@pytest.mark.parametrize("named", [True, False], ids=["by id", "with a null event_id"])
async def test_settings_refused_twice_are_reported(named: bool) -> None:
    async with recorded() as (service, websocket, notices):
        await service.say(CREATED)
        for _ in range(2):
            update = await service.received()
            assert update["session"]["instructions"] == "Be kind."
            event_id = update["event_id"] if named else None
            error = {"type": "invalid_request_error", "code": None, "event_id": event_id}
            message = "Unsupported option for this model"
            await service.say({"type": "error", "error": {**error, "message": message}})
        await reported(notices, "settings_refused")
        assert notices[-1].detail == {"reason": "Unsupported option for this model"}
        assert (await event_of(websocket, "error"))["error"]["message"] == message
        # Nothing is left of it that another connection would be asked for.
        await service.say(UPDATED)
        await event_of(websocket, "session.updated")


EMPTY_COMMIT = {
    "type": "error",
    "error": {
        "type": "invalid_request_error",
        "code": "input_audio_buffer_commit_empty",
        "message": "Error committing input audio buffer: buffer too small.",
        "param": None,
        "event_id": None,
    },
}


async def test_refused_commits_without_event_id_do_not_count_as_refused_settings() -> None:
    async with recorded() as (service, websocket, notices):
        for event in (CREATED, EMPTY_COMMIT, EMPTY_COMMIT, UPDATED):
            await service.say(event)
        await event_of(websocket, "session.updated")
    assert "settings_refused" not in [notice.name for notice in notices]


async def test_refused_commit_without_event_id_does_not_refuse_a_reconnects_settings() -> None:
    async with recorded() as (service, websocket, notices):
        await service.say(CREATED)
        await service.say(UPDATED)
        await event_of(websocket, "session.updated")
        assert (await service.received())["type"] == "session.update"
        await service.hang_up()
        await service.connections(2)
        assert (await service.received())["type"] == "session.update"
        for event in (CREATED, EMPTY_COMMIT, UPDATED):
            await service.say(event)
        await reported(notices, "reconnected")
        assert service.frames.empty(), "the settings were sent again"


@pytest.mark.parametrize("late", [False, True], ids=["asked before", "asked after"])
async def test_connection_lost_before_the_call_is_replaced_and_configured(late: bool) -> None:
    """A job's first connection may wait long for the caller, and be closed meanwhile."""
    async with RecordingService() as service:
        target = ServiceTarget(service.endpoint(OPENAI_GA), with_defaults({}, OPENAI_GA))
        opening = asyncio.create_task(open_websocket(target.endpoint))
        await service.connections(1)
        await service.hang_up()
        session = PluginHTTPSession([target], opening=opening)
        websocket = await session.ws_connect("")
        if late:
            await service.connections(2)
        await websocket.send_str(json.dumps(UPDATE))
        assert (await service.received())["session"]["instructions"] == "Be kind."
        for event in (CREATED, UPDATED, {"type": "rate_limits.updated", "rate_limits": []}):
            await service.say(event)
        await event_of(websocket, "rate_limits.updated")
        assert len(service.headers) == 2
        await websocket.close()


async def test_quota_error_is_reported_as_the_end_of_the_connection() -> None:
    async with recorded() as (service, websocket, notices):
        await service.say(CREATED)
        await service.say(UPDATED)
        error = {
            "type": "insufficient_quota",
            "code": "insufficient_quota",
            "message": "No money. " * 10_000,
        }
        for number in range(5):
            event_id = f"quota_{number}"
            await service.say({"type": "error", "event_id": event_id, "error": error})
        for _ in range(4):
            await event_of(websocket, "error")
        assert (await event_of(websocket, "error"))["error"] == error
    lost = [notice.detail["reason"] for notice in notices if notice.name == "connection_lost"]
    assert len(lost) == 1
    assert ": No money. No money." in lost[0]
    assert len(lost[0]) < 300


@asynccontextmanager
async def recorded() -> AsyncIterator[tuple[RecordingService, PluginWebSocket, list[Notice]]]:
    """A wire on which the plugin has asked for its settings."""
    notices: list[Notice] = []
    async with RecordingService() as service:
        target = ServiceTarget(service.endpoint(OPENAI_GA), with_defaults({}, OPENAI_GA))
        websocket = await PluginHTTPSession([target], on_notice=notices.append).ws_connect("")
        await websocket.send_str(json.dumps(UPDATE))
        yield service, websocket, notices
        await websocket.close()


async def reported(notices: list[Notice], name: str) -> None:
    async with asyncio.timeout(5):
        while name not in [notice.name for notice in notices]:  # noqa: ASYNC110 - a plain list
            await asyncio.sleep(0.01)


async def event_of(websocket: PluginWebSocket, kind: str) -> dict[str, Any]:
    async with asyncio.timeout(5):
        while True:
            text = (await websocket.receive()).data
            assert text is not None, "the connection has ended"
            event: dict[str, Any] = json.loads(text)
            if event["type"] == kind:
                return event


async def end_of(websocket: PluginWebSocket) -> None:
    async with asyncio.timeout(5):
        while (await websocket.receive()).data is not None:
            pass
