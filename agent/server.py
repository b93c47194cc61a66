"""The server of a worker: LiveKit's, which also rescues calls, and logs refusals and drains."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import os
import sys
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any

from livekit import api
from livekit.agents import AgentServer, JobContext, JobExecutorType
from livekit.agents.ipc.job_executor import JobExecutor, JobStatus
from livekit.agents.job import RunningJobInfo
from livekit.agents.llm import Tool, Toolset
from livekit.agents.types import NOT_GIVEN, NotGivenOr
from livekit.agents.utils.hw import get_cpu_monitor
from livekit.agents.worker import ServerEnvOption
from livekit.protocol import agent as protocol
from livekit.protocol.agent import WorkerStatus

from agent import processes
from agent.call import CallInfo, MultimodalAgent, Subscriber, handle_call
from agent.call.api_requests import ApiRequestError, send_request
from agent.call.lifecycle import FAILED_EXIT
from agent.call.rooms import close_room, list_people
from agent.config.settings import LiveKitSettings, Settings
from agent.config.sources import prepare_for_libraries
from agent.config.validation import read_settings
from agent.entrypoint import ServerEntrypoint, find_server_name
from agent.errors import SettingsError
from agent.processes import OUR_PRELOAD, Prewarm, kept_settings

logger = logging.getLogger("agent.worker")

RESUMED = "resumed"
"""Key of a job's metadata: the call goes on from another job, whose process died."""
DRAIN_LOG_SECONDS = 10.0
RESCUE_SECONDS = 10.0
"""How long each request of a rescue is repeated while LiveKit's API is away."""


_offered_room: ContextVar[str] = ContextVar("offered_room", default="")
"""The room of the job that the worker is being offered in the current task."""


def load_worker_settings() -> Settings:
    """Return the settings of this worker, the same in all of its processes.

    They are read from the environment, ``.env`` files and secret files once, by the worker. Where
    they are wrong, print every problem and exit with the status that ``agent check`` has.
    """
    if (settings := kept_settings()) is not None:
        return settings
    try:
        settings = read_settings(os.environ)
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201
        sys.exit(error.exit_code)
    prepare_for_libraries(os.environ, settings.livekit.for_libraries())
    return settings


def create_server(
    settings: Settings,
    *,
    agent: Callable[[CallInfo], MultimodalAgent] = MultimodalAgent,
    tools: Sequence[Tool | Toolset] = (),
    subscribers: Sequence[Subscriber] = (),
    **options: Any,
) -> Server:
    """Create the server of a worker, which answers each call with an agent of its own.

    ``agent`` makes the agent of a call: ``MultimodalAgent``, a subclass, or a function. ``tools``
    are LiveKit's ``@function_tool`` functions, which the agent may call. ``subscribers`` read the
    events of each call. ``options`` are those of LiveKit's ``AgentServer``, such as ``load_fnc``,
    in place of this worker's.

    The server dispatches a call again whose process died, logs how many calls are left while it
    drains, says why it refuses a call, and keeps job processes from a SIGTERM to its group.

    Assign it at the top level of a module: each job process imports that module, and finds
    ``agent``, ``tools`` and ``subscribers`` there, so these may be anything. ``run`` raises
    ``LocalError`` for a server that has no such name, except with ``JobExecutorType.THREAD``.

    A module that has to do something of its own with a job registers a function with
    ``server.rtc_session`` as in LiveKit's documentation, and calls ``handle_call`` in it.
    """
    if settings.worker.http_port is not None:
        options.setdefault("port", settings.worker.http_port)
    server = Server(
        settings.livekit,
        **{
            "host": settings.worker.http_host,
            "setup_fnc": Prewarm(settings),
            # One warm process in development too: the first call should not wait for an import.
            "num_idle_processes": ServerEnvOption(
                dev_default=1, prod_default=math.ceil(get_cpu_monitor().cpu_count())
            ),
            "preload_modules": OUR_PRELOAD,
            **options,
        },
    )

    async def handle(ctx: JobContext) -> None:
        await handle_call(ctx, settings, agent=agent, tools=tools, subscribers=subscribers)

    server.entrypoint = ServerEntrypoint(server, handle)
    return server


