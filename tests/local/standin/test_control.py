"""The HTTP endpoints: who may use the control endpoints, and bodies that are no JSON."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from agent.local.standin import StandIn, StandInOptions

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGE = "http://localhost:3000"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[StandIn]:
    async with StandIn(StandInOptions(recognise=False, allowed_origins=(PAGE,))) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": PAGE}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Host": "evil.example:8090"}, 403),
        ({"Host": "evil.example:8090", "Origin": "http://evil.example:8090"}, 403),
        ({"Host": "localhost:8090", "Origin": "http://localhost:8090"}, 200),
        ({"Host": "[::1]:8090"}, 200),
    ],
)
async def test_control_endpoints_refuse_pages_of_other_origins(
    server: StandIn, http: aiohttp.ClientSession, headers: dict[str, str], status: int
) -> None:
    for path in ("/sessions", "/faults"):
        async with http.get(f"{server.url}{path}", headers=headers) as answer:
            assert answer.status == status
    body = '{"faults": []}'
    async with http.post(f"{server.url}/faults", data=body, headers=headers) as answer:
        assert answer.status == status


async def test_allowed_origin_reads_the_answer_and_sends_json(
    server: StandIn, http: aiohttp.ClientSession
) -> None:
    headers = {"Origin": PAGE, "Access-Control-Request-Headers": "content-type"}
    async with http.options(f"{server.url}/faults", headers=headers) as answer:
        assert answer.status == 204
        assert answer.headers["Access-Control-Allow-Headers"] == "Content-Type"
    async with http.post(f"{server.url}/faults", json={"faults": []}, headers=headers) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == PAGE


SPEECH = '{{"model": "tts-1", "voice": "alloy", "input": "x", {}}}'


@pytest.mark.parametrize("path", ["/faults", "/v1/audio/speech"])
@pytest.mark.parametrize(
    "body",
    [
        "[" * 100_000,
        '{"faults": ' + "[" * 100_000,
        SPEECH.format('"speed": NaN'),
        SPEECH.format('"speed": 1e400'),
        SPEECH.format('"speed": ' + "9" * 5000),
        '{"model": "tts-1", "voice": "alloy", "input": "\\ud83d"}',
        b"\xff\xfe\xfd",
    ],
)
async def test_body_that_is_no_json_is_refused_with_400(
    server: StandIn, http: aiohttp.ClientSession, path: str, body: str | bytes
) -> None:
    headers = {"Authorization": "Bearer sk", "Content-Type": "application/json; charset=x-none"}
    async with http.post(f"{server.url}{path}", data=body, headers=headers) as answer:
        assert answer.status == 400
        assert (await answer.json())["error"]["message"]
