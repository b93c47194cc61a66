"""Where the service is, and what proves who calls. A key is only ever put with its own host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit, urlunsplit

from agent.realtime.connection.credentials import Credential
from agent.realtime.protocol.dialects import Dialect
from agent.realtime.protocol.rules import Context

OPENAI_URL = "https://api.openai.com/v1"
AZURE_PREVIEW_VERSION = "2025-04-01-preview"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A WebSocket address of the service, and the credential that goes to no other host."""

    dialect: Dialect
    url: str
    credential: Credential
    context: Context
    """What is known of the service behind it: which model, and whether its lists hold."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """What is said besides the credential."""

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc


def openai_endpoint(
    dialect: Dialect, base_url: str, model: str, credential: Credential, context: Context
) -> Endpoint:
    """``base_url`` as the openai package takes it, such as ``https://api.openai.com/v1``."""
    url = f"{_websocket(base_url)}/realtime?model={quote(model)}"
    headers = {"OpenAI-Beta": "realtime=v1"} if dialect.flat else {}
    return Endpoint(dialect, url, credential, context, headers)


def azure_endpoint(
    dialect: Dialect,
    resource_url: str,
    deployment: str,
    credential: Credential,
    api_version: str,
    context: Context,
) -> Endpoint:
    """``resource_url`` such as ``https://NAME.openai.azure.com``; ``api_version`` is only of the
    preview."""
    base = _websocket(resource_url)
    if dialect.flat:
        url = (
            f"{base}/openai/realtime"
            f"?api-version={quote(api_version)}&deployment={quote(deployment)}"
        )
    else:
        url = f"{base.removesuffix('/openai/v1')}/openai/v1/realtime?model={quote(deployment)}"
    return Endpoint(dialect, url, credential, context)


def _websocket(url: str) -> str:
    parts = urlsplit(url)
    scheme = {"https": "wss", "http": "ws"}.get(parts.scheme, parts.scheme)
    return urlunsplit((scheme, parts.netloc, parts.path.rstrip("/"), "", ""))
