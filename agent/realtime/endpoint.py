"""Where the service is, and what proves who calls. A key is only ever put with its own host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit, urlunsplit

from agent.realtime.dialects import Dialect

OPENAI_URL = "https://api.openai.com/v1"
AZURE_PREVIEW_VERSION = "2025-04-01-preview"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A WebSocket address of the service and the headers that go to it, and to no other host."""

    dialect: Dialect
    url: str
    headers: Mapping[str, str] = field(repr=False)

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc


def openai_endpoint(dialect: Dialect, base_url: str, model: str, api_key: str) -> Endpoint:
    """``base_url`` as the openai package takes it, such as ``https://api.openai.com/v1``."""
    url = f"{_websocket(base_url)}/realtime?model={quote(model)}"
    return Endpoint(dialect, url, {"Authorization": f"Bearer {api_key}"})


def azure_endpoint(
    dialect: Dialect, resource_url: str, deployment: str, api_key: str, api_version: str
) -> Endpoint:
    """``resource_url`` such as ``https://NAME.openai.azure.com``."""
    url = (
        f"{_websocket(resource_url)}/openai/realtime"
        f"?api-version={quote(api_version)}&deployment={quote(deployment)}"
    )
    return Endpoint(dialect, url, {"api-key": api_key})


def _websocket(url: str) -> str:
    parts = urlsplit(url)
    scheme = {"https": "wss", "http": "ws"}.get(parts.scheme, parts.scheme)
    return urlunsplit((scheme, parts.netloc, parts.path.rstrip("/"), "", ""))
