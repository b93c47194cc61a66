"""Read the JSON body of an HTTP request."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web


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


def _refuse(name: str) -> None:
    raise ValueError(name)
