"""How a command runs: until it is done, or until Ctrl-C or SIGTERM asks it to end."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

SILENT_SECONDS = 1.5
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run_until_signal(work: Coroutine[Any, Any, int]) -> int:
    """Run ``work``; its exit code, or 128 + the number of the signal that ended it.

    On a signal ``work`` is cancelled, and ends what it has started on its way out.
    """
    return asyncio.run(_until_signal(work))


async def _until_signal(work: Coroutine[Any, Any, int]) -> int:
    loop = asyncio.get_running_loop()
    task = loop.create_task(work)
    received: list[int] = []

    def end(number: int) -> None:
        received.append(number)
        task.cancel()

    for number in _SIGNALS:
        loop.add_signal_handler(number, end, number)
    try:
        return await task
    except asyncio.CancelledError:
        if not received:
            raise
        return 128 + received[0]
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


class _Voice:
    """What is told to people, on stderr: stdout is kept for what a program may read."""

    def __init__(self) -> None:
        self._told_at = time.monotonic()
        self._status_shown = False

    def say(self, line: str) -> None:
        self._write(f"{line}\n")

    def status(self, line: str) -> None:
        """A line that the next one takes the place of, where the screen can do that."""
        if sys.stderr.isatty():
            self._write(line)
            self._status_shown = True
        else:
            self.say(line)

    def silent_seconds(self) -> float:
        return time.monotonic() - self._told_at

    def _write(self, text: str) -> None:
        erase = "\r\x1b[K" if self._status_shown else ""
        self._status_shown = False
        print(f"{erase}{text}", file=sys.stderr, end="", flush=True)
        self._told_at = time.monotonic()


_voice = _Voice()


def say(line: str) -> None:
    """A line for people, at once."""
    _voice.say(line)


@asynccontextmanager
async def progress_while(what: str) -> AsyncIterator[None]:
    """While inside, say every one and a half seconds of silence that ``what`` goes on."""
    ticking = asyncio.create_task(_tick(what))
    try:
        yield
    finally:
        ticking.cancel()


async def _tick(what: str) -> None:
    began = time.monotonic()
    while True:
        await asyncio.sleep(max(0.05, SILENT_SECONDS - _voice.silent_seconds()))
        if _voice.silent_seconds() >= SILENT_SECONDS:
            _voice.status(f"  … {what}, {time.monotonic() - began:.0f} s")
