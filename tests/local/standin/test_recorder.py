"""The log, and what tests may ask of the sessions."""

from __future__ import annotations

import json
import time
from pathlib import Path

import aiohttp
import pytest

from agent.errors import LocalError
from agent.local.standin import StandIn, StandInOptions
from tests.kit.realtime_client import connected


async def test_every_event_is_a_line_with_its_time(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    async with StandIn(StandInOptions(pace=50, log=log)) as server, connected(server) as client:
        await client.raw("{")
        await client.until("error")
        await client.say("hello", after=0)
        await client.send("response.create")
        await client.until("response.done")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert all(abs(line["time"] - time.time()) < 60 for line in lines)
    kinds = [(line["from"], line["event"].get("type")) for line in lines]
    assert kinds[0] == ("server", "session.created")
    assert ("client", "response.create") in kinds
    assert ("server", "response.output_audio.delta") in kinds
    assert {"unreadable": "{"} in [line["event"] for line in lines]
    assert log.stat().st_size < 40_000  # sound is shortened


async def test_sessions_as_json() -> None:
    async with StandIn(StandInOptions(pace=50)) as server:
        async with connected(
            server, fault="slow-first-audio=1", instructions="Be brief."
        ) as client:
            await client.send("response.create")
            await client.until("response.done")
            await client.send("response.cancel")
            await client.until("error")
        async with aiohttp.ClientSession() as http, http.get(f"{server.url}/sessions") as answer:
            (session,) = await answer.json()
    assert session["dialect"] == "openai_ga"
    assert session["closed"] is True
    assert session["session"]["instructions"] == "Be brief."
    assert session["received"]["response.create"] == 1
    assert session["sent"]["response.done"] == 1
    assert session["errors"][0]["code"] == "response_cancel_not_active"
    assert session["faults"] == ["slow-first-audio=1"]
    assert session["items"][0]["role"] == "assistant"
    assert next(iter(session["heard_ms"].values())) > 500


def test_a_log_that_cannot_be_written() -> None:
    with pytest.raises(LocalError, match="cannot be written"):
        StandIn(StandInOptions(log=Path("/nowhere/x.jsonl")))
