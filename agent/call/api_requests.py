"""Requests to LiveKit's HTTP API that end in bounded time, with one kind of error."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TypeVar

import aiohttp
from google.protobuf.message import DecodeError
from livekit import api
from livekit.agents import JobContext
from livekit.agents.utils import http_context

from agent.config.settings import LiveKitSettings

ATTEMPT_SECONDS = 3.0
"""Limit of one attempt. ``ctx.api`` itself would wait five minutes."""
PAUSES_SECONDS = (0.2, 0.5, 1.0)
"""Between attempts; the last one repeats."""

T = TypeVar("T")


class ApiRequestError(Exception):
    """LiveKit's HTTP API refused a request, or could not be reached. ``str()`` names the reason."""

    def __init__(self, reason: str, *, status: int | None = None, code: str = "") -> None:
        super().__init__(reason)
        self.status = status
        """HTTP status; ``None`` if no answer came."""
        self.is_not_found = code == api.ServerErrorCode.NOT_FOUND

    @property
    def is_transient(self) -> bool:
        """Whether the same request may succeed later."""
        return self.status is None or self.status >= 500 or self.status == 429


async def send_request(request: Callable[[], Awaitable[T]], *, within: float = 0.0) -> T:
    """Await ``request()``, and again for ``within`` seconds while the API is unreachable or
    unavailable; 0 for a single attempt. Raises ``ApiRequestError``."""
    deadline = time.monotonic() + within
    for attempt in range(1_000_000):
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                return await request()
        except (api.ServerError, aiohttp.ClientError, OSError, DecodeError) as error:
            failure = _as_request_error(error)
        pause = PAUSES_SECONDS[min(attempt, len(PAUSES_SECONDS) - 1)]
        if not failure.is_transient or time.monotonic() + pause > deadline:
            break
        await asyncio.sleep(pause)
    raise failure


def _as_request_error(error: Exception) -> ApiRequestError:
    if isinstance(error, api.ServerError):
        text = error.message or _phrase(error.status)
        return ApiRequestError(
            f"{error.status} {text:.200}".strip(), status=error.status, code=error.code
        )
    if isinstance(error, TimeoutError):
        return ApiRequestError(f"no answer within {ATTEMPT_SECONDS:g} s")
    return ApiRequestError(f"{str(error) or type(error).__name__:.200}")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def give_api(ctx: JobContext, settings: LiveKitSettings) -> None:
    """Let ``ctx.api`` have a secret that is not in the environment, where upstream looks for it."""
    if settings.api_secret_file:
        secret = settings.api_secret.get_secret_value()
        # A cached property of upstream's: what is set here is what it returns.
        ctx.api = api.LiveKitAPI(
            settings.url,
            settings.api_key,
            secret,
            session=http_context.http_session(),
        )
