"""Clients that nobody here wrote, unchanged, against the stand-in."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import openai
import pytest
import pytest_asyncio
from livekit.agents import Agent, AgentSession, function_tool
from livekit.plugins import openai as livekit_openai
from openai.types.realtime import AudioTranscription

from agent.local.audio import SERVICE_RATE, is_speech, silence, write_wav
from agent.local.speech_synthesis import speech
from agent.local.standin import StandIn

pytestmark = pytest.mark.asyncio(loop_scope="module")

QUESTION = "what are your opening hours"
PIPECAT = "pipecat-ai[openai]==1.14.0"


def question() -> bytes:
    spoken = speech.say(QUESTION, voice="cedar")
    return silence(0.3, SERVICE_RATE) + spoken + silence(1.5, SERVICE_RATE)


@pytest_asyncio.fixture(loop_scope="module")
async def client(server: StandIn) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(api_key="sk", base_url=f"{server.url}/v1") as client:
        yield client


async def test_the_openai_package_speaks_and_is_answered(client: openai.AsyncOpenAI) -> None:
    async with client.realtime.connect(model="gpt-realtime") as connection:
        await connection.session.update(
            session={
                "type": "realtime",
                "audio": {"input": {"transcription": {"model": "whisper-1"}}},
            }
        )
        await connection.input_audio_buffer.append(audio=base64.b64encode(question()).decode())
        sound, transcript = b"", ""
        async for event in connection:
            assert event.type != "error", event
            if event.type == "response.output_audio.delta":
                sound += base64.b64decode(event.delta)
            elif event.type == "conversation.item.input_audio_transcription.completed":
                transcript = event.transcript
            elif event.type == "response.done":
                break
        assert transcript == QUESTION
        assert is_speech(sound)


async def test_the_openai_package_types_and_calls_a_tool(client: openai.AsyncOpenAI) -> None:
    async with client.realtime.connect(model="gpt-realtime-2.1") as connection:
        await connection.session.update(
            session={
                "type": "realtime",
                "output_modalities": ["text"],
                "reasoning": {"effort": "low"},
                "tools": [{"type": "function", "name": "book_table"}],
            }
        )
        await connection.conversation.item.create(
            item={
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "Book a table for two"}],
            }
        )
        await connection.response.create()
        arguments = ""
        async for event in connection:
            assert event.type != "error", event
            if event.type == "response.function_call_arguments.done":
                arguments = event.arguments
            elif event.type == "response.done":
                break
    assert json.loads(arguments) == {"people": 2, "day": "tomorrow"}


async def test_the_openai_package_on_azure(server: StandIn) -> None:
    base = server.url.replace("http", "ws")
    async with (
        openai.AsyncAzureOpenAI(
            api_key="k",
            azure_endpoint=server.url,
            api_version="2025-04-01-preview",
            websocket_base_url=f"{base}/openai",
        ) as preview,
        preview.realtime.connect(model="speech") as connection,
    ):
        event: Any = await connection.recv()
        assert event.session.modalities == ["audio", "text"]
    async with (
        openai.AsyncOpenAI(api_key="k", base_url=f"{server.url}/openai/v1") as ga,
        ga.realtime.connect(model="speech") as connection,
    ):
        event = await connection.recv()
        assert event.session.output_modalities == ["audio"]


async def test_a_refusal_reaches_the_openai_package(client: openai.AsyncOpenAI) -> None:
    async with client.realtime.connect(model="gpt-realtime") as connection:
        await connection.recv()
        session: Any = {"type": "realtime", "audio": {"output": {"voice": "nova"}}}
        await connection.send({"type": "session.update", "session": session, "event_id": "e1"})
        event: Any = await connection.recv()
        assert (event.type, event.error.code, event.error.event_id) == (
            "error",
            "invalid_value",
            "e1",
        )


class Booking(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="Be brief.")
        self.booked: list[int] = []

    @function_tool
    async def book_table(self, people: int, day: str) -> str:
        """Book a table."""
        self.booked.append(people)
        return f"booked for {people} on {day}"


def plugin(server: StandIn, dialect: str) -> livekit_openai.realtime.RealtimeModel:
    """The plugin as its users make it."""
    if dialect == "openai_ga":
        return livekit_openai.realtime.RealtimeModel(
            api_key="sk",
            base_url=f"{server.url}/v1",
            input_audio_transcription=AudioTranscription(model="whisper-1"),
        )
    return livekit_openai.realtime.RealtimeModel.with_azure(
        azure_deployment="speech",
        azure_endpoint=server.url,
        api_key="k",
        api_version="2025-04-01-preview" if dialect == "azure_preview" else None,
        voice="alloy",  # its own default is not a voice of the preview's
    )


@pytest.mark.parametrize("dialect", ["openai_ga", "azure_ga", "azure_preview"])
async def test_the_livekit_plugin_as_it_is(server: StandIn, dialect: str) -> None:
    model, agent = plugin(server, dialect), Booking()
    before = set(server.record.sessions)
    async with AgentSession[None](llm=model, vad=None) as session:
        await session.start(agent)
        result: Any = await session.run(user_input="Book a table for two")
        result.expect.contains_function_call(name="book_table")
        reply = result.expect[-1].is_message(role="assistant").event()
        assert reply.item.text_content == "Your table is booked."
    await model.aclose()
    assert agent.booked == [2]
    (seen,) = [server.record.sessions[key] for key in set(server.record.sessions) - before]
    assert seen.session.dialect.name == dialect
    assert seen.errors == []


@pytest.mark.parametrize(("service", "path"), [("openai", "/v1"), ("azure", "/openai/v1")])
async def test_pipecat(server: StandIn, service: str, path: str, tmp_path: Path) -> None:
    sound = tmp_path / "question.wav"
    write_wav(sound, question(), SERVICE_RATE)
    before = set(server.record.sessions)
    uv = os.environ.get("UV") or shutil.which("uv")
    assert uv, "run the tests with ./uvw run pytest, or put uv on PATH"
    program = Path(__file__).parent / "foreign" / "pipecat_call.py"
    process = await asyncio.create_subprocess_exec(
        *(uv, "run", "--isolated", "--no-project", "--python", sys.executable),
        *("--with", PIPECAT, "python", "-W", "ignore", str(program)),
        *(service, f"{server.url.replace('http', 'ws')}{path}/realtime", str(sound)),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    result = json.loads(out.splitlines()[-1])
    assert result["errors"] == []
    assert result["words"].endswith("From nine to five.")
    assert result["seconds"] > 1
    (seen,) = [server.record.sessions[key] for key in set(server.record.sessions) - before]
    assert seen.errors == []
