"""Every private name of upstream that the project relies on. A failure here means: read upstream's
change, adapt the one place that uses the name, then this test."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import inspect
from functools import cached_property
from typing import cast

import aiohttp
from livekit import rtc
from livekit.agents import AgentServer, AgentSession, JobContext
from livekit.agents.ipc.job_proc_lazy_main import ProcStartArgs
from livekit.agents.voice.room_io import RoomIO
from livekit.agents.voice.room_io._output import _ParticipantAudioOutput
from livekit.agents.voice.room_io._pre_connect_audio import PreConnectAudioHandler
from livekit.plugins import openai

from agent.processes import UPSTREAM_PRELOAD
from agent.realtime.protocol.audio import PLUGIN_FORMAT
from agent.realtime.validation.guard import PLUGIN_APPEND, parse_append


def test_the_modules_that_a_forkserver_preloads() -> None:
    """agent/processes.py starts it early, with upstream's own list after ours."""
    source = inspect.getsource(AgentServer.run)
    listed = [name for name in UPSTREAM_PRELOAD if f'"{name}"' in source]
    assert listed == UPSTREAM_PRELOAD
    assert source.count('"livekit.agents.ipc.') == len(UPSTREAM_PRELOAD)


def test_a_model_keeps_its_sessions() -> None:
    """agent/realtime/plugin/model.py adds its subclass of a session where upstream adds its own."""
    source = inspect.getsource(openai.realtime.RealtimeModel.session)
    assert "sess = RealtimeSession(" in source
    assert "self._sessions.add(sess)" in source


def test_what_the_agents_audio_waits_for() -> None:
    """agent/voice/track_subscription.py puts another future in this one's place."""
    source = inspect.getsource(_ParticipantAudioOutput)
    assert "await self._subscribed_fut\n" in source
    assert "return self._subscribed_fut\n" in source
    assert "if not self._subscribed_fut.done():" in source


def test_when_audio_from_before_the_call_can_be_taken() -> None:
    """agent/call/pre_connect_audio.py hands it to the handler that RoomIO has registered by
    the time that the session's start first gives way to other tasks."""
    source = inspect.getsource(RoomIO.start)
    assert "await" not in source
    assert "self._pre_connect_audio_handler.register()" in source
    handler = inspect.getsource(PreConnectAudioHandler.register)
    assert "register_byte_stream_handler(PRE_CONNECT_AUDIO_BUFFER_STREAM, _handler)" in handler
    start = inspect.getsource(AgentSession.start)
    assert "await" not in start[: start.index("await self._room_io.start(")].partition('"""')[2]
    assert "self._byte_stream_handlers[topic] = handler" in inspect.getsource(rtc.Room)


def test_how_a_worker_refuses_a_job() -> None:
    """agent/server.py says why, in the two places where it is decided."""
    source = inspect.getsource(AgentServer)
    assert "if not self._is_available():" in source
    assert "self._answer_availability(msg, received_at=time.time())" in source
    assert "self._previous_status = status" in source
    assert "def _get_effective_load(self) -> float:" in source


def test_who_is_reported_of_a_process_that_has_ended() -> None:
    """agent/server.py extends what upstream calls with each."""
    source = inspect.getsource(AgentServer)
    assert "async def _update_job_status(self, proc: ipc.job_executor.JobExecutor)" in source
    assert 'self._proc_pool.on("process_closed", _update_job_status)' in source
    assert "t = self._loop.create_task(self._update_job_status(proc))" in source


def test_where_the_plugin_touches_the_network() -> None:
    """agent/realtime/plugin/websocket.py stands in for these calls, and for no others."""
    source = inspect.getsource(inspect.getmodule(openai.realtime.RealtimeSession))  # type: ignore[arg-type]
    assert source.count(".ws_connect(") == 1
    assert source.count("ws_conn.send_str(") == 2
    assert source.count("ws_conn.receive()") == 1
    assert source.count("ws_conn.close()") == 2
    assert source.count("ws_conn.") == 5


def test_a_job_process_unpickles_its_setup_before_its_entrypoint() -> None:
    """agent/processes.py hands over the worker's settings with the first of the two."""
    names = [field.name for field in dataclasses.fields(ProcStartArgs)]
    assert names[:2] == ["initialize_process_fnc", "job_entrypoint_fnc"]


def test_a_jobs_api_can_be_given_to_it() -> None:
    """agent/call/api_requests.py sets the one that has the secret."""
    assert isinstance(JobContext.__dict__["api"], cached_property)


def test_who_connects_a_session_of_the_plugin() -> None:
    """agent/realtime/plugin/model.py connects by a WebSocket of the session's own."""
    session = openai.realtime.RealtimeSession
    assert "ws_conn = await self._create_ws_conn()" in inspect.getsource(session._main_task)
    assert "self._report_connection_acquired(" in inspect.getsource(session._create_ws_conn)


async def test_how_the_plugin_spells_an_append() -> None:
    """agent/realtime/validation/guard.py recognises this spelling without parsing it."""
    written: asyncio.Queue[str] = asyncio.Queue()

    class WebSocket:
        async def send_str(self, text: str) -> None:
            if "input_audio_buffer.append" in text:
                written.put_nowait(text)

        async def receive(self) -> aiohttp.WSMessage:
            await asyncio.get_running_loop().create_future()
            raise AssertionError

        async def close(self) -> None:
            pass

    class HTTPSession:
        async def ws_connect(self, **_: object) -> WebSocket:
            return WebSocket()

    model = openai.realtime.RealtimeModel(
        api_key="sk-1", http_session=cast("aiohttp.ClientSession", HTTPSession())
    )
    session = model.session()
    pcm = bytes(range(240)) * 20
    session.push_audio(rtc.AudioFrame(pcm, PLUGIN_FORMAT.sample_rate, 1, len(pcm) // 2))
    text = await asyncio.wait_for(written.get(), 5)
    await session.aclose()
    before, after = PLUGIN_APPEND
    assert text == before + base64.b64encode(pcm).decode() + after
    chunk = parse_append(text)
    assert chunk is not None
    assert (chunk.event_text, chunk.size_bytes, chunk.duration_ms) == (text, 4800, 100)
