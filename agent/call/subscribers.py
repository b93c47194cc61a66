"""Runs the subscribers of a call's events, so that none of them can harm the call."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from agent.call.events import CallEvents, EventSubscription

logger = logging.getLogger("agent.call")

PUBLISH_SECONDS = 1.0
"""How long the end of a call waits for the client's attributes to hold every notice."""
FINISH_SECONDS = 5.0
"""How long a subscriber may work after the call has closed. Upstream kills the process after ten.
"""
CANCEL_SECONDS = 1.0


class SubscriberTasks:
    """One task for each subscriber of ``events``."""

    def __init__(self, events: CallEvents) -> None:
        self._events = events
        self._tasks: set[asyncio.Task[None]] = set()

    def start(
        self, name: str, subscriber: Callable[[EventSubscription], Awaitable[None]]
    ) -> asyncio.Task[None]:
        """Run ``subscriber`` on the events from now on. Its failure is logged once."""
        subscription = self._events.subscribe()
        task = asyncio.create_task(_run(name, subscriber, subscription), name=name)
        self._tasks.add(task)
        return task

    async def aclose(self) -> None:
        """Close the stream, and cancel the subscribers that are left after ``FINISH_SECONDS``."""
        self._events.close("job_shutdown")
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=FINISH_SECONDS)
        for task in late:
            logger.warning(
                "the subscriber '%s' had not ended %g s after the call",
                *(task.get_name(), FINISH_SECONDS),
            )
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=CANCEL_SECONDS)


async def _run(
    name: str,
    subscriber: Callable[[EventSubscription], Awaitable[None]],
    subscription: EventSubscription,
) -> None:
    try:
        await subscriber(subscription)
    except Exception:
        logger.exception("the subscriber '%s' of the call's events failed", name)
    finally:
        subscription.close()
        if subscription.dropped:
            logger.warning(
                "the subscriber '%s' was too slow for %d events", name, subscription.dropped
            )
