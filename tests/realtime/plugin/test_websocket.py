"""The WebSocket between plugin and service: what leaves, what is held back, what comes in."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from livekit.agents import APIConnectionError

from agent.realtime.connection.connector import open_websocket
from agent.realtime.connection.service_target import ServiceTarget
from agent.realtime.plugin.http_session import PluginHTTPSession
from agent.realtime.plugin.websocket import PluginWebSocket
from agent.realtime.protocol.dialects import AZURE_PREVIEW, OPENAI_GA, Dialect
from agent.realtime.protocol.parameters import with_defaults
from tests.kit.recording_service import RecordingService


@asynccontextmanager
async def wired(
    dialect: Dialect, **given: Any
) -> AsyncIterator[tuple[PluginWebSocket, RecordingService]]:
    async with RecordingService() as service:
        session = PluginHTTPSession(
            [ServiceTarget(service.endpoint(dialect), with_defaults(given, dialect))]
        )
        websocket = await session.ws_connect(
            "ws://elsewhere.invalid", headers={"api-key": "not ours"}
        )
        yield websocket, service
        await websocket.close()


def update(**session: Any) -> str:
    session = {"type": "realtime", **session}
    return json.dumps({"type": "session.update", "event_id": "e1", "session": session})


async def reported(websocket: PluginWebSocket) -> dict[str, Any]:
    message = await asyncio.wait_for(websocket.receive(), 5)
    assert message.type is aiohttp.WSMsgType.TEXT
    event: dict[str, Any] = json.loads(message.data)
    return event


async def test_where_and_with_which_key_is_not_the_plugins_choice() -> None:
    async with wired(OPENAI_GA) as (_, service):
        assert "api-key" not in service.headers[0]
        assert service.headers[0]["Authorization"] == "Bearer sk-1"


async def test_a_token_limit_takes_effect_under_each_dialects_name() -> None:
    async with wired(OPENAI_GA, max_output_tokens=200) as (websocket, service):
        await websocket.send_str(update(max_output_tokens="inf"))
        assert (await service.received())["session"]["max_output_tokens"] == 200
    async with wired(AZURE_PREVIEW, max_output_tokens=200) as (websocket, service):
        await websocket.send_str(update(max_output_tokens="inf"))
        assert (await service.received())["session"]["max_response_output_tokens"] == 200


async def test_a_temperature_takes_effect_on_the_flat_dialect() -> None:
    async with wired(AZURE_PREVIEW, temperature=0.7) as (websocket, service):
        await websocket.send_str(update(model="gpt-realtime"))
        session = (await service.received())["session"]
    assert session["temperature"] == 0.7
    assert "type" not in session
    assert "model" not in session


async def test_what_breaks_a_rule_is_answered_and_not_sent() -> None:
    async with wired(AZURE_PREVIEW) as (websocket, service):
        await websocket.send_str(update())
        await service.received()
        await websocket.send_str(update(max_output_tokens=9999))
        await websocket.send_str(json.dumps({"type": "response.create", "event_id": "e2"}))
        error = (await reported(websocket))["error"]
        assert (await service.received())["type"] == "response.create"
    assert error["code"] == "integer_above_max_value"
    assert error["param"] == "session.max_response_output_tokens"
    assert error["event_id"] == "e1"


async def test_a_refusal_is_there_within_the_same_turn_of_the_loop() -> None:
    async with wired(OPENAI_GA) as (websocket, _):
        await websocket.send_str(update(bogus=1))
        with pytest.raises(StopIteration) as done:  # without ever waiting
            websocket.receive().send(None)
    assert json.loads(done.value.value.data)["error"]["param"] == "session.bogus"


@pytest.mark.parametrize(
    "text", ['{"event_id": "e9", "x": NaN}', '{"event_id": "e9", "x": "\\uD83D"}']
)
async def test_text_that_is_no_event_is_refused_by_its_event_id(text: str) -> None:
    async with wired(OPENAI_GA) as (websocket, _):
        await websocket.send_str(text)
        error = (await reported(websocket))["error"]
    assert (error["code"], error["event_id"]) == ("invalid_json", "e9")


async def test_settings_with_half_a_character_do_not_leave() -> None:
    async with wired(OPENAI_GA, instructions="\ud83d") as (websocket, _):
        await websocket.send_str(update())
        error = (await reported(websocket))["error"]
    assert (error["param"], error["event_id"]) == ("session.instructions", "e1")


async def test_a_limit_of_one_response_takes_effect_under_each_dialects_name() -> None:
    async with wired(AZURE_PREVIEW) as (websocket, service):
        await websocket.send_str(update())
        await service.received()
        response = {"max_output_tokens": 50}
        await websocket.send_str(json.dumps({"type": "response.create", "response": response}))
        assert (await service.received())["response"] == response


async def test_audio_leaves_untouched() -> None:
    audio = json.dumps(
        {"audio": base64.b64encode(bytes(4800)).decode(), "type": "input_audio_buffer.append"}
    )
    async with wired(AZURE_PREVIEW) as (websocket, service):
        await websocket.send_str(audio)
        assert await service.frames.get() == audio


async def test_a_flat_service_speaks_ga_to_the_plugin() -> None:
    async with wired(AZURE_PREVIEW) as (websocket, service):
        await service.say({"type": "response.created", "response": {"id": "r"}})
        await service.say({"type": "response.audio.done", "item_id": "a"})
        await reported(websocket)
        assert (await reported(websocket))["type"] == "response.output_audio.done"


async def test_a_ga_service_is_passed_on_to_the_letter() -> None:
    async with wired(OPENAI_GA) as (websocket, service):
        text = '{"type":"rate_limits.updated","rate_limits":[]}'
        await service.say(text)
        assert (await websocket.receive()).data == text


async def test_an_end_for_good_is_the_plugins() -> None:
    async with wired(OPENAI_GA) as (websocket, service):
        await service.hang_up(3000)
        message = await websocket.receive()
    assert message.type is aiohttp.WSMsgType.CLOSED


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_what_will_never_work_is_not_tried_again(status: int) -> None:
    """Upstream tries a wrong key again for four seconds, and hides the status (D9)."""
    async with RecordingService(status=status) as service:
        session = PluginHTTPSession(
            [ServiceTarget(service.endpoint(OPENAI_GA), with_defaults({}, OPENAI_GA))]
        )
        with pytest.raises(
            APIConnectionError, match=rf"127.0.0.1:{service.port} \({status}\)"
        ) as caught:
            await session.ws_connect("")
        assert len(service.headers) == 1
    assert not caught.value.retryable


async def test_a_connection_that_was_begun_early_is_taken_over() -> None:
    async with RecordingService() as service:
        endpoint = service.endpoint(OPENAI_GA)
        opening = asyncio.create_task(open_websocket(endpoint))
        session = PluginHTTPSession(
            [ServiceTarget(endpoint, with_defaults({}, OPENAI_GA))], opening=opening
        )
        websocket = await session.ws_connect("")
        assert len(service.headers) == 1
        await websocket.close()


async def test_a_connection_that_nobody_took_is_closed() -> None:
    async with RecordingService() as service:
        endpoint = service.endpoint(OPENAI_GA)
        opening = asyncio.create_task(open_websocket(endpoint))
        session = PluginHTTPSession(
            [ServiceTarget(endpoint, with_defaults({}, OPENAI_GA))], opening=opening
        )
        socket = await asyncio.shield(opening)
        await session.aclose()
        assert socket.is_closed
