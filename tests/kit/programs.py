"""Running the project's own commands as a user does, and seeing what they leave behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

import psutil

AGENT = (sys.executable, "-m", "agent")


@dataclass(frozen=True, slots=True)
class Ended:
    code: int
    out: str
    err: str
    seconds: float


async def run(
    *arguments: str,
    environ: Mapping[str, str] | None = None,
    timeout: float = 60,
    program: Sequence[str] = AGENT[1:],
) -> Ended:
    """``agent``, or another Python program, with these arguments, to its end."""
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *program,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **(environ or {})},
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), timeout)
    except TimeoutError:
        process.kill()
        raise
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode(), time.monotonic() - began)


def running(processes: Sequence[psutil.Process]) -> list[str]:
    """The commands of those that have not ended. A zombie has: its parent has yet to take note."""
    commands = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):  # it may end while it is being looked at
            if process.status() != psutil.STATUS_ZOMBIE:
                commands.append(" ".join(process.cmdline()) or process.name())
    return commands


class Started:
    """A command that runs until told to end: ``async with Started("realtime") as program``."""

    def __init__(
        self,
        *arguments: str,
        environ: Mapping[str, str] | None = None,
        command: Sequence[str] = AGENT,
    ) -> None:
        self._command = (*command, *arguments)
        self._environ = {**os.environ, **(environ or {})}
        self.lines: list[str] = []

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=self._environ,
            start_new_session=True,
            limit=2**20,
        )
        self._reading = asyncio.create_task(self._read())
        self._changed = asyncio.Event()
        return self

    async def __aexit__(self, *_: Any) -> None:
        for process in self.tree():
            with suppress(psutil.NoSuchProcess):  # it may end between the look and the signal
                process.kill()
        await self._process.wait()
        await self._reading

    async def until(self, text: str, timeout: float = 40) -> str:
        """The first line that holds ``text``."""
        async with asyncio.timeout(timeout):
            while True:
                for line in self.lines:
                    if text in line:
                        return line
                assert not self._reading.done(), "\n".join(self.lines)
                self._changed.clear()
                await self._changed.wait()

    def tree(self) -> list[psutil.Process]:
        """The program and all that it has started, as far as they run."""
        try:
            program = psutil.Process(self._process.pid)
            return [program, *program.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    async def end(self, number: int = signal.SIGINT, *, group: bool = False) -> tuple[int, float]:
        """Send a signal; the exit code and how long it took. Fails if a process is left."""
        family = self.tree()
        began = time.monotonic()
        if group:
            os.killpg(self._process.pid, number)
        else:
            self._process.send_signal(number)
        code = await asyncio.wait_for(self._process.wait(), 30)
        seconds = time.monotonic() - began
        psutil.wait_procs(family, timeout=1)
        assert not running(family)
        return code, seconds

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for raw in self._process.stdout:
            self.lines.append(raw.decode(errors="replace").rstrip())
            self._changed.set()
        self._changed.set()
