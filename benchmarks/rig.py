"""The parts of a comparison: a livekit-server, a stand-in and both workers."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil
from livekit import api

from agent.local.child_process import ChildProcess, free_port
from agent.local.livekit_server import LiveKitAddress, LiveKitServer
from benchmarks.agent_worker import worker_environ

SCRIPT = Path(__file__).with_name("script.yaml")
PLAIN = Path(__file__).with_name("plain_worker.py")
TAIL_LINES = 10
"""Lines of each part's output to print when a benchmark fails."""
COMMANDS = {
    "plain": ("-m", "livekit.agents", "start", str(PLAIN), "--dev"),
    "ours": ("-m", "agent", "dev"),
}


@dataclass(frozen=True, slots=True)
class Worker:
    """A running worker, with the memory and processor time of its process tree."""

    name: str
    agent_name: str
    process: psutil.Process

    def pss_mb(self) -> float:
        """Return the proportional set size in megabytes of 10^6: shared pages count in part."""
        total = 0
        for process in self._tree():
            try:
                total += process.memory_full_info().pss
            except psutil.NoSuchProcess:
                continue
        return total / 1e6

    def private_mb(self) -> float:
        """Return the unshared memory in megabytes of 10^6, which no other process influences."""
        total = 0
        for process in self._tree():
            try:
                total += process.memory_full_info().uss
            except psutil.NoSuchProcess:
                continue
        return total / 1e6

    def cpu_seconds(self) -> float:
        """Return the processor time that the running processes have used."""
        total = 0.0
        for process in self._tree():
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system
        return total

    def _tree(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]


class Rig:
    """The running parts: ``async with Rig() as rig: … rig.workers["ours"]``."""

    def __init__(self, mode: str = "server_vad") -> None:
        """``mode`` is the turn-detection mode of both workers."""
        self._mode = mode
        self._parts = AsyncExitStack()
        self.address = LiveKitAddress("", "", "")
        self.workers: dict[str, Worker] = {}
        self._children: list[ChildProcess] = []

    async def __aenter__(self) -> Self:
        server = await self._parts.enter_async_context(LiveKitServer(_print_line))
        self.address = server.address
        port = free_port()
        command: tuple[str, ...] = (
            "-m",
            "agent",
            "realtime",
            "--port",
            str(port),
            "--script",
            str(SCRIPT),
        )
        await self._start("The stand-in", command, "listens at")
        for name, command in COMMANDS.items():
            environ = self._environ(name, port)
            worker = await self._start(f"The {name} worker", command, "registered worker", environ)
            agent_name = environ["LIVEKIT_AGENT_NAME"]
            self.workers[name] = Worker(name, agent_name, psutil.Process(worker.pid))
        return self

    async def __aexit__(self, error: object, *_: object) -> None:
        if isinstance(error, type) and issubclass(error, Exception):
            for child in self._children:
                _print_line(f"--- {child.name} wrote last:")
                for line in list(child.tail)[-TAIL_LINES:]:
                    _print_line(line)
        await self._parts.aclose()

    async def _start(
        self,
        name: str,
        arguments: tuple[str, ...],
        ready: str,
        environ: Mapping[str, str] | None = None,
    ) -> ChildProcess:
        """Start a Python program and wait until it prints ``ready``."""
        child = ChildProcess(name, (sys.executable, *arguments), environ=environ)
        await self._parts.enter_async_context(child)
        self._children.append(child)
        await child.wait_for_line(ready)
        return child

    async def delete_room(self, name: str) -> None:
        address = self.address
        async with api.LiveKitAPI(address.url, address.api_key, address.api_secret) as livekit:
            with contextlib.suppress(api.ServerError):  # already deleted
                await livekit.room.delete_room(api.DeleteRoomRequest(room=name))

    def _environ(self, name: str, port: int) -> Mapping[str, str]:
        return {
            **worker_environ(self.address, f"http://127.0.0.1:{port}", f"bench-{name}"),
            "AGENT_WELCOME": "Greet the caller.",
            "AGENT_TURN_TAKING": self._mode,
            "BENCH_TURN_TAKING": self._mode,
        }


def _print_line(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
