"""The real plugin's session on the wire, with the stand-in behind it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from agent.local.standin import StandIn, StandInOptions
from agent.realtime.dialects import DIALECTS
from agent.realtime.model import RealtimeSession, realtime_model
from agent.realtime.parameters import with_defaults
from agent.realtime.way import Way
from agent.realtime.wire_session import WireSession
from tests.realtime.wired import SCRIPT, endpoint


@asynccontextmanager
async def session(
    dialect: str = "openai_ga", **given: Any
) -> AsyncIterator[tuple[RealtimeSession, StandIn]]:
    chosen = DIALECTS[dialect]
    options = StandInOptions(script=SCRIPT, pace=50, dialects=tuple(DIALECTS))
    async with StandIn(options) as stand_in:
        parameters = with_defaults(given, chosen)
        url = f"http://127.0.0.1:{stand_in.port}"
        model = realtime_model(parameters, WireSession([Way(endpoint(chosen, url), parameters)]))
        running = model.session()
        await until(stand_in, lambda seen: seen["sent"].get("session.updated", 0) >= 1)
        yield running, stand_in
        await running.aclose()
        await model.aclose()


async def until(stand_in: StandIn, wanted: Any) -> dict[str, Any]:
    async with asyncio.timeout(10):
        while True:
            for seen in list(stand_in.record.sessions.values()):
                if wanted(shown := json.loads(json.dumps(seen.as_dict()))):
                    found: dict[str, Any] = shown
                    return found
            await asyncio.sleep(0.01)


async def test_a_change_that_is_refused_is_returned_and_changes_nothing() -> None:
    async with session() as (running, stand_in):
        (violation,) = running.update_options(speed=99)
        assert violation.code == "decimal_above_max_value"
        (violation,) = running.update_options(temperature=0.8)
        assert violation.code == "unknown_parameter"
        assert running.update_options(speed=1.2, max_response_output_tokens=300) == []
        seen = await until(stand_in, lambda seen: seen["sent"]["session.updated"] == 2)
    assert seen["session"]["audio"]["output"]["speed"] == 1.2
    assert seen["session"]["max_output_tokens"] == 300
    assert seen["errors"] == []


async def test_what_the_plugin_cannot_say_can_be_changed_too() -> None:
    async with session("azure_preview", temperature=0.7) as (running, stand_in):
        (violation,) = running.update_options(temperature=0)
        assert violation.param == "session.temperature"
        assert running.update_options(temperature=1.1) == []
        seen = await until(stand_in, lambda seen: seen["session"].get("temperature") == 1.1)
        with pytest.raises(TypeError, match="'warmth' is no parameter"):
            running.update_options(warmth=1)
    assert seen["errors"] == []


async def test_two_replies_asked_for_at_once_are_both_made() -> None:
    async with session() as (running, stand_in):
        replies = await asyncio.gather(running.generate_reply(), running.generate_reply())
        assert len({reply.response_id for reply in replies}) == 2
        seen = await until(stand_in, lambda seen: seen["sent"].get("response.done") == 2)
    assert seen["errors"] == []


async def test_a_refusal_reaches_the_plugin_at_once() -> None:
    async with session() as (running, _):
        told: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        running.once("error", told.set_result)
        running.send_event({"type": "session.update", "session": {"type": "realtime", "bogus": 1}})
        error = await asyncio.wait_for(told, 2)
    assert error.error.body.message == "Unknown parameter: 'session.bogus'."
