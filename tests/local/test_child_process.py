"""Child processes: their lines, their end, and the end of what they started."""

from __future__ import annotations

import asyncio
import sys

import psutil
import pytest

from agent.errors import LocalError
from agent.local.child_process import ChildProcess
from tests.kit.programs import running


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-u", "-c", code)


async def test_a_line_is_waited_for() -> None:
    async with ChildProcess(
        "x", python("print('one'); print('ready now')\nimport time; time.sleep(60)")
    ) as child:
        assert await child.wait_for_line("ready") == "ready now"
        assert list(child.tail) == ["one", "ready now"]


async def test_a_program_that_ends_first_says_its_last_words() -> None:
    async with ChildProcess(
        "The part", python("print('no such key'); raise SystemExit(3)")
    ) as child:
        with pytest.raises(LocalError, match="The part ended before it was ready: no such key"):
            await child.wait_for_line("ready")
        assert await child.wait() == 3


async def test_cancelled_waiter_does_not_stop_the_reading() -> None:
    lines: list[str] = []
    code = "print('a', flush=True); input"
    async with ChildProcess("x", python(code), on_line=lines.append) as child:
        waiting = asyncio.ensure_future(child.wait())
        waiting.cancel()
        await child.wait()
    assert lines == ["a"]


async def test_no_such_program() -> None:
    with pytest.raises(
        LocalError, match=r"x cannot be started: /nonexistent/program \(No such file"
    ):
        await ChildProcess("x", ("/nonexistent/program",)).start()


async def test_stop_ends_grandchildren_and_processes_that_ignore_sigterm() -> None:
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up'); time.sleep(60)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-u', '-c', {stubborn!r}])"
    child = ChildProcess("x", python(code))
    await child.start()
    await child.wait_for_line("up")
    family = [psutil.Process(child.pid), *psutil.Process(child.pid).children(recursive=True)]
    assert len(family) == 2
    await child.stop()
    psutil.wait_procs(family, timeout=5)
    assert running(family) == []
