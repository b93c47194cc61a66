"""Job processes: what they are forked from, and what they get from the worker before a call.

The forkserver imports what every job needs, which takes as long as the worker's own start.
Upstream does one after the other; ``start_forkserver`` lets both happen side by side.
"""

from __future__ import annotations

import multiprocessing
import signal
import sys
import threading
from multiprocessing import forkserver
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from livekit.agents import JobProcess

    from agent.config.settings import Settings

OUR_PRELOAD = ["agent.forkserver_preload", "agent.call.call"]
UPSTREAM_PRELOAD = ["livekit.agents.ipc._preload", "livekit.agents.ipc._preload_freeze"]
"""What upstream adds for an AgentServer (worker.py of 1.8.9); the freeze must come last."""

_kept: list[Settings] = []


def start_forkserver() -> None:
    """Start the forkserver now, with the environment as it is. Only Linux uses one."""
    if sys.platform == "linux":
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([*OUR_PRELOAD, *UPSTREAM_PRELOAD])
        forkserver.ensure_running()


def keep_settings(settings: Settings) -> None:
    """Keep the settings that the worker has read, for the worker's module that is imported next."""
    _kept[:] = [settings]


def kept_settings() -> Settings | None:
    """Return the settings that the worker has read; ``None`` where it has not.

    ``agent start`` reads them before it imports the worker's module, and each job process imports
    that again. The environment, a ``.env`` file or a secret's file may have changed meanwhile.
    """
    return _kept[0] if _kept else None


class Prewarm:
    """A ``setup_fnc`` that takes the worker's settings along to the job process.

    Upstream pickles it before the entrypoint (``ProcStartArgs`` of 1.8.9), so that the settings
    are there before the entrypoint's module is imported.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __call__(self, process: JobProcess) -> None:
        # Imported here: `agent start` uses this module before it imports LiveKit's.
        from agent.call.session import load_detector
        from agent.realtime.connection.io_loop import io_loop

        if threading.current_thread() is threading.main_thread():
            # As in agent/forkserver_preload.py, for processes that were spawned instead of forked.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        io_loop().warm()
        load_detector(self._settings)

    def __reduce__(self) -> tuple[Any, ...]:
        return _in_job_process, (self._settings,)


def _in_job_process(settings: Settings) -> Prewarm:
    keep_settings(settings)
    return Prewarm(settings)