class Server(AgentServer):
    """LiveKit's server with a rescue of calls. Make one with ``create_server``."""

    def __init__(self, livekit: LiveKitSettings, **options: Any) -> None:
        """``options`` are upstream's."""
        super().__init__(
            ws_url=livekit.url,
            api_key=livekit.api_key,
            api_secret=livekit.api_secret.get_secret_value(),
            **options,
        )
        self._livekit = livekit
        self.entrypoint: ServerEntrypoint | None = None
        """Handles jobs, unless ``rtc_session`` registers another function."""
        self._ending = False
        self._redispatched_rooms: set[str] = set()
        """Rooms whose call was dispatched again, where the metadata cannot say so."""
        self._redispatching: set[asyncio.Task[None]] = set()

    async def run(self, *, devmode: bool = False, unregistered: bool = False) -> None:
        self._register_entrypoint()
        if self._livekit.api_secret_file:
            # Upstream puts the secret into the environment that later processes inherit.
            processes.start_forkserver()
        await super().run(devmode=devmode, unregistered=unregistered)

    def _register_entrypoint(self) -> None:
        """Handle jobs with ``entrypoint``, unless a function is registered. Raise ``LocalError``
        where job processes would not find it."""
        if self._entrypoint_fnc is None and self.entrypoint is not None:
            if self._job_executor_type is JobExecutorType.PROCESS:
                find_server_name(self)
            self.rtc_session(self.entrypoint, agent_name=self._livekit.agent_name)

    async def drain(self, timeout: NotGivenOr[int | None] = NOT_GIVEN) -> None:
        """Let the calls end, and say how many are left."""
        logging_task = asyncio.create_task(self._log_remaining_calls())
        try:
            await super().drain(timeout)
        finally:
            logging_task.cancel()

    async def aclose(self) -> None:
        self._ending = True
        await super().aclose()

    async def _log_remaining_calls(self) -> None:
        logged, waited = -1, 0.0
        while True:
            left = len(self.active_jobs)
            if left != logged or waited >= DRAIN_LOG_SECONDS:
                logger.info("draining: %d call%s left", left, "" if left == 1 else "s")
                logged, waited = left, 0.0
            await asyncio.sleep(0.5)
            waited += 0.5

    async def _answer_availability(
        self, msg: protocol.AvailabilityRequest, *, received_at: float | None = None
    ) -> None:
        """Upstream's answer to a job that is offered, which names the room in a refusal."""
        _offered_room.set(msg.job.room.name)
        await super()._answer_availability(msg, received_at=received_at)

    def _is_available(self) -> bool:
        """Upstream's decision whether to take a job, which logs nothing about a refusal."""
        is_available = super()._is_available()
        if not is_available:
            logger.warning(
                "the call in room '%s' was refused: %s", _offered_room.get(), self._why_refused()
            )
        return is_available

    async def _update_worker_status(self) -> None:
        """Upstream's report of the load to the server, which offers no calls to a full worker and
        drops those for which it finds no other."""
        before = self._previous_status
        await super()._update_worker_status()
        if self._previous_status != before and self._previous_status == WorkerStatus.WS_FULL:
            logger.warning(
                "the worker is full: LiveKit offers it no calls, and drops those for which there is"
                " no other worker. %s",
                self._why_refused(),
            )

    def _why_refused(self) -> str:
        calls = f"{len(self.active_jobs)} calls"
        if self.draining:
            return f"the worker is draining, with {calls} left. Another worker has to take it"
        threshold = ServerEnvOption.getvalue(self._load_threshold, self._devmode)
        load = self._get_effective_load()
        limit = f"{calls}, load {load:.2f}, no more are taken from {threshold:.2f} on"
        return f"{limit}. Start another worker, or give this one more CPU"

    async def _update_job_status(self, proc: JobExecutor) -> None:
        """Upstream's own report of a job to the server, which it makes of every process that has
        ended, too. Upstream has no public event for it."""
        await super()._update_job_status(proc)
        info = proc.running_job
        code = getattr(proc, "exitcode", None)
        if info is None or self._ending or proc.status is not JobStatus.FAILED:
            return
        if code != FAILED_EXIT:  # with that one it has ended its call itself
            logger.error("the process of a call died (%s): %s", code, info.job.room.name)
            task = asyncio.create_task(self._redispatch(info))
            self._redispatching.add(task)
            task.add_done_callback(self._redispatching.discard)

    async def _redispatch(self, info: RunningJobInfo) -> None:
        """Dispatch a call again whose process died, once; or end it. The server would notice
        some twenty seconds later that the agent is gone."""
        job = info.job
        room = job.room.name
        secret = self._livekit.api_secret.get_secret_value()
        async with api.LiveKitAPI(self._livekit.url, self._livekit.api_key, secret) as livekit:
            try:
                gone = api.RoomParticipantIdentity(
                    room=room, identity=info.accept_arguments.identity
                )
                await send_request(
                    lambda: livekit.room.remove_participant(gone), within=RESCUE_SECONDS
                )
            except ApiRequestError as error:
                logger.debug("the dead agent could not be removed: %s", error)
            try:
                metadata = self._redispatch_metadata(room, job.metadata, job.id)
                if metadata is None or not await list_people(
                    livekit.room, room, within=RESCUE_SECONDS
                ):
                    await close_room(livekit.room, room, besides=None, within=RESCUE_SECONDS)
                    return
                request = api.CreateAgentDispatchRequest(
                    agent_name=job.agent_name, room=room, metadata=metadata
                )
                await send_request(
                    lambda: livekit.agent_dispatch.create_dispatch(request), within=RESCUE_SECONDS
                )
                logger.info("the call is dispatched again: %s", room)
            except ApiRequestError as error:
                logger.error("the call in '%s' could not be dispatched again: %s", room, error)

    def _redispatch_metadata(self, room: str, metadata: str, job_id: str) -> str | None:
        """The metadata of the next job; ``None`` where this one was the second already."""
        try:
            said = json.loads(metadata or "{}")
        except ValueError:
            said = None
        if not isinstance(said, dict):
            known = room in self._redispatched_rooms
            self._redispatched_rooms.add(room)
            return None if known else metadata
        return None if RESUMED in said else json.dumps({**said, RESUMED: {"job": job_id}})
