"""Addresses and the keys that go there."""

import pytest

from agent.realtime.dialects import AZURE_PREVIEW, OPENAI_GA
from agent.realtime.endpoint import azure_endpoint, openai_endpoint


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("https://api.openai.com/v1", "wss://api.openai.com/v1/realtime?model=m"),
        ("http://127.0.0.1:8090/v1/", "ws://127.0.0.1:8090/v1/realtime?model=m"),
        ("wss://gateway.example/openai/v1", "wss://gateway.example/openai/v1/realtime?model=m"),
    ],
)
def test_openai(base: str, url: str) -> None:
    endpoint = openai_endpoint(OPENAI_GA, base, "m", "sk-1")
    assert endpoint.url == url
    assert dict(endpoint.headers) == {"Authorization": "Bearer sk-1"}


def test_azure() -> None:
    endpoint = azure_endpoint(
        AZURE_PREVIEW, "https://res.openai.azure.com/", "my speech", "key", "2025-04-01-preview"
    )
    assert endpoint.url == (
        "wss://res.openai.azure.com/openai/realtime"
        "?api-version=2025-04-01-preview&deployment=my%20speech"
    )
    assert dict(endpoint.headers) == {"api-key": "key"}
    assert endpoint.host == "res.openai.azure.com"


def test_a_key_is_not_shown() -> None:
    assert "sk-1" not in repr(openai_endpoint(OPENAI_GA, "https://x/v1", "m", "sk-1"))
