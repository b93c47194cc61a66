"""The process that job processes are forked from, started before the worker's own imports.

It imports what every job needs, which takes as long as the worker's own start. Upstream does one
after the other; ``start`` lets both happen side by side.
"""

from __future__ import annotations

import multiprocessing
import sys
from multiprocessing import forkserver

OUR_PRELOAD = ["agent.forkserver_preload", "agent.call.call"]
UPSTREAM_PRELOAD = ["livekit.agents.ipc._preload", "livekit.agents.ipc._preload_freeze"]
"""What upstream adds for an AgentServer (worker.py of 1.8.9); the freeze must come last."""


def start_forkserver() -> None:
    """Start the forkserver now, with the environment as it is. Only Linux uses one."""
    if sys.platform == "linux":
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([*OUR_PRELOAD, *UPSTREAM_PRELOAD])
        forkserver.ensure_running()
