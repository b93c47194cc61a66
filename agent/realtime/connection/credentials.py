"""What proves to a service who calls, as HTTP headers, fresh for each connection."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from agent.errors import ServiceError

if TYPE_CHECKING:
    from azure.core.exceptions import AzureError

logger = logging.getLogger("agent.realtime")

ENTRA_SCOPE = "https://cognitiveservices.azure.com/.default"
"""Of a token for Azure OpenAI (Microsoft's documentation of managed identities)."""
UNAUTHORISED, TOO_MANY_REQUESTS, SERVER_ERROR = 401, 429, 500


class Credential(Protocol):
    async def headers(self, host: str) -> Mapping[str, str]:
        """For a connection to ``host`` that is made now. Raises ``ServiceError`` where there is
        nothing to show."""

    def is_outdated(self) -> bool:
        """Whether a connection that is made now would be shown something else than the last one,
        since somebody has changed it meanwhile."""


@dataclass(slots=True)
class ApiKey:
    """A key, as OpenAI's services and as Azure's take it."""

    key: str = field(repr=False)
    azure: bool = False
    file: Path | None = None
    """Where the key is read from each time: who rotates it writes it there."""

    async def headers(self, host: str) -> Mapping[str, str]:
        if self.file is not None:
            try:
                read = await asyncio.to_thread(_read_key, self.file)
            except (OSError, UnicodeDecodeError) as error:
                logger.warning("the key that was read last goes to %s: %s", host, error)
            else:
                if read:
                    self.key = read
                else:  # as it is for a moment while it is written
                    logger.warning(
                        "the key that was read last goes to %s: %s is empty", host, self.file
                    )
        return {"api-key": self.key} if self.azure else {"Authorization": f"Bearer {self.key}"}

    def is_outdated(self) -> bool:
        """Read the file again: it may have been half written when it was read last."""
        if self.file is None:
            return False
        try:
            return _read_key(self.file) not in ("", self.key)
        except (OSError, UnicodeDecodeError):
            return False


def _read_key(file: Path) -> str:
    return file.read_text(encoding="utf-8").strip()


@dataclass(frozen=True, slots=True)
class EntraToken:
    """A token of Microsoft Entra ID, by whatever identity this machine or its user has."""

    async def headers(self, host: str) -> Mapping[str, str]:
        from azure.core.exceptions import AzureError

        try:
            # It keeps a token until shortly before it expires.
            token = await _identity().get_token(ENTRA_SCOPE)
        except AzureError as error:
            raise _no_token(host, error) from error
        return {"Authorization": f"Bearer {token.token}"}

    def is_outdated(self) -> bool:
        return False


@cache
def _identity() -> Any:
    """One for the process, on the loop that all connections are made on."""
    from azure.identity.aio import DefaultAzureCredential

    return DefaultAzureCredential()


def _no_token(host: str, error: AzureError) -> ServiceError:
    """Why there is no token for ``host``: with a status that is fatal only where the identity was
    refused, not where it could not be asked for the moment."""
    from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
    from azure.identity import CredentialUnavailableError

    first, _, _ = str(error).strip().partition("\n")
    status: int | None = None
    if isinstance(error, HttpResponseError):
        status = error.status_code
    # One that is unavailable has given a token before, or azure-identity would have wrapped it.
    # A refusal is wrapped in the same exception as a failing server's answer.
    transient = status is not None and (status == TOO_MANY_REQUESTS or status >= SERVER_ERROR)
    unavailable = isinstance(error, CredentialUnavailableError)
    if isinstance(error, ClientAuthenticationError) and not (transient or unavailable):
        status = UNAUTHORISED
    return ServiceError(host, f"no token from Entra ID: {first}", status=status)
