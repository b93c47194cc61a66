"""Whether a LiveKit server can be reached and accepts a key, asked before anything relies on it."""

from __future__ import annotations

import aiohttp
from livekit import api

from agent.errors import LiveKitError
from agent.redaction import redact, redact_url

TIMEOUT_SECONDS = 5.0


async def check_access(url: str, api_key: str, api_secret: str) -> None:
    """Raises ``LiveKitError``, in at most five seconds, with what to do about it."""
    if not (url and api_key and api_secret):
        raise LiveKitError(
            "LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET are needed, all three.",
            "Set them in the environment or in .env.local.",
        )
    shown = redact_url(url)
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    try:
        async with api.LiveKitAPI(
            url, api_key, api_secret, timeout=timeout, failover=False
        ) as livekit:
            await livekit.room.list_rooms(api.ListRoomsRequest(names=["-"]))
    except api.ServerError as error:
        if error.status in {401, 403}:
            raise LiveKitError(
                f"The LiveKit server at {shown} does not accept the key '{api_key}' "
                "with this secret.",
                "Check LIVEKIT_API_KEY and LIVEKIT_API_SECRET.",
            ) from None
        raise LiveKitError(
            f"{shown} does not answer as a LiveKit server does ({error.status} {error.message}).",
            "Check LIVEKIT_URL.",
        ) from None
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        reason = str(error) or f"no answer within {TIMEOUT_SECONDS:g} s"
        raise LiveKitError(
            f"There is no LiveKit server to reach at {shown} ({redact(reason)}).",
            "Check LIVEKIT_URL, and that the server runs.",
        ) from None
