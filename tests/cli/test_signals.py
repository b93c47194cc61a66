"""Ctrl-C and SIGTERM: within five seconds, and nothing left behind."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from agent.local.livekit_server import LiveKitServer
from tests.kit.programs import Started

WITHIN_SECONDS = 5.0
SIGNALS = (signal.SIGINT, signal.SIGTERM)


@pytest.mark.parametrize("number", SIGNALS)
async def test_the_stand_in(number: int) -> None:
    async with Started("realtime", "--port", "0") as program:
        await program.until("listens at")
        code, seconds = await program.end(number)
    assert code == 128 + number
    assert seconds < WITHIN_SECONDS


@pytest.mark.e2e
@pytest.mark.parametrize(("command", "number"), [("start", signal.SIGTERM), ("dev", signal.SIGINT)])
async def test_an_idle_worker(command: str, number: int) -> None:
    async with LiveKitServer() as server:
        address = server.address
        environ = {
            "LIVEKIT_URL": address.url,
            "LIVEKIT_API_KEY": address.api_key,
            "LIVEKIT_API_SECRET": address.api_secret,
            "OPENAI_API_KEY": "sk-test",
            "AGENT_HTTP_HOST": "127.0.0.1",
            "AGENT_HTTP_PORT": "0",
        }
        async with Started(command, environ=environ) as program:
            await program.until("registered worker")
            code, seconds = await program.end(number)
    assert code == 0
    assert seconds < WITHIN_SECONDS


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.parametrize(
    ("stage", "number"),
    [
        ("Starting the worker", signal.SIGINT),
        ("is registered", signal.SIGTERM),
        ("greeting after", signal.SIGINT),
    ],
)
async def test_the_demo_at_every_stage(stage: str, number: int, tmp_path: Path) -> None:
    async with Started("demo", "--out", str(tmp_path / "reply.wav")) as program:
        await program.until(stage)
        code, seconds = await program.end(number)
    assert code == 128 + number
    assert seconds < WITHIN_SECONDS


@pytest.mark.e2e
async def test_a_call_that_nobody_answers() -> None:
    async with LiveKitServer() as server:
        address = server.address
        environ = {
            "LIVEKIT_URL": address.url,
            "LIVEKIT_API_KEY": address.api_key,
            "LIVEKIT_API_SECRET": address.api_secret,
        }
        async with Started("call", environ=environ) as program:
            await program.until("Calling")
            code, seconds = await program.end(signal.SIGINT)
    assert code == 128 + signal.SIGINT
    assert seconds < WITHIN_SECONDS


async def test_while_the_server_is_being_built(tmp_path: Path) -> None:
    """The build itself is not run here: a Go that never ends stands for it."""
    go = tmp_path / "bin" / "go"
    go.parent.mkdir()
    go.write_text('#!/bin/sh\n[ "$1" = env ] && echo go1.99.0 && exit\nexec sleep 600\n')
    go.chmod(0o755)
    path = f"{go.parent}:/usr/bin:/bin"
    environ = {"PATH": path, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    async with Started("demo", environ=environ) as program:
        await program.until("download the sources")
        code, seconds = await program.end(signal.SIGINT)
    assert code == 128 + signal.SIGINT
    assert seconds < WITHIN_SECONDS
