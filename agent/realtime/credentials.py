"""What proves to a service who calls, as HTTP headers, fresh for each connection."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from agent.errors import ServiceError

logger = logging.getLogger("agent.realtime")

ENTRA_SCOPE = "https://cognitiveservices.azure.com/.default"
"""Of a token for Azure OpenAI (Microsoft's documentation of managed identities)."""
UNAUTHORISED = 401


class Credential(Protocol):
    async def headers(self, host: str) -> Mapping[str, str]:
        """For a connection to ``host`` that is made now. Raises ``ServiceError`` where there is
        nothing to show."""


@dataclass(slots=True)
class Key:
    """A key, as OpenAI's services and as Azure's take it."""

    key: str = field(repr=False)
    azure: bool = False
    file: Path | None = None
    """Where the key is read from each time: who rotates it writes it there."""

    async def headers(self, host: str) -> Mapping[str, str]:
        if self.file is not None:
            try:
                self.key = (await asyncio.to_thread(self.file.read_text, encoding="utf-8")).strip()
            except (OSError, UnicodeDecodeError) as error:
                logger.warning("the key that was read last goes to %s: %s", host, error)
        return {"api-key": self.key} if self.azure else {"Authorization": f"Bearer {self.key}"}


@dataclass(frozen=True, slots=True)
class EntraToken:
    """A token of Microsoft Entra ID, by whatever identity this machine or its user has."""

    async def headers(self, host: str) -> Mapping[str, str]:
        from azure.core.exceptions import AzureError

        try:
            # It keeps a token until shortly before it expires.
            token = await _identity().get_token(ENTRA_SCOPE)
        except AzureError as error:
            first, _, _ = str(error).strip().partition("\n")
            reason = f"no token from Entra ID: {first}"
            raise ServiceError(host, reason, status=UNAUTHORISED) from error
        return {"Authorization": f"Bearer {token.token}"}


@cache
def _identity() -> Any:
    """One for the process, on the loop that all connections are made on."""
    from azure.identity.aio import DefaultAzureCredential

    return DefaultAzureCredential()
