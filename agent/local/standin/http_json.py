"""The JSON body of an HTTP request."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web


async def read_json(request: web.Request) -> Any:
    """The body as JSON says it, whatever the Content-Type; raises ``ValueError`` for all else:
    another encoding, NaN and the infinities, half a surrogate pair, or nesting without end."""
    try:
        body = json.loads(await request.read(), parse_constant=_refuse)
        json.dumps(body, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return body


def _refuse(name: str) -> None:
    raise ValueError(name)
