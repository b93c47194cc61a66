"""Child processes that end with their parent."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Self

from agent.errors import LocalError

STOP_SECONDS = 3.0
"""How long a child may take to end after the stop signal; then its process group is killed."""
TAIL_LINES = 40


def free_port() -> int:
    """Return a TCP port on loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class ChildProcess:
    """A program in a session of its own: Ctrl-C reaches only this process, which stops it."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        environ: Mapping[str, str] | None = None,
        on_line: Callable[[str], None] | None = None,
        stop_signal: int = signal.SIGTERM,
    ) -> None:
        self.name = name
        self._command = command
        self._environ = environ
        self._on_line = on_line
        self._stop_signal = stop_signal
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._waiters: list[tuple[str, asyncio.Future[str]]] = []
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)
        """The last lines of its output."""

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env=self._environ,
                start_new_session=True,
                limit=2**20,
            )
        except OSError as error:
            raise LocalError(
                f"{self.name} cannot be started: {self._command[0]} ({error.strerror})."
            ) from None
        self._reading = asyncio.create_task(self._read())

    def wait_for_line(self, text: str) -> asyncio.Future[str]:
        """Return a future of the next output line that contains ``text``.

        It fails with ``LocalError`` if the program ends first.
        """
        found: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiters.append((text, found))
        return found

    async def wait(self) -> int:
        """Wait until the program ends; return its exit code."""
        assert self._process is not None
        assert self._reading is not None
        await asyncio.shield(self._reading)  # a cancelled waiter must not stop the reading
        return await self._process.wait()

    async def stop(self) -> None:
        """Stop the program and every process in its group."""
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            _signal_group(process.pid, self._stop_signal)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), STOP_SECONDS)
        _signal_group(process.pid, signal.SIGKILL)
        await process.wait()
        if self._reading is not None:
            self._reading.cancel()

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        async for raw in self._process.stdout:
            line = raw.decode(errors="replace").rstrip()
            self.tail.append(line)
            if self._on_line is not None:
                self._on_line(line)
            for text, found in self._waiters:
                if text in line and not found.done():
                    found.set_result(line)
        for _, found in self._waiters:
            if not found.done():
                last = self.tail[-1] if self.tail else "it wrote nothing"
                found.set_exception(LocalError(f"{self.name} ended before it was ready: {last}"))
                found.exception()  # marks it as retrieved: nobody may await it any more


def _signal_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, number)
