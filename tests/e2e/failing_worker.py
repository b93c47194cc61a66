"""A worker whose calls fail once they have begun."""

from __future__ import annotations

from agent.call import CallInfo, MultimodalAgent
from agent.server import create_server, load_worker_settings


def failing(_: CallInfo) -> MultimodalAgent:
    raise RuntimeError("a mistake in somebody's code")


server = create_server(load_worker_settings(), agent=failing)
