"""The events on their way to the plugin."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from dataclasses import dataclass, field

from agent.realtime.plugin.tap import Tap
from agent.realtime.protocol.dialects import Event

TURN_SECONDS = 0.005
"""After so long on events without a pause, the event loop serves others. A count would not do:
an event of many values costs some milliseconds, most cost some microseconds."""

_TEXT_DELTAS = frozenset({"response.output_audio_transcript.delta", "response.output_text.delta"})


class Turn:
    """A task's work on the event loop without a pause."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    async def give_way(self) -> None:
        """Let others have the event loop, if the last time is ``TURN_SECONDS`` ago."""
        if time.monotonic() - self._began >= TURN_SECONDS:
            await asyncio.sleep(0)
            self._began = time.monotonic()


@dataclass(slots=True)
class _TextDeltas:
    """Deltas of one item, one after another."""

    event: Event
    deltas: list[str] = field(default_factory=list)


class PluginQueue:
    """A queue in order. Text deltas that wait behind one another become one event, so that the
    plugin's work stays bounded when they come faster than it takes them."""

    def __init__(self, tap: Tap) -> None:
        """``tap`` gets each event as it is queued."""
        self._tap = tap
        self._queue: deque[str | _TextDeltas] = deque()
        self._changed = asyncio.Event()
        self._closed = False
        self._turn = Turn()

    def put(self, event: Event, text: str | None = None) -> None:
        """``text`` is ``event`` in JSON, where there is such a text already."""
        if self._closed:
            return
        self._tap.publish("server", event)
        if event.get("type") in _TEXT_DELTAS and "start_time" not in event:
            last = self._queue[-1] if self._queue else None
            if not (isinstance(last, _TextDeltas) and _are_alike(last.event, event)):
                last = _TextDeltas(event)
                self._queue.append(last)
            last.deltas.append(event["delta"])
        else:
            self._queue.append(json.dumps(event) if text is None else text)
        self._changed.set()

    def end(self) -> None:
        """Nothing follows what waits."""
        self._closed = True
        self._changed.set()

    def close(self) -> None:
        """Drop what waits: nobody listens any more."""
        self._queue.clear()
        self.end()

    async def get(self) -> str | None:
        """The next event in JSON; ``None`` after the last one."""
        await self._turn.give_way()
        while not self._queue:
            if self._closed:
                return None
            self._changed.clear()
            await self._changed.wait()
        first = self._queue.popleft()
        if isinstance(first, str):
            return first
        return json.dumps({**first.event, "delta": "".join(first.deltas)})


def _are_alike(one: Event, other: Event) -> bool:
    return all(one.get(key) == other.get(key) for key in ("type", "response_id", "item_id"))
