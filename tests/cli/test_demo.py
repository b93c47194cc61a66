"""`agent demo`, as a newcomer runs it."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from agent.local.audio import ROOM_RATE, is_speech, read_audio, split_utterances
from tests.kit.programs import Started, run

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

SPOKEN_SECONDS = 13.0
"""What the conversation takes by itself: words, and the pauses that end them."""
IMPORTS = 3.0
"""The rest is bound by the import of livekit.agents, in the worker and the server that forks its
jobs at once; on a machine at rest it takes 4 s, which makes 25 s for a call."""


async def test_one_call_with_json_at_the_end(tmp_path: Path) -> None:
    reply = tmp_path / "reply.wav"
    imported = await run(program=["-c", "import livekit.agents"])
    ended = await run("demo", "--once", "--json", "--out", str(reply))
    assert ended.code == 0, ended.err
    assert " ERROR " not in ended.err
    result = json.loads(ended.out)
    assert result["ok"] is True
    assert 0 < result["greeting_ms"] < 5000
    assert [turn["user"] for turn in result["turns"]] == [
        "what are your opening hours",
        "no thank you",
    ]
    assert [turn["agent"] for turn in result["turns"]] == [
        "From noon until ten. Shall I book a table?",
        "Thank you. Goodbye.",
    ]
    assert all(500 < turn["latency_ms"] < 2000 for turn in result["turns"])
    assert result["reply_wav"] == str(reply)
    agent_audio = read_audio(reply, ROOM_RATE)
    assert is_speech(agent_audio)
    assert len(split_utterances(agent_audio, ROOM_RATE)) >= 3
    assert ended.seconds < SPOKEN_SECONDS + IMPORTS * imported.seconds


async def test_keys_in_the_environment_are_not_used(tmp_path: Path) -> None:
    environ = {
        "LIVEKIT_URL": "wss://nowhere.invalid",
        "LIVEKIT_API_KEY": "foreign",
        "LIVEKIT_API_SECRET": "foreign",
        "OPENAI_API_KEY": "sk-foreign",
        "OPENAI_BASE_URL": "https://nowhere.invalid/v1",
        "OPENAI_API_VERSION": "2025-04-01-preview",
        "AZURE_OPENAI_ENDPOINT": "https://nowhere.invalid",
        "REALTIME_DIALECT": "azure_preview",
        "REALTIME_TEMPERATURE": "0.7",
    }
    arguments = ("--once", "--json", "--out", str(tmp_path / "reply.wav"))
    ended = await run("demo", *arguments, environ=environ)
    assert ended.code == 0, ended.err
    assert len(json.loads(ended.out)["turns"]) == 2


async def test_it_stays_for_more_calls_until_ctrl_c(tmp_path: Path) -> None:
    reply = str(tmp_path / "reply.wav")
    async with Started("demo", "--json", "--out", reply) as program:
        await program.until("Ready for more calls")
        line = await program.until("agent call")
        environ = dict(word.split("=", 1) for word in line.split() if "=" in word)
        ended = await run("call", "--json", "--room", "again", environ=environ)
        code, _ = await program.end(signal.SIGINT)
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["turns"][0]["user"] == "what are your opening hours"
    assert code == 0
    assert json.loads(program.lines[-1])["ok"] is True
