"""The real plugin's session on the WebSocket, with the stand-in behind it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from livekit.agents import function_tool

from agent.local.standin import StandIn, StandInOptions
from agent.realtime.connection.service_target import ServiceTarget
from agent.realtime.plugin.http_session import PluginHTTPSession
from agent.realtime.plugin.model import RealtimeSession, realtime_model
from agent.realtime.protocol.dialects import DIALECTS
from agent.realtime.protocol.parameters import with_defaults
from tests.kit.plugin_client import SCRIPT, endpoint


@function_tool
async def opening_hours() -> str:
    """When the restaurant is open."""
    return "From noon until ten."


@asynccontextmanager
async def session(
    dialect: str = "openai_ga", **given: Any
) -> AsyncIterator[tuple[RealtimeSession, StandIn]]:
    chosen = DIALECTS[dialect]
    options = StandInOptions(script=SCRIPT, pace=50, dialects=tuple(DIALECTS))
    async with StandIn(options) as stand_in:
        parameters = with_defaults(given, chosen)
        url = f"http://127.0.0.1:{stand_in.port}"
        model = realtime_model(
            parameters, PluginHTTPSession([ServiceTarget(endpoint(chosen, url), parameters)])
        )
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


def last_tool_choice(seen: dict[str, Any]) -> Any:
    return seen["session"]["tool_choice"]


async def test_tool_choice_is_taken_as_livekit_spells_it() -> None:
    named = {"type": "function", "function": {"name": "opening_hours"}}
    plain = {"type": "function", "name": "opening_hours"}
    async with session() as (running, stand_in):
        await running.update_tools([opening_hours])
        for choice, sent in ((named, plain), (None, "auto"), (plain, plain), ("none", "none")):
            assert running.update_options(tool_choice=choice) == []
            seen = await until(stand_in, lambda seen, s=sent: last_tool_choice(seen) == s)
    assert seen["errors"] == []


async def test_a_refused_change_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with session() as (running, _):
        assert running.update_options(tool_choice="perhaps")
    (record,) = [each for each in caplog.records if "is refused" in each.message]
    assert "'perhaps'" in record.message


@pytest.mark.parametrize("dialect", ["openai_ga", "azure_preview"])
async def test_a_parameter_with_underscores_changes_its_group_and_nothing_else_of_it(
    dialect: str,
) -> None:
    def detection(seen: dict[str, Any]) -> Any:
        place = seen["session"]
        return (place if "turn_detection" in place else place["audio"]["input"])["turn_detection"]

    given = {"turn_detection.type": "server_vad", "turn_detection.silence_duration_ms": 700}
    async with session(dialect, **given) as (running, stand_in):
        assert running.update_options(turn_detection_threshold=0.7) == []
        seen = await until(stand_in, lambda seen: detection(seen).get("threshold") == 0.7)
        assert detection(seen)["silence_duration_ms"] == 700
        assert running.update_options(turn_detection_prefix_padding_ms=200) == []
        seen = await until(stand_in, lambda seen: detection(seen)["prefix_padding_ms"] == 200)
        assert detection(seen)["threshold"] == 0.7
        (violation,) = running.update_options(turn_detection_threshold=1.2)
        assert violation.code == "decimal_above_max_value"
        assert running.update_options(turn_detection_eagerness="low") == []
        seen = await until(stand_in, lambda seen: detection(seen)["type"] == "semantic_vad")
        assert detection(seen)["eagerness"] == "low"
        assert "threshold" not in detection(seen)
    assert seen["errors"] == []


async def test_transcription_and_noise_reduction_change_by_their_parameters() -> None:
    given = {"transcription.model": "whisper-1"}
    async with session(**given) as (running, stand_in):
        options = {"transcription_language": "de", "noise_reduction": "near_field"}
        assert running.update_options(**options, max_output_tokens=300) == []
        seen = await until(stand_in, lambda seen: seen["session"]["max_output_tokens"] == 300)
        heard = seen["session"]["audio"]["input"]
        assert heard["transcription"]["model"] == "whisper-1"
        assert heard["transcription"]["language"] == "de"
        assert heard["noise_reduction"]["type"] == "near_field"
        assert running.update_options(noise_reduction=None) == []
        await until(
            stand_in, lambda seen: seen["session"]["audio"]["input"]["noise_reduction"] is None
        )
    assert seen["errors"] == []


async def test_two_replies_asked_for_at_once_are_both_made() -> None:
    async with session() as (running, stand_in):
        replies = await asyncio.gather(running.generate_reply(), running.generate_reply())
        assert len({reply.response_id for reply in replies}) == 2
        seen = await until(stand_in, lambda seen: seen["sent"].get("response.done") == 2)
    assert seen["errors"] == []


async def test_a_refusal_reaches_the_plugin_at_once() -> None:
    async with session() as (running, _):
        reported: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        running.once("error", reported.set_result)
        running.send_event({"type": "session.update", "session": {"type": "realtime", "bogus": 1}})
        error = await asyncio.wait_for(reported, 2)
    assert error.error.body.message == "Unknown parameter: 'session.bogus'."
