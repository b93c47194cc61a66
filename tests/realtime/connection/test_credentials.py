"""What proves who calls is asked for at each connection, and goes to its own host."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.identity import CredentialUnavailableError
from livekit.agents import APIConnectionError

from agent.errors import ServiceError
from agent.realtime.connection import credentials
from agent.realtime.connection.connector import FATAL_STATUS
from agent.realtime.connection.credentials import ENTRA_SCOPE, ApiKey, EntraToken
from agent.realtime.connection.endpoint import azure_endpoint
from agent.realtime.connection.io_loop import io_loop
from agent.realtime.connection.service_target import ServiceTarget
from agent.realtime.plugin.http_session import PluginHTTPSession
from agent.realtime.protocol.dialects import AZURE_GA, OPENAI_GA
from agent.realtime.protocol.parameters import with_defaults
from agent.realtime.protocol.rules import Context
from tests.kit.recording_service import RecordingService


async def test_a_key_that_was_rotated_is_taken_at_the_next_connection(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("sk-1\n")
    async with RecordingService() as service:
        endpoint = service.endpoint(OPENAI_GA, ApiKey("sk-1", file=file))
        session = PluginHTTPSession([ServiceTarget(endpoint, with_defaults({}, OPENAI_GA))])
        websocket = await session.ws_connect("")
        file.write_text("sk-2\n")
        await service.hang_up()
        await service.connections(2)
        file.write_text("")  # as a rotation that truncates it leaves it for a moment
        await service.hang_up()
        await service.connections(3)
        file.unlink()
        await service.hang_up()
        await service.connections(4)
        await websocket.close()
    sent = [headers["Authorization"] for headers in service.headers]
    assert sent == ["Bearer sk-1", "Bearer sk-2", "Bearer sk-2", "Bearer sk-2"]


async def test_key_that_was_read_half_written_is_read_again_after_a_401(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("sk-ha")
    async with RecordingService(status=401) as service:
        endpoint = service.endpoint(OPENAI_GA, RotatedMeanwhile("sk-0", file=file))
        session = PluginHTTPSession([ServiceTarget(endpoint, with_defaults({}, OPENAI_GA))])
        connecting = asyncio.create_task(session.ws_connect(""))
        while not service.headers:  # noqa: ASYNC110 - it tells nobody of a refusal
            await asyncio.sleep(0)
        service.refuse(None)
        await (await connecting).close()
    sent = [headers["Authorization"] for headers in service.headers]
    assert sent == ["Bearer sk-ha", "Bearer sk-half"]


async def test_key_that_is_refused_again_is_fatal(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("sk-ha")
    async with RecordingService(status=401) as service:
        endpoint = service.endpoint(OPENAI_GA, RotatedMeanwhile("sk-0", file=file))
        session = PluginHTTPSession([ServiceTarget(endpoint, with_defaults({}, OPENAI_GA))])
        with pytest.raises(APIConnectionError, match="401"):
            await session.ws_connect("")
    assert len(service.headers) == 2


async def test_key_error_event_of_a_key_that_was_half_written_leads_to_another_connection(
    tmp_path: Path,
) -> None:
    file = tmp_path / "key"
    file.write_text("sk-ha")
    async with RecordingService() as service:
        endpoint = service.endpoint(OPENAI_GA, RotatedMeanwhile("sk-0", file=file))
        session = PluginHTTPSession([ServiceTarget(endpoint, with_defaults({}, OPENAI_GA))])
        websocket = await session.ws_connect("")
        error = {"type": "invalid_request_error", "code": "invalid_api_key", "message": "Wrong."}
        await service.say({"type": "error", "event_id": "e", "error": error})
        await service.connections(2)
        await websocket.close()
    assert service.headers[1]["Authorization"] == "Bearer sk-half"


class RotatedMeanwhile(ApiKey):
    """A key whose file is completed the moment after it has been read."""

    async def headers(self, host: str) -> Mapping[str, str]:
        headers = await super().headers(host)
        assert self.file is not None
        self.file.write_text("sk-half")
        return headers


@asynccontextmanager
async def identity(
    monkeypatch: pytest.MonkeyPatch, *, known: bool = True
) -> AsyncIterator[list[str]]:
    """Where a machine in Azure asks for its tokens; the scopes that were asked for."""
    asked: list[str] = []

    async def token(request: web.Request) -> web.Response:
        asked.append(request.query["resource"])
        if not known:
            return web.json_response({"error": "no such identity"}, status=400)
        expires = str(int(time.time()) + 3600)
        body = {"access_token": f"token-{len(asked)}", "expires_on": expires, "resource": "r"}
        return web.json_response({**body, "token_type": "Bearer"})

    app = web.Application()
    app.router.add_get("/token", token)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    for name in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_SECRET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "ManagedIdentityCredential")
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{port}/token")
    monkeypatch.setenv("IDENTITY_HEADER", "secret")
    credentials._identity.cache_clear()
    try:
        yield asked
    finally:
        await io_loop().run(credentials._identity().close())
        credentials._identity.cache_clear()
        await runner.cleanup()


async def test_a_token_of_entra_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real azure-identity, with this machine for the one that gives tokens."""
    async with identity(monkeypatch) as asked, RecordingService() as service:
        url = f"http://127.0.0.1:{service.port}"
        endpoint = azure_endpoint(AZURE_GA, url, "speech", EntraToken(), "", Context())
        session = PluginHTTPSession([ServiceTarget(endpoint, with_defaults({}, AZURE_GA))])
        websocket = await session.ws_connect("")
        await websocket.close()
        assert asked == [ENTRA_SCOPE.removesuffix("/.default")]
        assert service.headers[0]["Authorization"] == "Bearer token-1"
        assert "api-key" not in service.headers[0]


async def test_an_identity_that_is_none_is_reported_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with identity(monkeypatch, known=False):
        with pytest.raises(ServiceError, match="no token from Entra ID") as caught:
            await io_loop().run(EntraToken().headers("res.openai.azure.com"))
    assert caught.value.status == 401


def answered(status: int) -> Any:
    return SimpleNamespace(status_code=status, reason="", headers={}, content_type="text/plain")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ClientAuthenticationError("refused"), 401),
        (ClientAuthenticationError("refused", response=answered(400)), 401),
        (ClientAuthenticationError("down", response=answered(503)), 503),
        (HttpResponseError("slow down", response=answered(429)), 429),
        (ServiceRequestError("no network"), None),
        (ServiceResponseError("connection reset"), None),
        (CredentialUnavailableError("no answer from the machine"), None),
    ],
)
def test_only_a_refused_identity_is_fatal(error: AzureError, status: int | None) -> None:
    found = credentials._no_token("res.openai.azure.com", error)
    assert found.status == status
    assert (status in FATAL_STATUS) == (status == 401)
