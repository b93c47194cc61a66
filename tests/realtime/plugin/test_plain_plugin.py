"""Upstream's defects of the connection, shown on the plain plugin.

tests/realtime/connection/test_reconnect.py shows what this worker does instead. A failure here is
good news: upstream has mended a defect, and the code that works around it may go.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import aiohttp
from livekit import rtc
from livekit.agents import APIConnectOptions
from livekit.plugins import openai
from openai.types.realtime.realtime_audio_input_turn_detection import ServerVad

from agent.local.audio import SERVICE_RATE, frames
from agent.local.speech_synthesis import speech
from agent.local.standin import StandIn, StandInOptions
from agent.local.standin.faults import parse_fault
from tests.kit.plugin_client import SCRIPT
from tests.kit.plugin_session import PluginSession
from tests.kit.recording_service import RecordingService

FAST = APIConnectOptions(max_retry=2, retry_interval=0.05, timeout=5)


@asynccontextmanager
async def plain(url: str, detection: ServerVad | None = None) -> AsyncIterator[PluginSession]:
    async with aiohttp.ClientSession() as http:
        model = openai.realtime.RealtimeModel(
            base_url=f"{url}/v1",
            api_key="sk-1",
            http_session=http,
            conn_options=FAST,
            turn_detection=detection,
        )
        plugged = PluginSession(model.session())
        yield plugged
        with suppress(Exception):  # it raises what it died of: D1
            await plugged.close()


async def until(condition: Callable[[], object], seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - the plugin tells nobody
            await asyncio.sleep(0.01)


async def test_d9_a_wrong_key_is_tried_again() -> None:
    async with (
        RecordingService(status=401) as service,
        plain(f"http://127.0.0.1:{service.port}") as plugged,
    ):
        await until(lambda: plugged.fatal)
        assert len(service.headers) == FAST.max_retry + 1


async def test_d8_retries_are_counted_from_the_beginning_with_every_handshake() -> None:
    options = StandInOptions(script=SCRIPT, faults=(parse_fault("close-after-accept=0"),))
    async with StandIn(options) as stand_in, plain(stand_in.url) as plugged:
        await until(lambda: len(stand_in.record.sessions) > 4 * FAST.max_retry, 20)
        assert not plugged.fatal


async def test_d7_a_dead_connection_is_not_noticed() -> None:
    options = StandInOptions(script=SCRIPT, faults=(parse_fault("half-open=100"),))
    async with StandIn(options) as stand_in, plain(stand_in.url):
        await until(lambda: stand_in.record.sessions)
        stand_in.faults.clear()
        await asyncio.sleep(5)  # ours asks after three seconds, and gives up at 4.5
        assert len(stand_in.record.sessions) == 1


async def test_d5_the_next_connection_is_told_all_that_was_said_heard_or_not() -> None:
    async with (
        StandIn(StandInOptions(script=SCRIPT, pace=50)) as stand_in,
        plain(stand_in.url) as plugged,
    ):
        await plugged.session.generate_reply()
        assert await plugged.texts(5) == [SCRIPT.greeting]
        (first,) = stand_in.record.sessions.values()
        (item,) = first.session.conversation
        plugged.session.truncate(
            message_id=item.id,
            modalities=["audio", "text"],
            audio_end_ms=600,
            audio_transcript="Hello there,",
        )
        await until(lambda: first.sent["conversation.item.truncated"])
        first.session.hang_up(1001, "")
        await until(lambda: len(stand_in.record.sessions) == 2)
        second = list(stand_in.record.sessions.values())[-1]
        await until(lambda: list(second.session.conversation))
        (again,) = second.session.conversation
        assert again.text == SCRIPT.greeting


async def test_d19_nobody_is_told_that_the_caller_has_stopped_speaking() -> None:
    detection = ServerVad(type="server_vad", threshold=0.5, silence_duration_ms=500)
    async with (
        StandIn(StandInOptions(script=SCRIPT, pace=50)) as stand_in,
        plain(stand_in.url, detection) as plugged,
    ):
        await until(lambda: stand_in.record.sessions)
        for pcm in frames(speech.say("hello"), SERVICE_RATE, 20):
            plugged.session.push_audio(rtc.AudioFrame(pcm, SERVICE_RATE, 1, len(pcm) // 2))
        await until(lambda: plugged.events == ["input_speech_started"])
        next(iter(stand_in.record.sessions.values())).session.hang_up(1001, "")
        await until(lambda: len(stand_in.record.sessions) == 2)
        await asyncio.sleep(1)
        assert plugged.events == ["input_speech_started"]
