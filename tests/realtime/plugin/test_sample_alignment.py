"""Audio deltas cut anywhere reach the plugin as whole samples, and all of them."""

from __future__ import annotations

import asyncio
import json
import random
from base64 import b64decode, b64encode
from typing import Any

import pytest

from agent.realtime.connection.service_target import ServiceTarget
from agent.realtime.plugin.http_session import PluginHTTPSession
from agent.realtime.plugin.model import realtime_model
from agent.realtime.plugin.sample_alignment import SampleAlignment
from agent.realtime.plugin.websocket import PluginWebSocket
from agent.realtime.protocol.dialects import OPENAI_GA
from agent.realtime.protocol.parameters import with_defaults
from tests.kit.recording_service import RecordingService
from tests.kit.scripted_service import Event, scripted

AUDIO = random.Random(1).randbytes(4801)


def delta(audio: bytes, item_id: str = "a") -> Event:
    text = b64encode(audio).decode()
    kind = "response.output_audio.delta"
    return {"type": kind, "response_id": "r", "item_id": item_id, "delta": text}


@pytest.mark.parametrize("size", [1, 3, 999, 1000])
async def test_plugin_plays_audio_that_is_cut_in_the_middle_of_a_sample(size: int) -> None:
    cuts = [AUDIO[at : at + size] for at in range(0, len(AUDIO), size)]
    item = {"id": "a", "type": "message", "role": "assistant", "content": []}
    async with scripted() as service:
        model = realtime_model(service.target.parameters, service.new_session())
        session = model.session()
        generated: asyncio.Queue[Any] = asyncio.Queue()
        session.on("generation_created", generated.put_nowait)
        await service.until(lambda: len(service.connections) == 2 and service.newest.events)
        await service.newest.say(
            {"type": "response.created", "response": {"id": "r"}},
            {"type": "response.output_item.added", "response_id": "r", "item": item},
            *map(delta, cuts),
            {"type": "response.output_item.done", "response_id": "r", "item": item},
            {"type": "response.done", "response": {"id": "r", "status": "completed"}},
        )
        async with asyncio.timeout(5):
            generation = await generated.get()
            message = await anext(generation.message_stream)
            heard = b"".join([bytes(frame.data) async for frame in message.audio_stream])
        assert heard == AUDIO[:4800]
        await session.aclose()
        await model.aclose()


def test_half_a_sample_waits_for_its_own_item() -> None:
    samples = SampleAlignment()
    assert samples.take(delta(b"\1")) is None
    even = delta(b"\2\2", "b")
    assert samples.take(even) is even
    joined = samples.take(delta(b"\1"))
    assert joined is not None
    assert b64decode(joined["delta"]) == b"\1\1"
    samples.take(delta(b"\3"))
    samples.take({"type": "response.output_item.done", "item": {"id": "a"}})
    again = delta(b"\4\4")
    assert samples.take(again) is again


async def test_half_a_sample_does_not_outlive_its_connection() -> None:
    item = {"id": "a", "type": "message", "role": "assistant", "content": []}
    added = {"type": "response.output_item.added", "response_id": "r", "item": item}
    async with RecordingService() as service:
        target = ServiceTarget(service.endpoint(OPENAI_GA), with_defaults({}, OPENAI_GA))
        websocket = await PluginHTTPSession([target]).ws_connect("")
        created = {"type": "response.created", "response": {"id": "r"}}
        for event in (created, added, delta(b"\1\1\1")):
            await service.say(event)
        assert await audio_of(websocket) == b"\1\1"
        await service.hang_up()
        await service.connections(2)
        for event in (created, added, delta(b"\2\2")):
            await service.say(event)
        assert await audio_of(websocket) == b"\2\2"
        await websocket.close()


async def audio_of(websocket: PluginWebSocket) -> bytes:
    """The audio of the next delta that the plugin gets."""
    async with asyncio.timeout(5):
        while True:
            event = json.loads((await websocket.receive()).data)
            if event["type"] == "response.output_audio.delta":
                return b64decode(event["delta"])


@pytest.mark.parametrize("text", ["abc", "\u00e9"])
def test_what_is_no_base64_is_left_as_it_is(text: str) -> None:
    samples = SampleAlignment()
    samples.take(delta(b"\1"))
    broken = {**delta(b""), "delta": text}
    assert samples.take(broken) is broken
