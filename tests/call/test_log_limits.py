"""A call's log: one line a kind, bounded and redacted, with a count at the end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any, cast

import pytest
from livekit.agents import APIError

from agent.call.call import close_connections_and_log
from agent.call.log_limits import LogLimits
from agent.redaction import add_secret

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
    assert "quota of [secret]" in record.getMessage()
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
    assert "ValueError: the key is [secret]" in secret.exc_text
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
