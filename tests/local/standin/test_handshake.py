"""Who may connect, dialect by dialect, and what those hear who may not."""

from __future__ import annotations

import time

import aiohttp
import pytest

from agent.local.standin import StandIn, StandInOptions
from agent.local.standin.handshake import HandshakeRequest
from tests.kit.realtime_client import HEADERS, connected, connecting

pytestmark = pytest.mark.asyncio(loop_scope="module")

BEARER = {"Authorization": "Bearer sk-test"}
PREVIEW = "api-version=2025-04-01-preview&deployment=speech"


@pytest.mark.parametrize(
    ("dialect", "query", "headers"),
    [
        ("openai_ga", "model=gpt-realtime", BEARER),
        ("openai_ga", "model=gpt-realtime-2.1-2026-09-01", BEARER),
        ("azure_ga", "model=my-deployment", {"api-key": "k"}),
        ("azure_ga", "model=my-deployment&api-key=k", {}),
        ("azure_ga", "model=my-deployment", {"Authorization": "Bearer entra-token"}),
        ("azure_preview", PREVIEW, {"api-key": "k"}),
        ("openai_beta", "model=gpt-4o-realtime-preview", {**BEARER, "OpenAI-Beta": "realtime=v1"}),
    ],
)
async def test_handshake_opens_a_session_with_its_defaults(
    server: StandIn, dialect: str, query: str, headers: dict[str, str]
) -> None:
    async with connecting(server, dialect, query=query, headers=headers) as client:
        created = await client.until("session.created")
        flat = dialect in {"openai_beta", "azure_preview"}
        assert ("modalities" in created["session"]) is flat
        assert created["session"]["expires_at"] == pytest.approx(time.time() + 3600, abs=10)
        detection = (
            created["session"]["turn_detection"]
            if flat
            else created["session"]["audio"]["input"]["turn_detection"]
        )
        assert detection["silence_duration_ms"] == 200


async def test_browsers_put_the_key_into_the_protocol(server: StandIn) -> None:
    protocols = ("realtime", "openai-insecure-api-key.sk-1")
    url = server.urls["openai_ga"]
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(url, protocols=protocols) as socket,
    ):
        assert (await socket.receive_json())["type"] == "session.created"
        assert socket.protocol == "realtime"
    assert HandshakeRequest(
        {"Sec-WebSocket-Protocol": "realtime, openai-beta.realtime-v1"}, {}
    ).is_beta


@pytest.mark.parametrize(
    ("query", "headers", "close", "code", "message"),
    [
        ("model=gpt-realtime", {}, 3000, None, "Missing bearer or basic authentication in header"),
        (
            "model=gpt-realtime",
            {"Authorization": "Bearer invalid"},
            3000,
            "invalid_api_key",
            "Incorrect API key provided: invalid. You can find your API key at "
            "https://platform.openai.com/account/api-keys.",
        ),
        (
            "",
            BEARER,
            4000,
            "missing_model",
            "You must provide a model parameter, for example "
            "wss://api.openai.com/v1/realtime?model=gpt-realtime-1.5",
        ),
        (
            "model=gpt-nope",
            BEARER,
            4000,
            "invalid_model",
            'Model "gpt-nope" is not supported in realtime mode. '
            "See https://platform.openai.com/docs/models for a list of supported models.",
        ),
        (
            "model=gpt-4o-transcribe",
            BEARER,
            4000,
            None,
            "Model gpt-4o-transcribe is a transcription model and cannot be used as the realtime "
            "session model. Pass this transcription model as audio.input.transcription.model "
            "instead.",
        ),
        (
            "intent=transcription&model=gpt-realtime",
            BEARER,
            4000,
            "invalid_model",
            "You must not provide a model parameter for transcription sessions.",
        ),
    ],
)
async def test_openai_accepts_then_says_why_and_closes(
    server: StandIn,
    query: str,
    headers: dict[str, str],
    close: int,
    code: str | None,
    message: str,
) -> None:
    async with connecting(server, query=query, headers=headers) as client:
        error = (await client.next())["error"]
        assert (error["code"], error["message"], error["event_id"]) == (code, message, None)
        assert await client.closed() == close


async def test_the_retired_beta() -> None:
    async with (
        StandIn(StandInOptions()) as ga_only,
        connecting(ga_only, headers={**BEARER, "OpenAI-Beta": "realtime=v1"}) as client,
    ):
        assert (await client.error())["code"] == "beta_api_shape_disabled"
        assert await client.closed() == 4000
    async with (
        StandIn(StandInOptions(dialects=("openai_beta",))) as beta,
        connected(beta, "openai_beta") as client,
    ):
        assert "modalities" in client.events[0]["session"]


@pytest.mark.parametrize(
    ("dialect", "query", "headers", "status"),
    [
        ("azure_ga", "model=d", {}, 401),
        ("azure_ga", "model=d", {"api-key": "invalid"}, 401),
        ("azure_ga", "model=d&api-version=2025-04-01-preview", {"api-key": "k"}, 401),
        ("azure_ga", "", {"api-key": "k"}, 404),
        ("azure_ga", "model=my-whisper", {"api-key": "k"}, 400),
        ("azure_preview", "deployment=d", {"api-key": "k"}, 404),
        ("azure_preview", "api-version=v", {"api-key": "k"}, 404),
        ("azure_preview", PREVIEW, {}, 401),
    ],
)
async def test_azure_refuses_the_handshake(
    server: StandIn, dialect: str, query: str, headers: dict[str, str], status: int
) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        async with connecting(server, dialect, query=query, headers=headers):
            pass
    assert caught.value.status == status


async def test_paths_of_dialects_that_are_not_served() -> None:
    async with StandIn(StandInOptions(dialects=("azure_ga",))) as server:
        assert list(server.urls) == ["azure_ga"]
        async with aiohttp.ClientSession() as http:
            for path in ("/v1/realtime", "/openai/realtime"):
                async with http.get(server.url + path, headers=HEADERS) as answer:
                    assert answer.status == 404


async def test_connect_ms_delays_the_handshake() -> None:
    async with StandIn(StandInOptions(connect_ms=300)) as server:
        began = time.monotonic()
        async with connected(server):
            assert time.monotonic() - began > 0.3
