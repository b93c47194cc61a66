"""Subscribe to every event that the plugin and the service exchange in a call.

    session = PluginHTTPSession(targets)
    unsubscribe = session.tap.subscribe(on_event)

    def on_event(event: TapEvent) -> None: ...

The tap is where the plugin is connected, in the GA dialect whatever the service speaks: a
subscriber gets what the plugin sends, refused events included, and what the plugin gets, repaired
and filtered, over all of the call's connections and all of its sessions. What a reconnect or a
rollover says to the service besides does not appear.

Events are delivered in order, from the event loop and not from within the call's own work: a
subscriber that raises is logged once and stays subscribed; one that falls behind loses the oldest
events, never the call's time to send. It runs on the call's loop, so it must return at once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from agent.realtime.protocol.audio import AudioChunk
from agent.realtime.protocol.dialects import Event

logger = logging.getLogger("agent.realtime")

MAX_WAITING = 1000
"""Events that wait for delivery; with more, the oldest are dropped."""
EVENTS_A_TURN = 32
"""Delivered before the event loop serves others."""

Direction = Literal["client", "server"]


@dataclass(frozen=True, slots=True)
class TapEvent:
    """One event at the plugin's end of the connection."""

    direction: Direction
    """``client``: sent by the plugin; ``server``: on its way to the plugin."""
    event: Event | AudioChunk
    """In GA, not to be changed: it is the object that the call works with. The audio of an append
    is an ``AudioChunk``, which is not parsed; a ``type`` of ``agent.…`` is this worker's own."""
    at: float
    """When it passed, by ``time.monotonic``."""


Subscriber = Callable[[TapEvent], object]


class Tap:
    """The subscribers of one call. Without any, ``publish`` does nothing."""

    def __init__(self) -> None:
        self._subscribers: list[Subscriber] = []
        self._failed: set[Subscriber] = set()
        self._waiting: deque[TapEvent] = deque()
        self._is_scheduled = False
        self._dropped = 0

    def subscribe(self, callback: Subscriber) -> Callable[[], None]:
        """Call ``callback`` with each event from now on. Returns a function that ends that."""
        self._subscribers.append(callback)

        def unsubscribe() -> None:
            if callback in self._subscribers:
                self._subscribers.remove(callback)

        return unsubscribe

    def publish(self, direction: Direction, event: Event | AudioChunk) -> None:
        """Pass ``event`` to the subscribers, from the event loop, soon. Called on the loop."""
        if not self._subscribers:
            return
        self._waiting.append(TapEvent(direction, event, time.monotonic()))
        if len(self._waiting) > MAX_WAITING:
            self._waiting.popleft()
            self._dropped += 1
            if self._dropped == 1:
                logger.warning("a tap's subscribers are too slow: the oldest events are dropped")
        if not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self._deliver)

    def _deliver(self) -> None:
        for _ in range(min(EVENTS_A_TURN, len(self._waiting))):
            event = self._waiting.popleft()
            for subscriber in list(self._subscribers):
                self._call(subscriber, event)
        self._is_scheduled = bool(self._waiting)
        if self._is_scheduled:
            asyncio.get_running_loop().call_soon(self._deliver)

    def _call(self, subscriber: Subscriber, event: TapEvent) -> None:
        try:
            subscriber(event)
        except Exception:
            if subscriber not in self._failed:
                self._failed.add(subscriber)
                logger.exception("a tap's subscriber failed; its next failures are not logged")
