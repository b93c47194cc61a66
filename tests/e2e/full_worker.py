"""A worker whose machine is too busy for another call."""

from __future__ import annotations

from agent.server import create_server, load_worker_settings

server = create_server(load_worker_settings(), load_fnc=lambda: 0.9)
