"""The frames on their way from the I/O loop to the job's loop, and how many of them may wait."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

MAX_WAITING_CHARACTERS = 32 * 1024 * 1024
"""Of frames that nobody has taken yet, such as before the caller has joined. Beyond that nothing is
read until half of it is taken, so that TCP holds the service back."""
FRAME_OVERHEAD = 128
"""Counted for each frame, however short."""


@dataclass(frozen=True, slots=True)
class Closed:
    """The end of a socket, as its last message."""

    code: int | None
    reason: str = ""


class FrameQueue:
    """What crosses from the I/O loop to the job's loop, in order."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._items: deque[str | Closed | None] = deque()
        self._filled = asyncio.Event()
        # Each is written by one thread only: what came in, and what was taken out.
        self._put_characters = 0
        self._taken_characters = 0
        self._on_room: Callable[[], None] | None = None

    @property
    def waiting_characters(self) -> int:
        return self._put_characters - self._taken_characters

    @property
    def is_full(self) -> bool:
        return self.waiting_characters > MAX_WAITING_CHARACTERS

    def call_when_there_is_room(self, call: Callable[[], None]) -> None:
        """Call ``call`` once, from the job's loop, when at most half of
        ``MAX_WAITING_CHARACTERS`` waits and something has been taken."""
        self._on_room = call

    @property
    def is_empty(self) -> bool:
        return not self._items

    def put(self, item: str | Closed | None) -> None:
        """From any thread; a text from the I/O loop only."""
        if isinstance(item, str):
            self._put_characters += _size(item)
        self._items.append(item)
        with contextlib.suppress(RuntimeError):  # the job is over and its loop closed
            self._loop.call_soon_threadsafe(self._filled.set)

    async def get(self) -> str | Closed | None:
        while not self._items:
            self._filled.clear()
            if not self._items:
                await self._filled.wait()
        item = self._items.popleft()
        self._taken_characters += _size(item)
        call = self._on_room
        if call is not None and self.waiting_characters <= MAX_WAITING_CHARACTERS // 2:
            self._on_room = None
            call()
        return item


def _size(item: str | Closed | None) -> int:
    return len(item) + FRAME_OVERHEAD if isinstance(item, str) else 0
