"""Every fault, seen from a raw client."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from agent.errors import LocalError
from agent.local.audio import SERVICE_RATE, silence
from agent.local.standin import StandIn, StandInOptions
from agent.local.standin.faults import KINDS, Fault, parse_fault, parse_faults
from agent.local.standin.script import Script
from tests.kit.programs import run
from tests.kit.realtime_client import HEADERS, RawClient, connected, connecting

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEXT: dict[str, Any] = {"output_modalities": ["text"]}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[StandIn]:
    script = Script(greeting="This is a greeting of quite some length, to be cut somewhere.")
    async with StandIn(StandInOptions(script=script, pace=50)) as running:
        yield running


async def ended(client: RawClient) -> dict[str, object]:
    await client.send("response.create")
    response: dict[str, object] = (await client.until("response.done"))["response"]
    return response


async def test_audio_in_a_text_session(server: StandIn) -> None:
    async with connected(server, fault="audio-in-text-session", **TEXT) as client:
        await ended(client)
        assert "response.output_audio.delta" in client.types()
        assert "response.output_audio_transcript.delta" in client.types()
        assert "response.output_text.delta" not in client.types()


async def test_text_in_an_audio_session(server: StandIn) -> None:
    async with connected(server, fault="text-in-audio-session") as client:
        await ended(client)
        parts = [event["part"]["type"] for event in client.events if "part" in event]
        assert parts == ["text", "text"]
        assert "response.output_audio.delta" not in client.types()


async def test_content_filter(server: StandIn) -> None:
    async with connected(server, fault="content-filter") as client:
        response = await ended(client)
        assert response["status"] == "incomplete"
        assert response["status_details"] == {"type": "incomplete", "reason": "content_filter"}
        assert "response.output_audio.delta" in client.types()


async def test_close_mid_reply(server: StandIn) -> None:
    async with connected(server, fault="close-mid-reply=2") as client:
        await client.send("response.create")
        assert await client.closed() == 1001
        assert client.types().count("response.output_audio.delta") == 2
        assert "response.done" not in client.types()


async def test_close_after_accept(server: StandIn) -> None:
    async with connecting(server, fault="close-after-accept") as client:
        assert await client.closed() == 1001


async def test_stall(server: StandIn) -> None:
    async with connected(server, fault="stall") as client:
        await client.send("response.create")
        await client.send("session.update", session={"type": "realtime"})
        await client.until("session.updated")
        assert "response.created" not in client.types()


async def test_slow_first_audio(server: StandIn) -> None:
    async with connected(server, fault="slow-first-audio=400") as client:
        await client.send("response.create")
        await client.until("response.created")
        began = time.monotonic()
        await client.until("response.output_audio.delta")
        assert time.monotonic() - began > 0.4


async def test_quota(server: StandIn) -> None:
    async with connected(server, fault="quota") as client:
        await client.send("response.create")
        assert (await client.error())["code"] == "insufficient_quota"
        assert await client.closed() == 4000


async def test_rate_limit(server: StandIn) -> None:
    async with connected(server, fault="rate-limit") as client:
        response = await ended(client)
        assert response["status"] == "failed"
        assert "rate_limit_exceeded" in json.dumps(response["status_details"])


@pytest.mark.parametrize(
    ("fault", "second"), [("server-error", "completed"), ("server-error=sticky", "failed")]
)
async def test_server_error_once_or_sticky(server: StandIn, fault: str, second: str) -> None:
    async with connected(server, fault=fault) as client:
        assert (await ended(client))["status"] == "failed"
        assert (await ended(client))["status"] == second


@pytest.mark.parametrize("status", [401, 503])
async def test_a_refused_handshake(server: StandIn, status: int) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        async with connecting(server, fault=f"http-{status}"):
            pass
    assert caught.value.status == status


async def test_half_open(server: StandIn) -> None:
    """Nothing comes any more, not even a pong; a heartbeat is the only way to notice."""
    url = f"{server.urls['openai_ga']}&fault=half-open%3D100"
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(url, headers=HEADERS, heartbeat=0.4) as socket,
    ):
        assert (await socket.receive_json())["type"] == "session.created"
        await asyncio.sleep(0.15)
        await socket.send_json({"type": "response.create"})
        began = time.monotonic()
        message = await socket.receive(5)
        assert message.type in {aiohttp.WSMsgType.ERROR, aiohttp.WSMsgType.CLOSED}
        assert time.monotonic() - began > 0.3


async def test_expire(server: StandIn) -> None:
    async with connected(server, fault="expire=0.3") as client:
        error = await client.error()
        assert error["code"] == "session_expired"
        assert await client.closed() == 1001


async def test_reorder(server: StandIn) -> None:
    async with connected(server, fault="reorder") as client:
        await ended(client)
        deltas = [name for name in client.types() if name.endswith(".delta")]
        assert deltas[0] == "response.output_audio.delta"
        assert "response.output_audio_transcript.delta" in deltas


async def test_duplicate(server: StandIn) -> None:
    async with connected(server, fault="duplicate") as client:
        await ended(client)
        assert client.types().count("response.output_item.added") == 2
        deltas = [event for event in client.events if event["type"].endswith("transcript.delta")]
        for first, second in zip(deltas[::2], deltas[1::2], strict=True):
            assert first.pop("event_id") != second.pop("event_id")
            assert first == second


async def test_late_event(server: StandIn) -> None:
    async with connected(server, fault="late-event") as client:
        await ended(client)
        late = await client.until("response.output_audio_transcript.delta")
        assert late["delta"] == " late"


async def test_garbage(server: StandIn) -> None:
    url = f"{server.urls['openai_ga']}&fault=garbage"
    frames: list[str] = []
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(url, headers=HEADERS) as socket,
    ):
        await socket.send_json({"type": "response.create"})
        while not frames or "response.done" not in frames[-1]:
            frames.append(await socket.receive_str())
    assert "response.telepathy.delta" in "".join(frames)
    assert any(not frame.endswith("}") for frame in frames)


async def test_echo_differs(server: StandIn) -> None:
    asked = {"output": {"voice": "cedar"}}
    async with connected(server, fault="echo-differs", audio=asked) as client:
        shown = client.events[-1]["session"]["audio"]
        assert shown["output"]["voice"] == "echo"
        assert shown["input"]["turn_detection"]["silence_duration_ms"] == 200


async def test_transcription_failed(server: StandIn) -> None:
    audio = {"input": {"turn_detection": None, "transcription": {"model": "whisper-1"}}}
    async with connected(server, fault="transcription-failed", audio=audio) as client:
        await client.say("no thank you")
        await client.send("input_audio_buffer.commit")
        failed = await client.until("conversation.item.input_audio_transcription.failed")
        expected = f"Input transcription failed for item '{failed['item_id']}'."
        assert failed["error"]["message"] == expected
        seen = server.record.sessions[client.events[0]["session"]["id"]].as_dict()
        assert seen["items"][0]["content"][0]["transcript"] is None


async def test_refuse_first_update(server: StandIn) -> None:
    async with connected(server, fault="refuse-first-update") as client:
        await client.send("session.update", session={"type": "realtime"}, event_id="e1")
        error = await client.error()
        assert (error["type"], error["event_id"]) == ("server_error", "e1")
        await client.send("session.update", session={"type": "realtime"})
        await client.until("session.updated")


async def test_faults_are_switched_while_sessions_run(server: StandIn) -> None:
    async with aiohttp.ClientSession() as http, connected(server) as client:
        async with http.post(f"{server.url}/faults", json={"faults": ["rate-limit"]}) as answer:
            assert await answer.json() == {"faults": ["rate-limit"]}
        assert (await ended(client))["status"] == "failed"
        async with http.post(f"{server.url}/faults", json={"faults": []}) as answer:
            assert await answer.json() == {"faults": []}
        assert (await ended(client))["status"] == "completed"
        wrongs: list[Any] = [{"faults": ["nonsense"]}, {"faults": [1]}, [], "x"]
        for wrong in wrongs:
            async with http.post(f"{server.url}/faults", json=wrong) as answer:
                assert answer.status == 400
                assert "message" in (await answer.json())["error"]


async def test_an_unknown_fault_is_refused_at_the_door(server: StandIn) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        async with connecting(server, fault="nonsense"):
            pass
    assert caught.value.status == 400


async def test_every_fault_has_a_test() -> None:
    source = Path(__file__).read_text()  # noqa: ASYNC240
    named = {
        name.replace("http-401", "http-{status}").replace("http-503", "http-{status}")
        for name in KINDS
    }
    assert not [name for name in named if name not in source]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense", "There is no fault 'nonsense'."),
        ("stall=3", "'stall' takes no argument, but got '3'."),
        ("expire=soon", "'expire' takes a number of seconds, at least 0, not 'soon'."),
        ("expire=-1", "'expire' takes a number of seconds, at least 0, not '-1'."),
        ("server-error=twice", "'server-error' takes once or sticky, not 'twice'."),
    ],
)
async def test_parse_fault_refuses_invalid_text(text: str, message: str) -> None:
    with pytest.raises(LocalError, match=message):
        parse_fault(text)


async def test_parse_faults_splits_at_commas() -> None:
    assert parse_faults("stall, expire=5,slow-first-audio") == (
        Fault("stall"),
        Fault("expire", 5.0),
        Fault("slow-first-audio", 3000),
    )
    assert str(parse_fault("server-error=sticky")) == "server-error=sticky"


async def test_faults_option_lists_faults_with_their_reports() -> None:
    table = await run("realtime", "--faults")
    assert all(name in table.out for name in KINDS)
    assert "https://github.com/livekit/agents/issues/6009" in table.out
    rows = json.loads((await run("realtime", "--faults", "--json")).out)
    assert {row["name"] for row in rows} == set(KINDS)


async def test_half_open_session_does_not_affect_others(server: StandIn) -> None:
    async with connected(server, fault="half-open"), connected(server) as other:
        await other.append(silence(0.1, SERVICE_RATE))
        await ended(other)
