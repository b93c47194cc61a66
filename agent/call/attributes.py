"""Attributes of the agent participant: what a client can read of its call."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from typing import Any

from livekit import rtc

from agent.redaction import shorten

logger = logging.getLogger("agent.call")

MAX_BYTES = 4096
"""Of one attribute. LiveKit allows a participant 64 KiB for all of them."""
FLUSH_SECONDS = 1.0
SPACING_SECONDS = 0.25
"""Between two requests: what a service does many times a second is no flood of signalling."""
_STRING_LENGTHS = (1500, 450, 150, 45)
_MAX_MEMBERS = 50
_MAX_DEPTH = 6


class RoomAttributes:
    """Sets attributes of the agent participant, in order, as soon as it is in the room.

    What is put before the room is joined waits for that; a later value for the same name replaces
    one that still waits. There are at most four requests a second. Nothing here raises: a call
    goes on without its attributes.
    """

    def __init__(self, room: rtc.Room) -> None:
        self._room = room
        self._waiting: dict[str, str] = {}
        self._setting: asyncio.Task[None] | None = None
        self._flushing = asyncio.Event()
        room.on("connection_state_changed", self._on_state)

    def put(self, name: str, value: Any, *, max_bytes: int = MAX_BYTES) -> None:
        """Set ``name`` to ``value`` as JSON, shortened to ``max_bytes``."""
        self._waiting[name] = bounded_json(value, max_bytes)
        self._start()

    async def flush(self) -> None:
        """Wait until everything is set, a second at most. To be called before the room is left."""
        self._flushing.set()
        try:
            if self._setting is not None:
                await asyncio.wait((self._setting,), timeout=FLUSH_SECONDS)
        finally:
            self._flushing.clear()

    def _on_state(self, _: object) -> None:
        self._start()

    def _start(self) -> None:
        is_setting = self._setting is not None and not self._setting.done()
        if self._waiting and not is_setting and self._room.isconnected():
            self._setting = asyncio.create_task(self._set())

    async def _set(self) -> None:
        while self._waiting and self._room.isconnected():
            attributes, self._waiting = self._waiting, {}
            try:
                await self._room.local_participant.set_attributes(attributes)
            except Exception as error:  # the room may be gone; the log has the event all the same
                logger.warning("attributes could not be set (%s): %s", ", ".join(attributes), error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._flushing.wait(), SPACING_SECONDS)


def bounded_json(value: Any, max_bytes: int) -> str:
    """``value`` as JSON of at most ``max_bytes``: strings, lists and objects are cut as far as
    needed, and what is not JSON becomes a string."""
    for length in _STRING_LENGTHS:
        text = json.dumps(_cut(value, length, _MAX_MEMBERS, _MAX_DEPTH), default=str)
        if len(text) <= max_bytes:  # JSON is ASCII here
            return text
    for members in (20, 10, 5, 2):
        text = json.dumps(_cut(value, _STRING_LENGTHS[-1], members, 3), default=str)
        if len(text) <= max_bytes:
            return text
    return json.dumps({"truncated": True})


def _cut(value: Any, length: int, members: int, depth: int) -> Any:
    if isinstance(value, dict | list | tuple) and depth == 0:
        return "…"
    if isinstance(value, dict):
        kept = list(value.items())[:members]
        return {f"{key}"[:length]: _cut(each, length, members, depth - 1) for key, each in kept}
    if isinstance(value, list | tuple):
        return [_cut(each, length, members, depth - 1) for each in value[:members]]
    if value is None or isinstance(value, bool | int | float):
        return value
    return shorten(str(value), length)
