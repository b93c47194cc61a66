"""One event loop on a thread of its own, home of every service socket in the process.

A job process is warmed up before it has an event loop, so a socket that is to be open before
the call cannot live on the job's loop. All of them live here, and there is one kind of connection.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Coroutine
from functools import cache
from typing import Any, TypeVar

import aiohttp

from agent.errors import ServiceError

T = TypeVar("T")


class IOLoop:
    """The loop, its thread, and the HTTP session that its sockets share."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._http: aiohttp.ClientSession | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, name="realtime-io")
        self._thread.daemon = True
        self._thread.start()

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """``work`` done on this loop, awaited on the caller's."""
        return await asyncio.wrap_future(self.submit(work))

    def submit(self, work: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def call_soon(self, call: Callable[..., object], *args: Any) -> None:
        """From any thread: ``call(*args)`` on this loop."""
        self._loop.call_soon_threadsafe(call, *args)

    def close(self) -> None:
        """Close the HTTP session and end the thread. A process that ends need not call it."""
        self.submit(self._close_http()).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close_http(self) -> None:
        if self._http is not None:
            await self._http.close()

    def warm(self) -> None:
        """Make the HTTP session now, so that the first connection does not wait for it."""
        self.call_soon(self.http)

    def http(self) -> aiohttp.ClientSession:
        """The shared HTTP session. To be called on this loop only."""
        if self._http is None:
            tracing = aiohttp.TraceConfig()
            tracing.on_request_redirect.append(_refuse_redirect)
            self._http = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0), trace_configs=[tracing], trust_env=True
            )
        return self._http


async def _refuse_redirect(
    _session: aiohttp.ClientSession, _context: Any, params: aiohttp.TraceRequestRedirectParams
) -> None:
    """A redirect would carry the key to a host that it does not belong to."""
    raise ServiceError(
        params.url.host or "?",
        "redirects elsewhere, which is not followed: the key belongs to this host only",
        status=params.response.status,
    )


@cache
def io_loop() -> IOLoop:
    """The process's one I/O loop, started when first asked for."""
    return IOLoop()
