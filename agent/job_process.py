"""What a job process is given and does before it has a call.

Upstream pickles the worker's functions for each job process, which imports their module again. Its
settings must be those that the worker read: a ``.env`` file or a secret's file may have been edited
since.
"""

from __future__ import annotations

import signal
import threading
from typing import Any

from livekit.agents import JobProcess

from agent.call.session import load_detector
from agent.config.settings import Settings
from agent.realtime.connection.io_loop import io_loop

_given: list[Settings] = []


def settings_of_worker() -> Settings | None:
    """What the worker has read, in one of its job processes; ``None`` anywhere else."""
    return _given[0] if _given else None


class Prewarm:
    """A ``setup_fnc`` that takes the worker's settings along to the job process.

    Upstream pickles it before the entrypoint (``ProcStartArgs`` of 1.8.9), so that the settings
    are there before the entrypoint's module is imported.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __call__(self, process: JobProcess) -> None:
        if threading.current_thread() is threading.main_thread():
            # As in agent/forkserver_preload.py, for processes that were spawned instead of forked.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        io_loop().warm()
        load_detector(self._settings)

    def __reduce__(self) -> tuple[Any, ...]:
        return _in_job_process, (self._settings,)


def _in_job_process(settings: Settings) -> Prewarm:
    _given[:] = [settings]
    return Prewarm(settings)
