"""LiveKit's worker, with an eye on calls whose process dies, and on those left when it drains."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

from livekit import api
from livekit.agents import AgentServer
from livekit.agents.ipc.job_executor import JobExecutor, JobStatus
from livekit.agents.job import RunningJobInfo
from livekit.agents.types import NOT_GIVEN, NotGivenOr

from agent import forkserver
from agent.ending import FAILED_EXIT
from agent.rooms import close_room, people
from agent.settings import LiveKitSettings

logger = logging.getLogger("agent.worker")

RESUMED = "resumed"
"""Key of a job's metadata: the call goes on from another job, whose process died."""
TELL_SECONDS = 10.0


class Server(AgentServer):
    def __init__(self, livekit: LiveKitSettings, **options: Any) -> None:
        """``options`` are upstream's."""
        super().__init__(
            ws_url=livekit.livekit_url,
            api_key=livekit.livekit_api_key,
            api_secret=livekit.livekit_api_secret.get_secret_value(),
            **options,
        )
        self._livekit = livekit
        self._ending = False
        self._rescued: set[str] = set()
        """Rooms whose call was dispatched again, where the metadata cannot say so."""
        self._rescuing: set[asyncio.Task[None]] = set()

    async def run(self, *, devmode: bool = False, unregistered: bool = False) -> None:
        if self._livekit.livekit_api_secret_file:
            # Upstream puts the secret into the environment that later processes inherit.
            forkserver.start()
        await super().run(devmode=devmode, unregistered=unregistered)

    async def drain(self, timeout: NotGivenOr[int | None] = NOT_GIVEN) -> None:
        """Let the calls end, and say how many are left."""
        telling = asyncio.create_task(self._tell_what_is_left())
        try:
            await super().drain(timeout)
        finally:
            telling.cancel()

    async def aclose(self) -> None:
        self._ending = True
        await super().aclose()

    async def _tell_what_is_left(self) -> None:
        told, waited = -1, 0.0
        while True:
            left = len(self.active_jobs)
            if left != told or waited >= TELL_SECONDS:
                logger.info("draining: %d call%s left", left, "" if left == 1 else "s")
                told, waited = left, 0.0
            await asyncio.sleep(0.5)
            waited += 0.5

    async def _update_job_status(self, proc: JobExecutor) -> None:
        """Upstream's own report of a job to the server, which it makes of every process that has
        ended, too. There is no public way to be told of one."""
        await super()._update_job_status(proc)
        info = proc.running_job
        code = getattr(proc, "exitcode", None)
        if info is None or self._ending or proc.status is not JobStatus.FAILED:
            return
        if code != FAILED_EXIT:  # with that one it has ended its call itself
            logger.error("the process of a call died (%s): %s", code, info.job.room.name)
            task = asyncio.create_task(self._rescue(info))
            self._rescuing.add(task)
            task.add_done_callback(self._rescuing.discard)

    async def _rescue(self, info: RunningJobInfo) -> None:
        """Dispatch a call again whose process died, once; or end it. The server would notice
        some twenty seconds later that the agent is gone."""
        job = info.job
        room = job.room.name
        secret = self._livekit.livekit_api_secret.get_secret_value()
        async with api.LiveKitAPI(
            self._livekit.livekit_url, self._livekit.livekit_api_key, secret
        ) as livekit:
            try:
                identity = info.accept_arguments.identity
                gone = api.RoomParticipantIdentity(room=room, identity=identity)
                await livekit.room.remove_participant(gone)
            except api.ServerError as error:
                logger.debug("the dead agent was gone already: %s", error.message)
            try:
                metadata = self._resumed(room, job.metadata, job.id)
                if metadata is None or not await people(livekit.room, room):
                    await close_room(livekit.room, room, besides=None)
                    return
                request = api.CreateAgentDispatchRequest(
                    agent_name=job.agent_name, room=room, metadata=metadata
                )
                await livekit.agent_dispatch.create_dispatch(request)
                logger.info("the call is dispatched again: %s", room)
            except api.ServerError as error:
                logger.error("the call could not be dispatched again: %s", error.message)

    def _resumed(self, room: str, metadata: str, job_id: str) -> str | None:
        """The metadata of the next job; ``None`` where this one was the second already."""
        try:
            said = json.loads(metadata or "{}")
        except ValueError:
            said = None
        if not isinstance(said, dict):
            known = room in self._rescued
            self._rescued.add(room)
            return None if known else metadata
        return None if RESUMED in said else json.dumps({**said, RESUMED: {"job": job_id}})
