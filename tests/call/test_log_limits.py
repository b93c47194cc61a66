"""A call's log: one line a kind, bounded and redacted, with a count at the end."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from typing import Any, cast

import pytest
from livekit.agents import APIError

from agent.call.call import close_connections_and_log
from agent.call.log_limits import LogLimits
from agent.errors import ServiceError
from agent.realtime.connection.connector import Connector
from agent.realtime.connection.service_target import ServiceTarget
from agent.realtime.plugin.http_session import PluginHTTPSession
from agent.realtime.protocol.dialects import OPENAI_GA
from agent.realtime.protocol.parameters import with_defaults
from agent.redaction import add_secret
from tests.kit.recording_service import RecordingService

KEY = "a-key-of-somebody"
ours, upstream = logging.getLogger("agent.realtime"), logging.getLogger("livekit.agents")


@pytest.fixture
def limits() -> Iterator[LogLimits]:
    add_secret(KEY)
    limits = LogLimits.install()
    yield limits
    limits.remove()


async def test_log_many_lines_of_a_kind_are_one_and_a_count(
    limits: LogLimits, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(1000):
        ours.warning("%s sent what is no event: %s", "host", number)
    for name in ("reconnected", "reconnected", "event_dropped", "event_dropped"):
        ours.warning("%s", name, extra={"notice": name})
    await limits.report()
    assert [record.getMessage() for record in caplog.records] == [
        "host sent what is no event: 0",
        *("reconnected", "reconnected", "event_dropped"),
        "999 more lines of agent.realtime like: host sent what is no event: 0",
        "1 more lines of agent.realtime like: event_dropped",
    ]


async def test_log_each_refused_event_has_its_line(
    limits: LogLimits, caplog: pytest.LogCaptureFixture
) -> None:
    async with RecordingService() as service:
        way = ServiceTarget(service.endpoint(OPENAI_GA), with_defaults({}, OPENAI_GA))
        wire = await PluginHTTPSession([way]).ws_connect("")
        first: tuple[dict[str, Any], ...]
        first = {"bogus": 1}, {"max_output_tokens": 9999}, {"audio": {"output": {"speed": 99}}}
        for number, wrong in enumerate([*first, *[{"bogus": 1}] * 20]):
            session = {"type": "realtime", **wrong}
            update = {"type": "session.update", "event_id": f"e{number}", "session": session}
            await wire.send_str(json.dumps(update))
        await wire.close()
    await limits.report()
    lines = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    for param in ("session.bogus", "session.max_output_tokens", "session.audio.output.speed"):
        assert [line for line in lines if param in line], param
    assert len(lines) == 12
    assert "11 more lines" in caplog.records[-1].getMessage()


async def test_log_each_failed_attempt_and_each_differing_setting_has_its_line(
    limits: LogLimits, caplog: pytest.LogCaptureFixture
) -> None:
    async with RecordingService() as service:
        way = ServiceTarget(service.endpoint(OPENAI_GA), with_defaults({}, OPENAI_GA))
        wire = await PluginHTTPSession([way]).ws_connect("")
        connector = Connector([way])
        for _ in range(4):
            connector.on_failure(ServiceError("host", "busy", status=503))
        session = {"type": "realtime", "instructions": "Be kind.", "max_output_tokens": 100}
        update = {"type": "session.update", "event_id": "e", "session": session}
        await wire.send_str(json.dumps(update))
        await service.say({"type": "session.updated", "session": {"max_output_tokens": 50}})
        await asyncio.wait_for(wire.receive(), 5)
        await wire.close()
    lines = [record.getMessage() for record in caplog.records]
    assert sum("busy" in line for line in lines) == 4
    for setting in ("instructions", "max_output_tokens"):
        assert any(f"setting_differs: setting {setting}" in line for line in lines), setting


def test_log_error_of_the_service_has_no_traceback(
    limits: LogLimits, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        try:
            raise APIError(f"quota of {KEY}", retryable=False)
        except APIError:
            upstream.exception("Error in _recv_task")
    (record,) = caplog.records
    assert record.exc_info is None
    assert "quota of (hidden)" in record.getMessage()
    assert "test_log_limits.py" in record.getMessage()


def test_log_error_of_a_tool_keeps_its_traceback(
    limits: LogLimits, caplog: pytest.LogCaptureFixture
) -> None:
    for text in ("plain", f"the key is {KEY}", "x" * 20_000):
        try:
            raise ValueError(text)
        except ValueError:
            upstream.exception("exception occurred while executing tool")
    plain, secret, long = caplog.records
    assert plain.exc_info
    assert secret.exc_text is not None
    assert long.exc_text is not None
    assert "ValueError: the key is (hidden)" in secret.exc_text
    assert "in test_log_error_of_a_tool" in secret.exc_text
    assert len(long.exc_text) < 10_000


def test_log_long_texts_and_extras_are_bounded(
    limits: LogLimits, caplog: pytest.LogCaptureFixture
) -> None:
    event = {"type": "response.done", "response": "x" * 100_000}
    upstream.error("x" * 100_000, extra={"error": "y" * 100_000, "lk.pii.event": event})
    (record,) = caplog.records
    assert len(record.getMessage()) < 1100
    assert len(record.__dict__["error"]) < 400
    assert record.__dict__["lk.pii.event"] == "response.done"


async def test_close_limits_the_last_lines_of_a_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Connection:
        async def aclose(self) -> None:
            await asyncio.sleep(0.01)
            for number in range(3):
                logging.getLogger("agent.realtime").warning("the last words: %s", number)

    await close_connections_and_log([cast(Any, Connection())], LogLimits.install())
    assert "the last words: 0" in caplog.text
    assert "the last words: 1" not in caplog.text
    assert "2 more lines of agent.realtime" in caplog.text
