"""``agent demo``: run livekit-server, a worker and a stand-in model, and call the agent."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import secrets
import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from agent.cli.arguments import DEMO_SCRIPT, add_sound_arguments
from agent.cli.progress import progress_while, run_until_signal, say
from agent.config.sources import without_accounts
from agent.config.validation import read_settings
from agent.errors import AgentError, LocalError
from agent.local.child_process import ChildProcess, free_port
from agent.local.livekit_server import LiveKitAddress, LiveKitServer

REPLY = Path("demo-reply.wav")
TURNS = 2
START_SECONDS = 60.0

ROOM_CLOSED = re.compile(
    r" ERROR livekit - livekit::rtc_engine.*(closed unexpectedly|wrong state: closed)"
)
"""What the native library reports as an error when the room is closed before it has left, as at
the end of each call (livekit 1.x)."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--once", action="store_true", help="exit after the call")
    parser.add_argument(
        "--livekit", metavar="URL", help="use this LiveKit server instead of starting one"
    )
    parser.add_argument("--api-key", default="devkey", help="API key of that server (%(default)s)")
    parser.add_argument(
        "--api-secret", default="secret", help="API secret of that server (%(default)s)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=REPLY,
        help="record the agent's audio in this file (%(default)s)",
    )
    add_sound_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    return run_until_signal(_demo(arguments))


async def _demo(arguments: argparse.Namespace) -> int:
    try:
        return await _run(arguments)
    except AgentError as error:
        if not arguments.json:
            raise
        print(json.dumps({"ok": False, "error": str(error)}))
        return error.exit_code


async def _run(arguments: argparse.Namespace) -> int:
    port = free_port()
    agent_name = f"demo-{secrets.token_hex(3)}"
    # Report wrong settings before anything starts.
    read_settings(
        _worker_environ(os.environ, LiveKitAddress("ws://127.0.0.1", "-", "-"), port, agent_name)
    )
    async with AsyncExitStack() as parts:
        if arguments.audio:
            utterances = _load_utterances(arguments)
        address = await _start_livekit(arguments, parts)
        environ = _worker_environ(os.environ, address, port, agent_name)
        async with progress_while("starting"):
            ready = await _start_worker_and_model(parts, port, environ)
            if not arguments.audio:
                utterances = await asyncio.to_thread(_load_utterances, arguments)
            await _wait_until_ready(ready)
        say(f"The worker '{agent_name}' is registered; the model is a stand-in.")

        from agent.cli.call import place_call

        result = await place_call(address, agent_name, utterances, out=arguments.out)
        if not arguments.once:
            await _wait_for_signal(address, agent_name)
    if arguments.json:
        print(json.dumps(result))
    return 0


def _load_utterances(arguments: argparse.Namespace) -> list[bytes]:
    """Return the caller's utterances. The imports take two seconds; the worker starts meanwhile."""
    from agent.cli.call import load_utterances

    return load_utterances(arguments.audio, None if arguments.audio else TURNS)


async def _start_livekit(arguments: argparse.Namespace, parts: AsyncExitStack) -> LiveKitAddress:
    if arguments.livekit:
        from agent.livekit_access import check_access

        address = LiveKitAddress(arguments.livekit, arguments.api_key, arguments.api_secret)
        await check_access(address.url, address.api_key, address.api_secret)
        return address
    async with progress_while("livekit-server"):
        server = await parts.enter_async_context(LiveKitServer(say))
    say(f"livekit-server runs at {server.address.url}.")
    return server.address


async def _start_worker_and_model(
    parts: AsyncExitStack, port: int, environ: Mapping[str, str]
) -> Sequence[asyncio.Future[str]]:
    """Start the stand-in model and the worker; return the futures of their ready messages."""
    program = (sys.executable, "-m", "agent")
    # The stand-in serves the retired beta only on request.
    beta = environ.get("REALTIME_DIALECT") == "openai_beta"
    dialect = ("--dialect", "openai_beta") if beta else ()
    stand_in = ChildProcess(
        "The stand-in model",
        (*program, "realtime", "--port", str(port), "--script", str(DEMO_SCRIPT), *dialect),
        environ=environ,
    )
    worker = ChildProcess("The worker", (*program, "dev"), environ=environ, on_line=_print_error)
    say("Starting the worker and the stand-in model.")
    await parts.enter_async_context(worker)
    await parts.enter_async_context(stand_in)
    return stand_in.wait_for_line("listens at"), worker.wait_for_line("registered worker")


async def _wait_until_ready(ready: Sequence[asyncio.Future[str]]) -> None:
    try:
        async with asyncio.timeout(START_SECONDS):
            await asyncio.gather(*ready)
    except TimeoutError:
        raise LocalError(
            f"The worker and the stand-in model were not ready within {START_SECONDS:g} s.",
            "Close other programs and try again.",
        ) from None


def _print_error(line: str) -> None:
    """Print the errors in the worker's log, and nothing else of it."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", line)
    if re.search(r" (ERROR|CRITICAL) ", plain) and not ROOM_CLOSED.search(plain):
        say(f"  worker: {plain}")


async def _wait_for_signal(address: LiveKitAddress, agent_name: str) -> None:
    """Wait for Ctrl-C, the normal end of the demo."""
    say("Ready for more calls until Ctrl-C. From another terminal:")
    say(
        f"  LIVEKIT_URL={address.url} LIVEKIT_API_KEY={address.api_key} "
        f"LIVEKIT_API_SECRET={address.api_secret} LIVEKIT_AGENT_NAME={agent_name} agent call"
    )
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        task = asyncio.current_task()
        assert task is not None
        task.uncancel()


def _worker_environ(
    environ: Mapping[str, str], address: LiveKitAddress, port: int, agent_name: str
) -> dict[str, str]:
    """Return the worker's environment: the user's ``REALTIME_*`` and ``AGENT_*`` settings, with the
    demo's own keys and addresses."""
    stand_in = f"http://127.0.0.1:{port}"
    worker = {
        **without_accounts(environ),
        "LIVEKIT_URL": address.url,
        "LIVEKIT_API_KEY": address.api_key,
        "LIVEKIT_API_SECRET": address.api_secret,
        "LIVEKIT_AGENT_NAME": agent_name,
        "AGENT_HTTP_HOST": "127.0.0.1",
    }
    if worker.get("REALTIME_DIALECT", "").startswith("azure"):
        return {
            "REALTIME_TRANSCRIPTION_MODEL": "stand-in",
            "REALTIME_MODEL": "gpt-realtime-2.1",
            "REALTIME_SERVICE": "azure",
            **worker,
            "AZURE_OPENAI_ENDPOINT": stand_in,
            "AZURE_OPENAI_API_KEY": "stand-in",
            "AZURE_OPENAI_DEPLOYMENT": "stand-in",
        }
    return {
        "REALTIME_SERVICE": "openai",  # the service that the stand-in replaces
        **worker,
        "OPENAI_BASE_URL": f"{stand_in}/v1",
        "OPENAI_API_KEY": "stand-in",
    }
