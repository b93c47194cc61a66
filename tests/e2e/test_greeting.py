"""A greeting that was recorded before the call."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from agent.cli.call import synthesize
from agent.local.call_script import run_call
from agent.local.livekit_server import LiveKitAddress
from agent.local.standin import StandIn, StandInOptions
from agent.local.standin.script import Script, Turn
from tests.e2e.conftest import Worker
from tests.kit.programs import run

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

WORDS = "Welcome to the harbour restaurant."
QUESTION = "what are your opening hours"
ANSWER = "From noon until ten."
SCRIPT = Script(greeting="Hello.", turns=(Turn(hear=(QUESTION,), say=ANSWER),))


@pytest.mark.parametrize("source", ["model", "tts"])
async def test_it_is_spoken_while_the_model_is_still_being_connected(
    source: str, livekit: LiveKitAddress, tmp_path: Path
) -> None:
    async with StandIn(StandInOptions(script=SCRIPT)) as stand_in:
        path = tmp_path / "greeting.wav"
        environ = {
            "OPENAI_BASE_URL": f"{stand_in.url}/v1",
            "OPENAI_API_KEY": "stand-in",
            "REALTIME_SERVICE": "openai",
        }
        arguments = ("--text", WORDS, "--out", str(path), "--from", source, "--json")
        made = await run("greeting", *arguments, environ=environ)
        assert json.loads(made.out)["ok"], made.err
    async with StandIn(StandInOptions(script=SCRIPT, connect_ms=3000)) as slow:
        environ = {"AGENT_GREETING_AUDIO": str(path)}
        async with Worker(livekit, slow.url, **environ) as worker:
            await worker.until("registered worker")
            async with worker.called() as caller:
                heard = await caller.wait_for_speech(caller.joined_at, 10)
                assert heard is not None
                assert heard - caller.joined_at < 2.5, "it waited for the model"
                assert await caller.wait_for_silence(1.5, 10)
                conversation = await run_call(caller, [synthesize(QUESTION)])
                session = _seen(slow)
    assert conversation.turns[0].agent == ANSWER
    first = session["items"][0]
    assert first["role"] == "assistant"
    assert first["content"][0]["text"] == WORDS
    assert session["errors"] == []


def _seen(stand_in: StandIn) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(
        json.dumps(list(stand_in.record.sessions.values())[-1].as_dict())
    )
    return shown


async def test_a_greeting_that_nobody_listens_to_is_given_up(
    livekit: LiveKitAddress, stand_in: StandIn
) -> None:
    """Upstream waits for a subscriber for ever, and all it has to say waits behind it (D25)."""
    async with Worker(livekit, stand_in.url) as worker:
        await worker.until("registered worker")
        async with worker.called(listens=False) as caller:
            await worker.until("nobody listens to the agent")
            listened = time.monotonic()
            caller.subscribe()
            asked = await caller.say(synthesize(QUESTION))
            assert await caller.wait_for_speech(asked, 10)
            # What was given up is not said after all.
            assert caller.received.first_speech_after(
                listened
            ) == caller.received.first_speech_after(asked)


async def test_a_greeting_that_is_not_there_stops_the_worker(tmp_path: Path) -> None:
    environ = {"OPENAI_API_KEY": "sk", "AGENT_GREETING_AUDIO": str(tmp_path / "none.wav")}
    began = time.monotonic()
    ended = await run("start", environ=environ)
    assert ended.code == 2
    assert "AGENT_GREETING_AUDIO: The greeting cannot be read" in ended.err
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"OPENAI_BASE_URL": "http://127.0.0.1:1/v1"}, "127.0.0.1:1"),
        ({"AGENT_TTS": "azure", "AGENT_VOICE_FROM": "tts"}, "realtime-agent[azure]"),
    ],
)
async def test_a_voice_that_cannot_be_reached(
    environ: dict[str, str], said: str, tmp_path: Path
) -> None:
    arguments = ("greeting", "--text", WORDS, "--out", str(tmp_path / "g.wav"), "--json")
    ended = await run(*arguments, environ={"OPENAI_API_KEY": "sk", **environ})
    assert ended.code == 1
    assert said in json.loads(ended.out)["error"]
    assert not (tmp_path / "g.wav").exists()
