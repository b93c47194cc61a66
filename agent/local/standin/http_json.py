"""Read the JSON body of an HTTP request."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from agent.local.standin.rules import Refusal


async def read_json(request: web.Request) -> Any:
    """Return the body, parsed as JSON regardless of its Content-Type.

    Raises ``ValueError`` for anything but strict JSON: another encoding, NaN or infinity, half a
    surrogate pair, or nesting too deep to parse.
    """
    try:
        body = json.loads(await request.read(), parse_constant=_refuse)
        json.dumps(body, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return body


async def read_object(request: web.Request) -> dict[str, Any]:
    """Return the body, parsed as by ``read_json``. Raises ``Refusal`` if it is no JSON object."""
    try:
        body = await read_json(request)
    except ValueError:
        raise Refusal(None, "We could not parse the JSON body of your request.") from None
    if not isinstance(body, dict):
        raise Refusal(None, "We expected the body of your request to be a JSON object.")
    return body


def _refuse(name: str) -> None:
    raise ValueError(name)
