"""The worker: ``python -m livekit.agents start agent/worker.py``, or ``agent start``.

``server`` is what LiveKit's own entry looks for in this module.
"""

from __future__ import annotations

import math
import os
import sys
from typing import Any

from livekit.agents import JobContext
from livekit.agents.utils.hw import get_cpu_monitor
from livekit.agents.worker import ServerEnvOption

from agent.call import handle_call
from agent.config.settings import Settings
from agent.config.sources import prepare_for_libraries
from agent.config.validation import read_settings
from agent.errors import SettingsError
from agent.job_process import Prewarm, settings_of_worker
from agent.processes import OUR_PRELOAD
from agent.server import Server


def _settings_or_exit() -> Settings:
    try:
        settings = read_settings(os.environ)
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201
        sys.exit(error.exit_code)
    prepare_for_libraries(os.environ, settings.livekit.for_libraries())
    return settings


def create_server(settings: Settings) -> Server:
    """The worker as it is to be run: it dispatches a call again whose process died, says how many
    calls are left when it drains, and keeps job processes from a SIGTERM to its group. For a
    module of your own, as in examples/restaurant.py."""
    options: dict[str, Any] = {}
    if settings.worker.http_port is not None:
        options["port"] = settings.worker.http_port
    return Server(
        settings.livekit,
        host=settings.worker.http_host,
        setup_fnc=Prewarm(settings),
        # One warm process in development too: the first call should not wait for an import.
        num_idle_processes=ServerEnvOption(
            dev_default=1, prod_default=math.ceil(get_cpu_monitor().cpu_count())
        ),
        preload_modules=OUR_PRELOAD,
        **options,
    )


settings = settings_of_worker() or _settings_or_exit()
server = create_server(settings)


@server.rtc_session(agent_name=settings.livekit.agent_name)
async def entrypoint(ctx: JobContext) -> None:
    await handle_call(ctx, settings)
