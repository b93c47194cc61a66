"""The events of one call, in order, for any number of subscribers.

``CallEvents`` is the stream. A subscriber reads it through an ``EventSubscription``, whose queue is
bounded: a subscriber that does not keep up loses its oldest events, and slows nobody.
"""

from __future__ import annotations

import time
from asyncio import Event
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from agent.call.caller import Caller

MAX_WAITING = 256
"""Events that wait for one subscriber. A call has some ten a second at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEvent:
    """Something that happened in a call."""

    at: float = field(default_factory=time.monotonic)
    """When, in seconds of ``time.monotonic()``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerJoined(CallEvent):
    """The person whom the call serves is in the room, with the agent."""

    caller: Caller


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechStarted(CallEvent):
    """The caller has begun to speak, as turn detection sees it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechStopped(CallEvent):
    """The caller has stopped speaking, as turn detection sees it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseCreated(CallEvent):
    """The service has begun a response."""

    response_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseDone(CallEvent):
    """The service has ended a response."""

    response_id: str
    status: str
    """``completed``, ``cancelled``, ``failed`` or ``incomplete``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstAudioPlayed(CallEvent):
    """The agent begins to speak: the first audio of what it says has been played."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupted(CallEvent):
    """The agent was interrupted, by the caller or by code, and has stopped."""

    speech_id: str
    """Id of LiveKit's ``SpeechHandle``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCalled(CallEvent):
    """The model has called a tool, which begins to run."""

    call_id: str
    name: str
    arguments: str
    """JSON, as the model wrote it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice(CallEvent):
    """Something that an operator or the client should know of, such as a failed response."""

    name: str
    """A word for programs, such as ``response_incomplete``: docs/turn-taking.md lists them."""
    detail: dict[str, Any] = field(default_factory=dict, hash=False)
    level: int
    """Of ``logging``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconnected(CallEvent):
    """A lost connection to the service was replaced by another one."""

    reason: str
    """Why the connection was lost."""
    after_ms: int
    """Milliseconds without a connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallClosed(CallEvent):
    """The call has ended. No event follows."""

    reason: str
    """One of livekit-agents' close reasons, ``failed``, ``rejected`` or ``no_caller``."""


class EventSubscription:
    """The events of a call for one reader: ``async for event in subscription``.

    The iteration ends after ``CallClosed``. All of this belongs to the call's event loop.
    """

    def __init__(self, max_waiting: int = MAX_WAITING) -> None:
        """``max_waiting`` is the number of events kept for a slow reader, at least 1."""
        self._waiting: deque[CallEvent] = deque(maxlen=max_waiting)
        self._changed = Event()
        self._is_closed = False
        self.dropped = 0
        """Events that were dropped because the reader was too slow."""

    def __aiter__(self) -> EventSubscription:
        return self

    async def __anext__(self) -> CallEvent:
        while not self._waiting:
            if self._is_closed:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        return self._waiting.popleft()

    def put(self, event: CallEvent) -> None:
        """Queue ``event``, in place of the oldest one where the queue is full."""
        if self._is_closed:
            return
        self.dropped += len(self._waiting) == self._waiting.maxlen
        self._waiting.append(event)
        self._changed.set()

    def close(self) -> None:
        """Take no more events. Those that wait can still be read."""
        self._is_closed = True
        self._changed.set()

    @property
    def is_closed(self) -> bool:
        return self._is_closed


class CallEvents:
    """The event stream of one call. Belongs to the call's event loop."""

    def __init__(self) -> None:
        self._subscriptions: list[EventSubscription] = []
        self._is_closed = False

    def subscribe(self, *, max_waiting: int = MAX_WAITING) -> EventSubscription:
        """Return a subscription to the events from now on; to none if the call has closed."""
        subscription = EventSubscription(max_waiting)
        if self._is_closed:
            subscription.close()
        else:
            self._subscriptions = [each for each in self._subscriptions if not each.is_closed]
            self._subscriptions.append(subscription)
        return subscription

    def publish(self, event: CallEvent) -> None:
        """Queue ``event`` for every subscriber, without waiting; ignore it after the close."""
        if not self._is_closed:
            for subscription in self._subscriptions:
                subscription.put(event)

    def close(self, reason: str) -> None:
        """Publish ``CallClosed`` and end every subscription; only the first reason counts."""
        self.publish(CallClosed(reason=reason))
        self._is_closed = True
        for subscription in self._subscriptions:
            subscription.close()
