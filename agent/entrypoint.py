"""The entrypoint of a job, and how a job process finds it.

Upstream pickles the entrypoint for each job process, by the name of a function at the top level of
a module. An entrypoint that knows an agent and tools cannot be pickled by value: a decorated tool
stands in its module in place of the function it was made of, and agents may be closures. So what
is pickled is where the server is: the job process imports that module, which calls
``create_server`` again with the same agent and tools, and takes the entrypoint of that server.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from importlib import import_module
from pickle import PicklingError
from typing import Any

from livekit.agents import AgentServer, JobContext

from agent.errors import LocalError

Entrypoint = Callable[[JobContext], Awaitable[None]]


class ServerEntrypoint:
    """Handles jobs with ``handle``, and is pickled as the place of ``server``."""

    def __init__(self, server: AgentServer, handle: Entrypoint) -> None:
        self._server = server
        self._handle = handle

    async def __call__(self, ctx: JobContext) -> None:
        await self._handle(ctx)

    def __reduce__(self) -> tuple[Any, ...]:
        try:
            return _find_entrypoint, find_server_name(self._server)
        except LocalError as error:
            raise PicklingError(str(error)) from None


def find_server_name(server: AgentServer) -> tuple[str, str]:
    """Find the module and the name in it that hold ``server``; ``LocalError`` if none does."""
    for module_name, module in list(sys.modules.items()):
        for name, value in list(getattr(module, "__dict__", {}).items()):
            if value is server:
                return module_name, name
    raise LocalError(
        "The server is not a module's global name, so job processes cannot find its agent and"
        " tools.",
        "Assign it at the top level of a module: server = create_server(settings, …).",
    )


def _find_entrypoint(module_name: str, name: str) -> ServerEntrypoint:
    entrypoint: ServerEntrypoint = getattr(import_module(module_name), name).entrypoint
    return entrypoint
