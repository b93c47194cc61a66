"""Refuse web pages of other origins at the control endpoints, ``/faults`` and ``/sessions``.

A browser lets any page send requests to a server on the user's own machine. The endpoints need no
key, so a foreign page could read conversations and change the faults.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from yarl import URL

CONTROL_PATHS = ("/faults", "/sessions")


def control_guard(host: str, allowed: Sequence[str]) -> Middleware:
    """Answer 403 to requests for ``CONTROL_PATHS`` from pages of other origins than ``allowed``.

    ``host`` is the address that the server listens on.
    """

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path not in CONTROL_PATHS:
            return await handler(request)
        origin = request.headers.get("Origin", "")
        named = bool(origin) and origin in allowed
        if not named and (_is_foreign(request, origin) or _is_rebound(request, host)):
            message = (
                f"Requests to {request.path} from another origin ({origin or request.host}) are "
                "refused. Start the server with --allow-origin to allow one."
            )
            return web.json_response({"error": {"message": message}}, status=403)
        preflight = request.method == "OPTIONS"
        answer = web.Response(status=204) if preflight and named else await handler(request)
        if named:
            answer.headers["Access-Control-Allow-Origin"] = origin
            answer.headers["Access-Control-Allow-Headers"] = "Content-Type"
            answer.headers["Vary"] = "Origin"
        return answer

    return guard


def _is_foreign(request: web.Request, origin: str) -> bool:
    """Whether the request comes from a page of another origin, by the browser's headers.

    For requests without ``Origin``, such as images, ``Sec-Fetch-Site`` still tells.
    """
    if request.headers.get("Sec-Fetch-Site") in {"cross-site", "same-site"}:
        return True
    return bool(origin) and origin != f"{request.scheme}://{request.host}"


def _is_rebound(request: web.Request, host: str) -> bool:
    """Whether the ``Host`` is a foreign name for a loopback address (DNS rebinding).

    Only for servers on loopback: a server on another address cannot know its own names.
    """
    return _is_loopback(host) and not _is_loopback(URL(f"//{request.host}").host or "")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
