"""Measure the latency, processor time and memory of the stand-in server.

Raw clients talk to it at the same time, in real time: one second of speech, one second of silence,
and an answer to each. It has a script, and recognition is off. The results show that the stand-in
does not dominate other benchmarks.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median

import aiohttp
import psutil

from agent.cli.progress import run_until_signal, say
from agent.local.audio import SERVICE_RATE, frames, silence
from agent.local.child_process import ChildProcess
from agent.local.speech_synthesis import speech

SCRIPT = "greeting: Hello.\notherwise: Here is an answer of some two seconds, or a little more.\n"
FRAME_MS = 100
HEADERS = {"Authorization": "Bearer benchmark"}
OFF = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}


async def measure(sessions: int, seconds: float) -> dict[str, float]:
    """Return milliseconds from commit to first audio, cores, and megabytes per session."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "script.yaml"
        script.write_text(SCRIPT)
        command = (sys.executable, "-m", "agent", "realtime", "--port", "0", "--no-recognition")
        async with ChildProcess("The stand-in", (*command, "--script", str(script))) as child:
            line = await child.wait_for_line("listens at")
            url = line.split("listens at ")[1].split(". ")[0] + "/v1/realtime?model=gpt-realtime"
            process = psutil.Process(child.pid)
            first = await _commit_to_audio_ms(url)
            return {"first_audio_ms": first, **await _load(url, process, sessions, seconds)}


async def _commit_to_audio_ms(url: str, turns: int = 20) -> float:
    """Return the median time from a commit to the first audio of its answer, in milliseconds."""
    times = []
    sound = base64.b64encode(speech.say("hello")).decode()
    async with aiohttp.ClientSession() as http, http.ws_connect(url, headers=HEADERS) as socket:
        await socket.send_json({"type": "session.update", "session": OFF})
        await asyncio.sleep(0.5)  # time to synthesize the script's lines
        for _ in range(turns):
            await socket.send_json({"type": "input_audio_buffer.append", "audio": sound})
            began = time.perf_counter()
            await socket.send_json({"type": "input_audio_buffer.commit"})
            await socket.send_json({"type": "response.create"})
            await _until(socket, "response.output_audio.delta")
            times.append((time.perf_counter() - began) * 1000)
            await _until(socket, "response.done")
    return median(times)


async def _load(
    url: str, process: psutil.Process, sessions: int, seconds: float
) -> dict[str, float]:
    said = speech.say("hello there")[: SERVICE_RATE * 2]
    turn = list(
        frames(
            said.ljust(SERVICE_RATE * 2, b"\0") + silence(1, SERVICE_RATE), SERVICE_RATE, FRAME_MS
        )
    )
    events = [
        json.dumps({"audio": base64.b64encode(frame).decode(), "type": "input_audio_buffer.append"})
        for frame in turn
    ]
    before = process.memory_full_info().pss
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession())
        sockets = [
            await stack.enter_async_context(http.ws_connect(url, headers=HEADERS, max_msg_size=0))
            for _ in range(sessions)
        ]
        replies = [0]
        talking = [asyncio.create_task(_talk(socket, events, replies)) for socket in sockets]
        await asyncio.sleep(3)
        cpu, began = process.cpu_times(), time.monotonic()
        await asyncio.sleep(seconds)
        used, elapsed = process.cpu_times(), time.monotonic() - began
        after = process.memory_full_info().pss
        for task in talking:
            task.cancel()
    return {
        "cores": (used.user + used.system - cpu.user - cpu.system) / elapsed,
        "mb_per_session": (after - before) / sessions / 1e6,
        "replies": replies[0],
    }


async def _talk(
    socket: aiohttp.ClientWebSocketResponse, events: Sequence[str], replies: list[int]
) -> None:
    async def listen() -> None:
        async for message in socket:
            replies[0] += '"response.done"' in message.data[:40]

    listening = asyncio.create_task(listen())
    due = asyncio.get_running_loop().time()
    try:
        while True:
            for event in events:
                await socket.send_str(event)
                due += FRAME_MS / 1000
                await asyncio.sleep(due - asyncio.get_running_loop().time())
    finally:
        listening.cancel()


async def _until(socket: aiohttp.ClientWebSocketResponse, kind: str) -> None:
    while (await socket.receive_json())["type"] != kind:
        pass


async def _report(arguments: argparse.Namespace) -> int:
    say(f"{arguments.sessions} sessions talk for {arguments.seconds:g} s.")
    result = await measure(arguments.sessions, arguments.seconds)
    if arguments.json:
        print(json.dumps(result))
        return 0
    print(f"commit to first audio, median: {result['first_audio_ms']:.1f} ms")
    print(f"{arguments.sessions} sessions at once: {result['cores']:.2f} core")
    print(f"memory per session: {result['mb_per_session']:.1f} MB")
    print(f"responses: {result['replies']:.0f}")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.standin", description=__doc__)
    parser.add_argument("--sessions", type=int, default=30, help="clients (%(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=20.0, help="length of the measurement (%(default)g)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")
    return run_until_signal(_report(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
