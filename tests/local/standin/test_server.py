"""The server around the sessions: TLS, its address."""

from __future__ import annotations

import ssl
from pathlib import Path

import aiohttp
import pytest
import trustme

from agent.errors import LocalError
from agent.local.standin import StandIn, StandInOptions
from tests.kit.realtime_client import HEADERS


async def test_clients_that_want_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    issued.cert_chain_pems[0].write_to_path(certificate)
    issued.private_key_pem.write_to_path(key)
    context = ssl.create_default_context()
    authority.configure_trust(context)
    async with (
        StandIn(StandInOptions(recognise=False, tls=(certificate, key))) as server,
        aiohttp.ClientSession() as http,
        http.ws_connect(server.urls["openai_ga"], headers=HEADERS, ssl=context) as socket,
    ):
        assert server.urls["openai_ga"].startswith("wss://")
        assert (await socket.receive_json())["type"] == "session.created"


async def test_a_certificate_that_is_none(tmp_path: Path) -> None:
    certificate = tmp_path / "cert.pem"
    certificate.write_text("not PEM")
    with pytest.raises(LocalError, match="certificate"):
        async with StandIn(StandInOptions(recognise=False, tls=(certificate, certificate))):
            pass


async def test_an_address_in_use() -> None:
    async with StandIn(StandInOptions(recognise=False)) as first:
        with pytest.raises(LocalError, match="cannot listen on 127"):
            async with StandIn(StandInOptions(recognise=False, port=first.port)):
                pass
