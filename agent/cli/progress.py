"""Run a command until it is done or a signal ends it, and print its progress."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

SILENT_SECONDS = 1.5
"""The longest time without output while a command works."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run_until_signal(work: Coroutine[Any, Any, int]) -> int:
    """Run ``work``; return its exit code, or 128 + the number of the signal that ended it.

    SIGINT, SIGTERM and SIGHUP cancel ``work``, which stops what it has started.
    """
    return asyncio.run(_until_signal(work))


async def _until_signal(work: Coroutine[Any, Any, int]) -> int:
    loop = asyncio.get_running_loop()
    task = loop.create_task(work)
    received: list[int] = []

    def cancel(number: int) -> None:
        received.append(number)
        task.cancel()

    for number in _SIGNALS:
        loop.add_signal_handler(number, cancel, number)
    try:
        return await task
    except asyncio.CancelledError:
        if not received:
            raise
        return 128 + received[0]
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


class _ProgressPrinter:
    """Prints for people, on stderr; stdout is for output that programs read."""

    def __init__(self) -> None:
        self._printed_at = time.monotonic()
        self._status_shown = False

    def say(self, line: str) -> None:
        self._write(f"{line}\n")

    def status(self, line: str) -> None:
        """Print a line that the next one replaces, if stderr is a terminal."""
        if sys.stderr.isatty():
            self._write(line)
            self._status_shown = True
        else:
            self.say(line)

    def silent_seconds(self) -> float:
        return time.monotonic() - self._printed_at

    def _write(self, text: str) -> None:
        erase = "\r\x1b[K" if self._status_shown else ""
        self._status_shown = False
        print(f"{erase}{text}", file=sys.stderr, end="", flush=True)
        self._printed_at = time.monotonic()


_printer = _ProgressPrinter()


def say(line: str) -> None:
    """Print a line for people on stderr, unbuffered."""
    _printer.say(line)


@asynccontextmanager
async def progress_while(what: str) -> AsyncIterator[None]:
    """Print that ``what`` continues after every ``SILENT_SECONDS`` without output."""
    ticking = asyncio.create_task(_tick(what))
    try:
        yield
    finally:
        ticking.cancel()


async def _tick(what: str) -> None:
    began = time.monotonic()
    while True:
        await asyncio.sleep(max(0.05, SILENT_SECONDS - _printer.silent_seconds()))
        if _printer.silent_seconds() >= SILENT_SECONDS:
            _printer.status(f"  … {what}, {time.monotonic() - began:.0f} s")
