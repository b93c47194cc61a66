"""Upstream's defects of the connection (livekit-agents 1.8.9), shown on the plain plugin.

tests/realtime/connection/test_reconnect.py shows what this worker does instead. A failure here
means that upstream has mended a defect, and that the code which works around it may be removed.
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
        plugin = PluginSession(model.session())
        yield plugin
        with suppress(Exception):  # it raises what it died of: D1
            await plugin.close()


async def until(condition: Callable[[], object], seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - the plugin tells nobody
            await asyncio.sleep(0.01)


async def test_plain_plugin_with_wrong_key_retries() -> None:
    """D9."""
    async with (
        RecordingService(status=401) as service,
        plain(f"http://127.0.0.1:{service.port}") as plugin,
    ):
        await until(lambda: plugin.fatal)
        assert len(service.headers) == FAST.max_retry + 1


async def test_plain_plugin_after_each_handshake_counts_retries_anew() -> None:
    """D8."""
    options = StandInOptions(script=SCRIPT, faults=(parse_fault("close-after-accept=0"),))
    async with StandIn(options) as stand_in, plain(stand_in.url) as plugin:
        await until(lambda: len(stand_in.record.sessions) > 4 * FAST.max_retry, 20)
        assert not plugin.fatal


async def test_plain_plugin_on_half_open_connection_stays() -> None:
    """D7."""
    options = StandInOptions(script=SCRIPT, faults=(parse_fault("half-open=100"),))
    async with StandIn(options) as stand_in, plain(stand_in.url):
        await until(lambda: stand_in.record.sessions)
        stand_in.faults.clear()
        await asyncio.sleep(5)  # this worker sends a ping after 3 s and gives up after 4.5 s
        assert len(stand_in.record.sessions) == 1


async def test_plain_plugin_after_truncation_replays_the_whole_reply() -> None:
    """D5."""
    async with (
        StandIn(StandInOptions(script=SCRIPT, pace=50)) as stand_in,
        plain(stand_in.url) as plugin,
    ):
        await plugin.session.generate_reply()
        assert await plugin.texts(5) == [SCRIPT.greeting]
        (first,) = stand_in.record.sessions.values()
        (item,) = first.session.conversation
        plugin.session.truncate(
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


async def test_plain_plugin_on_loss_does_not_report_end_of_speech() -> None:
    """D19."""
    detection = ServerVad(type="server_vad", threshold=0.5, silence_duration_ms=500)
    async with (
        StandIn(StandInOptions(script=SCRIPT, pace=50)) as stand_in,
        plain(stand_in.url, detection) as plugin,
    ):
        await until(lambda: stand_in.record.sessions)
        for pcm in frames(speech.say("hello"), SERVICE_RATE, 20):
            plugin.session.push_audio(rtc.AudioFrame(pcm, SERVICE_RATE, 1, len(pcm) // 2))
        await until(lambda: plugin.events == ["input_speech_started"])
        received: list[str] = []
        plugin.session.on(
            "openai_server_event_received", lambda event: received.append(event["type"])
        )
        next(iter(stand_in.record.sessions.values())).session.hang_up(1001, "")
        await until(lambda: len(stand_in.record.sessions) == 2)
        await until(lambda: "session.updated" in received)
        assert plugin.events == ["input_speech_started"]
