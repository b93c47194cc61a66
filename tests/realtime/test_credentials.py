"""What proves who calls is asked for at each connection, and goes to its own host."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from agent.errors import ServiceError
from agent.realtime import credentials
from agent.realtime.credentials import ENTRA_SCOPE, EntraToken, Key
from agent.realtime.dialects import AZURE_GA, OPENAI_GA
from agent.realtime.endpoint import azure_endpoint
from agent.realtime.io_loop import io_loop
from agent.realtime.parameters import with_defaults
from agent.realtime.rules import Context
from agent.realtime.way import Way
from agent.realtime.wire_session import WireSession
from tests.realtime.recording_service import RecordingService


async def test_a_key_that_was_rotated_is_taken_at_the_next_connection(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("sk-1\n")
    async with RecordingService() as service:
        endpoint = service.endpoint(OPENAI_GA, Key("sk-1", file=file))
        session = WireSession([Way(endpoint, with_defaults({}, OPENAI_GA))])
        wire = await session.ws_connect("")
        file.write_text("sk-2\n")
        await service.hang_up()
        await service.connections(2)
        file.unlink()
        await service.hang_up()
        await service.connections(3)
        await wire.close()
    sent = [headers["Authorization"] for headers in service.headers]
    assert sent == ["Bearer sk-1", "Bearer sk-2", "Bearer sk-2"]


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
        session = WireSession([Way(endpoint, with_defaults({}, AZURE_GA))])
        wire = await session.ws_connect("")
        await wire.close()
        assert asked == [ENTRA_SCOPE.removesuffix("/.default")]
        assert service.headers[0]["Authorization"] == "Bearer token-1"
        assert "api-key" not in service.headers[0]


async def test_an_identity_that_is_none_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async with identity(monkeypatch, known=False):
        with pytest.raises(ServiceError, match="no token from Entra ID") as caught:
            await io_loop().run(EntraToken().headers("res.openai.azure.com"))
    assert caught.value.status == 401
