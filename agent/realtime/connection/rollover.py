"""Prepare another connection in good time before the service ends the one in use."""

from __future__ import annotations

import asyncio
import logging
import math
import time

from agent.errors import ServiceError
from agent.realtime.connection.resume import SessionResumer
from agent.realtime.connection.rollover_plan import Plan, plan
from agent.realtime.connection.service_connection import ServiceConnection
from agent.realtime.state.call_activity import CallActivity

logger = logging.getLogger("agent.realtime")

AGAIN_SECONDS = 5.0
"""Between attempts to prepare the next connection, while the one in use still holds; and between
two rollovers, where sessions are said to end as soon as they have begun."""


class RolloverScheduler:
    """Decide when a call moves to another connection, and have that connection ready.

    The scheduler wakes the connection in use whenever the answer of ``take`` may have changed with
    time alone; the reader of that connection asks after each frame besides.
    """

    def __init__(self, resumer: SessionResumer) -> None:
        self._resumer = resumer
        self._changed = asyncio.Event()
        self._requested = False
        self._moved_at = -math.inf
        """When the call last moved, by ``time.monotonic``."""
        self._connection: ServiceConnection | None = None
        """The connection in use."""
        self._ready: ServiceConnection | None = None
        """The one that is to replace it."""
        self._planned_expiry = math.inf
        self._task: asyncio.Task[None] | None = None

    @property
    def is_ready(self) -> bool:
        """Whether another connection is prepared."""
        return self._ready is not None

    def start(self, connection: ServiceConnection) -> None:
        """Schedule the rollover of ``connection``, which is in use from now on."""
        self.stop()
        self._requested = False
        self._connection, self._planned_expiry = connection, connection.expires_at
        self._task = asyncio.create_task(self._run(connection))

    def stop(self) -> None:
        """Schedule nothing more, and close the connection that was prepared."""
        if self._task is not None:
            self._task.cancel()
        if self._ready is not None:
            self._resumer.close_in_background(self._ready)
        self._task = self._connection = self._ready = None

    def request(self) -> None:
        """Move at the next quiet moment, however long the session would last."""
        self._requested = True
        self._changed.set()

    def on_frame(self, connection: ServiceConnection) -> None:
        """Plan anew if the service has named another end of the session in use."""
        if connection.expires_at != self._planned_expiry:
            self._planned_expiry = connection.expires_at
            self._changed.set()

    def take(self, activity: CallActivity) -> ServiceConnection | None:
        """The connection to move to now; ``None`` if there is none, or ``activity``, what goes on
        in the call, is not to be interrupted yet."""
        now = time.monotonic()
        if self._ready is None or self._connection is None:
            return None
        if activity > self._plan(self._connection).worst_activity_allowed(now):
            return None
        connection, self._ready = self._ready, None
        self._moved_at = now
        return connection

    async def _run(self, connection: ServiceConnection) -> None:
        while True:
            now, when = time.monotonic(), self._plan(connection)
            if now < when.window_start:
                await self._wait(when.window_start)
            elif self._ready is None:
                self._ready = await self._prepare()
                connection.wake()
            elif now < when.deadline:
                await self._wait(when.grace_start if now < when.grace_start else when.deadline)
                connection.wake()
            else:
                # Whatever goes on, ``take`` returns the connection when it is next asked.
                connection.wake()
                await self._wait(math.inf)

    def _plan(self, connection: ServiceConnection) -> Plan:
        found = plan(connection.opened_at, connection.expires_at)
        if self._requested:
            return Plan(connection.opened_at, found.grace_start, found.deadline)
        begins = max(found.window_start, self._moved_at + AGAIN_SECONDS)
        return Plan(begins, max(begins, found.grace_start), max(begins, found.deadline))

    async def _prepare(self) -> ServiceConnection | None:
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
        """Wait until the plan changes, or until ``until`` by ``time.monotonic``."""
        self._changed.clear()
        seconds = None if until == math.inf else max(0.01, until - time.monotonic())
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            pass
