"""Moves a call to another connection in good time before the service ends the one it has."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Callable

from agent.errors import ServiceError
from agent.realtime.leg import Leg
from agent.realtime.legs import Legs
from agent.realtime.rollover import Moment, Plan, plan

logger = logging.getLogger("agent.realtime")

AGAIN_SECONDS = 5.0
"""Between attempts to have the next connection, while the present one still holds; and between
two moves, where sessions are said to end as soon as they have begun."""


class Roller:
    def __init__(
        self, legs: Legs, moment: Callable[[], Moment], switch: Callable[[Leg], None]
    ) -> None:
        """``moment`` says what goes on now; ``switch`` makes a leg the call's."""
        self._legs = legs
        self._moment = moment
        self._switch = switch
        self._happened = asyncio.Event()
        self._wanted = False
        self._moved_at = -math.inf
        """When the call was last moved, by ``time.monotonic``."""
        self._rolling: asyncio.Task[None] | None = None

    def follow(self, leg: Leg) -> None:
        """``leg`` is the call's connection now."""
        self.leave()
        self._wanted = False
        self._rolling = asyncio.create_task(self._roll(leg))

    def leave(self) -> None:
        """There is no connection to take care of."""
        if self._rolling is not None and self._rolling is not asyncio.current_task():
            self._rolling.cancel()
        self._rolling = None

    def look(self) -> None:
        """Something has happened that may make this moment another."""
        self._happened.set()

    def hurry(self) -> None:
        """Do not wait for the end of the session, only for a quiet moment."""
        self._wanted = True
        self.look()

    async def _roll(self, leg: Leg) -> None:
        ready: Leg | None = None
        try:
            while True:
                now, when = time.monotonic(), self._plan(leg)
                if now < when.begins:
                    await self._wait(when.begins)
                elif ready is None:
                    ready = await self._next()
                elif self._moment() <= when.allows(now):
                    moved, ready = ready, None
                    self._moved_at = now
                    self._switch(moved)
                    return
                else:
                    await self._wait(when.hurries if now < when.hurries else when.ends)
        finally:
            if ready is not None:
                await ready.close()

    def _plan(self, leg: Leg) -> Plan:
        # The service names the end in its first event, which may not have come.
        found = plan(leg.opened, leg.expires)
        if self._wanted:
            return Plan(leg.opened, found.hurries, found.ends)
        begins = max(found.begins, self._moved_at + AGAIN_SECONDS)
        return Plan(begins, max(begins, found.hurries), max(begins, found.ends))

    async def _next(self) -> Leg | None:
        try:
            return await self._legs.once()
        except ServiceError as error:
            logger.warning("no other connection yet, the present one holds: %s", error)
        except Exception:
            # The call must not stay on a connection that ends because of a defect here.
            logger.exception("no other connection yet, the present one holds: a defect")
        await asyncio.sleep(AGAIN_SECONDS)
        return None

    async def _wait(self, until: float) -> None:
        """Until something happens, or the time has come."""
        self._happened.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.01, until - time.monotonic())):
                await self._happened.wait()
