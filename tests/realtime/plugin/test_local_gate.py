"""Where the worker detects turns: the caller's speech reaches the service, however late that is."""

from __future__ import annotations

import asyncio

from livekit import rtc

from agent.local.audio import SERVICE_RATE, silence
from agent.local.speech_synthesis import speech
from agent.local.standin import StandIn, StandInOptions
from agent.realtime.connection.connector import open_websocket
from agent.realtime.connection.service_target import ServiceTarget
from agent.realtime.connection.websocket import ServiceWebSocket
from agent.realtime.plugin.http_session import PluginHTTPSession
from agent.realtime.plugin.model import RealtimeSession, realtime_model
from agent.realtime.protocol.dialects import OPENAI_GA
from agent.realtime.protocol.parameters import with_defaults
from agent.realtime.state.audio_gate import AudioGate
from tests.kit.plugin_client import SCRIPT, endpoint


def push(session: RealtimeSession, pcm: bytes) -> None:
    session.push_audio(rtc.AudioFrame(pcm, SERVICE_RATE, 1, len(pcm) // 2))


async def test_speech_before_the_connection_is_made_is_sent_and_silence_is_not() -> None:
    async with StandIn(StandInOptions(script=SCRIPT, pace=50)) as stand_in:
        target = ServiceTarget(
            endpoint(OPENAI_GA, stand_in.url),
            with_defaults({"turn_detection.type": None}, OPENAI_GA),
        )
        may_connect = asyncio.Event()

        async def connect() -> ServiceWebSocket:
            await may_connect.wait()
            return await open_websocket(target.endpoint)

        gate = AudioGate(pre_roll_ms=300, lag_ms=200)
        http_session = PluginHTTPSession(
            [target], opening=asyncio.create_task(connect()), gate=gate
        )
        session = realtime_model(target.parameters, http_session).session()
        heard: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        session.on(
            "input_audio_transcription_completed", lambda event: heard.set_result(event.transcript)
        )
        push(session, silence(3, SERVICE_RATE))
        session.on_caller_speaking(True)
        push(session, speech.say("hello") + silence(0.3, SERVICE_RATE))
        session.on_caller_speaking(False)
        session.commit_audio()
        push(session, silence(3, SERVICE_RATE))
        may_connect.set()
        assert await asyncio.wait_for(heard, 10) == "hello"
        (seen,) = stand_in.record.sessions.values()
        assert seen.errors == []
        assert seen.received["input_audio_buffer.append"] < 20
        await session.aclose()


async def test_session_that_begins_while_the_caller_speaks_is_reported_so() -> None:
    """A handoff in the middle of the caller's sentence."""
    async with StandIn(StandInOptions(script=SCRIPT, pace=50)) as stand_in:
        target = ServiceTarget(
            endpoint(OPENAI_GA, stand_in.url),
            with_defaults({"turn_detection.type": None}, OPENAI_GA),
        )
        model = realtime_model(
            target.parameters,
            PluginHTTPSession([target], gate=AudioGate(pre_roll_ms=300, lag_ms=200)),
        )
        first = model.session()
        first.on_caller_speaking(True)
        second = model.with_options(voice="ash").session()
        push(second, silence(1, SERVICE_RATE))
        second.on_caller_speaking(False)
        seen = stand_in.record.sessions
        async with asyncio.timeout(10):
            while not any(each.received["input_audio_buffer.append"] for each in seen.values()):  # noqa: ASYNC110 - the stand-in tells nobody
                await asyncio.sleep(0.01)
        await first.aclose()
        await second.aclose()
