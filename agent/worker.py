"""The worker: ``python -m livekit.agents start agent/worker.py``, or ``agent start``.

``server`` is what LiveKit's own entry looks for in this module. For a worker with an agent and
tools of your own, see examples/restaurant.py.
"""

from __future__ import annotations

from agent.server import create_server, load_worker_settings

__all__ = ["create_server", "server", "settings"]

settings = load_worker_settings()
server = create_server(settings)
