"""Keys for browsers: issued by the openai package, used by a raw client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
import pytest_asyncio
from openai.types.realtime import realtime_session_create_response as created

from agent.local.standin import StandIn, StandInOptions
from tests.kit.realtime_client import connecting

pytestmark = pytest.mark.asyncio(loop_scope="module")

SESSION: Any = {
    "type": "realtime",
    "model": "gpt-realtime-2.1",
    "instructions": "Be brief.",
    "audio": {"output": {"voice": "cedar"}},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[StandIn]:
    async with StandIn(StandInOptions(recognise=False)) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(server: StandIn) -> AsyncIterator[openai.AsyncOpenAI]:
    base_url = f"{server.url}/v1"
    async with openai.AsyncOpenAI(api_key="sk", base_url=base_url, max_retries=0) as made:
        yield made


async def test_client_secret_opens_a_session_with_its_settings(
    server: StandIn, client: openai.AsyncOpenAI
) -> None:
    issued = await client.realtime.client_secrets.create(session=SESSION)
    assert issued.value.startswith("ek_")
    assert isinstance(issued.session, created.RealtimeSessionCreateResponse)
    assert issued.session.instructions == "Be brief."
    headers = {"Authorization": f"Bearer {issued.value}"}
    async with connecting(server, query="", headers=headers) as raw:
        session = (await raw.until("session.created"))["session"]
    assert session["model"] == "gpt-realtime-2.1"
    assert session["instructions"] == "Be brief."
    assert session["audio"]["output"]["voice"] == "cedar"


async def test_client_secret_without_a_body_is_for_the_default_model(
    server: StandIn, client: openai.AsyncOpenAI
) -> None:
    issued = await client.realtime.client_secrets.create()
    headers = {"Authorization": f"Bearer {issued.value}"}
    async with connecting(server, headers=headers) as raw:
        assert (await raw.until("session.created"))["session"]["model"] == "gpt-realtime"


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"session": {**SESSION, "temperature": 1}}, "session.temperature"),
        ({"session": {**SESSION, "model": "gpt-nope"}}, None),
        ({"session": {"model": "gpt-realtime"}}, "session.type"),
        ({"session": "x"}, "session"),
        ({"expires_after": {"anchor": "created_at", "seconds": 5}}, "expires_after.seconds"),
        ({"expires_after": {"anchor": "now"}}, "expires_after.anchor"),
        ({"expires_after": {"seconds": "10"}}, "expires_after.seconds"),
    ],
)
async def test_client_secret_is_refused_for_what_a_session_may_not_be(
    client: openai.AsyncOpenAI, wrong: dict[str, Any], param: str | None
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await client.realtime.client_secrets.create(**wrong)
    assert caught.value.param == param


async def test_client_secret_that_has_expired_is_no_key(
    server: StandIn, client: openai.AsyncOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    after: Any = {"anchor": "created_at", "seconds": 10}
    issued = await client.realtime.client_secrets.create(session=SESSION, expires_after=after)
    monkeypatch.setattr("time.time", lambda: issued.expires_at + 1.0)
    headers = {"Authorization": f"Bearer {issued.value}"}
    async with connecting(server, headers=headers) as raw:
        assert (await raw.error())["code"] == "invalid_api_key"
        assert await raw.closed() == 3000


@pytest.mark.parametrize("key", ["null", "undefined", "None"])
async def test_key_that_was_never_set_is_refused(server: StandIn, key: str) -> None:
    async with connecting(server, headers={"Authorization": f"Bearer {key}"}) as raw:
        error = await raw.error()
        assert error["message"].startswith(f"Incorrect API key provided: {key}.")
        assert await raw.closed() == 3000
    async with openai.AsyncOpenAI(api_key=key, base_url=f"{server.url}/v1", max_retries=0) as made:
        with pytest.raises(openai.AuthenticationError):
            await made.realtime.client_secrets.create()
