"""Addresses and the keys that go there."""

import pytest

from agent.realtime.connection.credentials import ApiKey
from agent.realtime.connection.endpoint import azure_endpoint, openai_endpoint
from agent.realtime.protocol.dialects import AZURE_GA, AZURE_PREVIEW, OPENAI_BETA, OPENAI_GA
from agent.realtime.protocol.rules import Context

AZURE_HOST = "https://res.openai.azure.com/"


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("https://api.openai.com/v1", "wss://api.openai.com/v1/realtime?model=m"),
        ("http://127.0.0.1:8090/v1/", "ws://127.0.0.1:8090/v1/realtime?model=m"),
        ("wss://gateway.example/openai/v1", "wss://gateway.example/openai/v1/realtime?model=m"),
    ],
)
async def test_openai(base: str, url: str) -> None:
    endpoint = openai_endpoint(OPENAI_GA, base, "m", ApiKey("sk-1"), Context())
    assert endpoint.url == url
    assert await endpoint.credential.headers(endpoint.host) == {"Authorization": "Bearer sk-1"}


async def test_azure() -> None:
    endpoint = azure_endpoint(
        AZURE_PREVIEW,
        AZURE_HOST,
        "my speech",
        ApiKey("key", azure=True),
        "2025-04-01-preview",
        Context(),
    )
    assert endpoint.url == (
        "wss://res.openai.azure.com/openai/realtime"
        "?api-version=2025-04-01-preview&deployment=my%20speech"
    )
    assert await endpoint.credential.headers(endpoint.host) == {"api-key": "key"}
    assert endpoint.host == "res.openai.azure.com"


def test_azure_without_a_version() -> None:
    for host in (AZURE_HOST, f"{AZURE_HOST}openai/v1/"):
        endpoint = azure_endpoint(
            AZURE_GA, host, "speech", ApiKey("key", azure=True), "", Context()
        )
        assert endpoint.url == "wss://res.openai.azure.com/openai/v1/realtime?model=speech"


def test_the_beta_says_so() -> None:
    endpoint = openai_endpoint(OPENAI_BETA, "http://localhost/v1", "m", ApiKey("sk-1"), Context())
    assert endpoint.headers["OpenAI-Beta"] == "realtime=v1"


def test_a_key_is_not_shown() -> None:
    assert "sk-1" not in repr(
        openai_endpoint(OPENAI_GA, "https://x/v1", "m", ApiKey("sk-1"), Context())
    )
