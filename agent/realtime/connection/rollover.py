"""Moves a call to another connection in good time before the service ends the one it has."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Callable

from agent.errors import ServiceError
from agent.realtime.connection.resume import SessionResumer
from agent.realtime.connection.rollover_plan import Plan, plan
from agent.realtime.connection.service_connection import ServiceConnection
from agent.realtime.state.call_activity import CallActivity

logger = logging.getLogger("agent.realtime")

AGAIN_SECONDS = 5.0
"""Between attempts to have the next connection, while the present one still holds; and between
two moves, where sessions are said to end as soon as they have begun."""


class RolloverScheduler:
    def __init__(
        self,
        legs: SessionResumer,
        moment: Callable[[], CallActivity],
        switch: Callable[[ServiceConnection], None],
    ) -> None:
        """``moment`` says what goes on now; ``switch`` makes a leg the call's."""
        self._resumer = legs
        self._activity = moment
        self._switch = switch
        self._changed = asyncio.Event()
        self._requested = False
        self._moved_at = -math.inf
        """When the call was last moved, by ``time.monotonic``."""
        self._task: asyncio.Task[None] | None = None

    def start(self, leg: ServiceConnection) -> None:
        """``leg`` is the call's connection now."""
        self.stop()
        self._requested = False
        self._task = asyncio.create_task(self._run(leg))

    def stop(self) -> None:
        """There is no connection to take care of."""
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
        self._task = None

    def on_activity_changed(self) -> None:
        """Something has happened that may make this moment another."""
        self._changed.set()

    def request(self) -> None:
        """Do not wait for the end of the session, only for a quiet moment."""
        self._requested = True
        self.on_activity_changed()

    async def _run(self, leg: ServiceConnection) -> None:
        ready: ServiceConnection | None = None
        try:
            while True:
                now, when = time.monotonic(), self._plan(leg)
                if now < when.window_start:
                    await self._wait(when.window_start)
                elif ready is None:
                    ready = await self._next()
                elif self._activity() <= when.worst_activity_allowed(now):
                    moved, ready = ready, None
                    self._moved_at = now
                    self._switch(moved)
                    return
                else:
                    await self._wait(when.grace_start if now < when.grace_start else when.deadline)
        finally:
            if ready is not None:
                await ready.close()

    def _plan(self, leg: ServiceConnection) -> Plan:
        # The service names the end in its first event, which may not have come.
        found = plan(leg.opened_at, leg.expires_at)
        if self._requested:
            return Plan(leg.opened_at, found.grace_start, found.deadline)
        begins = max(found.window_start, self._moved_at + AGAIN_SECONDS)
        return Plan(begins, max(begins, found.grace_start), max(begins, found.deadline))

    async def _next(self) -> ServiceConnection | None:
        try:
            return await self._resumer.connect_once()
        except ServiceError as error:
            logger.warning("no other connection yet, the present one holds: %s", error)
        except Exception:
            # The call must not stay on a connection that ends because of a defect here.
            logger.exception("no other connection yet, the present one holds: a defect")
        await asyncio.sleep(AGAIN_SECONDS)
        return None

    async def _wait(self, until: float) -> None:
        """Until something happens, or the time has come."""
        self._changed.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.01, until - time.monotonic())):
                await self._changed.wait()
