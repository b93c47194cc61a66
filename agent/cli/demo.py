"""``agent demo``: room, worker and stand-in model on this machine, and a call through them."""

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
from agent.local.child_process import Child, free_port
from agent.local.livekit_server import LiveKitAddress, LiveKitServer

REPLY = Path("demo-reply.wav")
TURNS = 2
START_SECONDS = 60.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--once", action="store_true", help="end after the call")
    parser.add_argument("--livekit", metavar="URL", help="use this server, not one of our own")
    parser.add_argument("--api-key", default="devkey", help="of that server (%(default)s)")
    parser.add_argument("--api-secret", default="secret", help="of that server (%(default)s)")
    parser.add_argument(
        "--out", type=Path, default=REPLY, help="where the reply's sound goes (%(default)s)"
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
    # Wrong settings are told before anything starts.
    read_settings(
        _worker_environ(os.environ, LiveKitAddress("ws://127.0.0.1", "-", "-"), port, agent_name)
    )
    async with AsyncExitStack() as parts:
        if arguments.audio:
            sound = _sound(arguments)
        address = await _livekit(arguments, parts)
        environ = _worker_environ(os.environ, address, port, agent_name)
        async with progress_while("starting"):
            ready = await _start(parts, port, environ)
            if not arguments.audio:
                sound = await asyncio.to_thread(_sound, arguments)
            await _until_ready(ready)
        say(f"The worker '{agent_name}' is registered; the model is a stand-in.")

        from agent.cli.call import place_call

        result = await place_call(address, agent_name, sound, out=arguments.out)
        if not arguments.once:
            await _stay(address, agent_name)
    if arguments.json:
        print(json.dumps(result))
    return 0


def _sound(arguments: argparse.Namespace) -> list[bytes]:
    """What the caller says. Its imports take two seconds, in which the worker can start."""
    from agent.cli.call import turns_to_say

    return turns_to_say(arguments.audio, None if arguments.audio else TURNS)


async def _livekit(arguments: argparse.Namespace, parts: AsyncExitStack) -> LiveKitAddress:
    if arguments.livekit:
        from agent.livekit_access import check_access

        address = LiveKitAddress(arguments.livekit, arguments.api_key, arguments.api_secret)
        await check_access(address.url, address.api_key, address.api_secret)
        return address
    async with progress_while("livekit-server"):
        server = await parts.enter_async_context(LiveKitServer(say))
    say(f"livekit-server runs at {server.address.url}.")
    return server.address


async def _start(
    parts: AsyncExitStack, port: int, environ: Mapping[str, str]
) -> Sequence[asyncio.Future[str]]:
    """The stand-in model and the worker, side by side; what tells that they are ready."""
    program = (sys.executable, "-m", "agent")
    # The retired beta is served only where it is asked for.
    beta = environ.get("REALTIME_DIALECT") == "openai_beta"
    dialect = ("--dialect", "openai_beta") if beta else ()
    stand_in = Child(
        "The stand-in model",
        (*program, "realtime", "--port", str(port), "--script", str(DEMO_SCRIPT), *dialect),
        environ=environ,
    )
    worker = Child("The worker", (*program, "dev"), environ=environ, on_line=_tell_trouble)
    say("Starting the worker and the stand-in model.")
    await parts.enter_async_context(worker)
    await parts.enter_async_context(stand_in)
    return stand_in.line_with("listens at"), worker.line_with("registered worker")


async def _until_ready(ready: Sequence[asyncio.Future[str]]) -> None:
    try:
        async with asyncio.timeout(START_SECONDS):
            await asyncio.gather(*ready)
    except TimeoutError:
        raise LocalError(f"The worker was not ready within {START_SECONDS:g} s.") from None


def _tell_trouble(line: str) -> None:
    """Show people what went wrong in the worker, and nothing else of its log."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", line)
    if re.search(r" (ERROR|CRITICAL) ", plain):
        say(f"  worker: {plain}")


async def _stay(address: LiveKitAddress, agent_name: str) -> None:
    """Until Ctrl-C, which is how this is meant to end."""
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
    """The worker's environment: the user's ``REALTIME_*`` and ``AGENT_*`` settings hold, keys and
    addresses are the demo's own."""
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
        "REALTIME_SERVICE": "openai",  # which the stand-in stands for
        **worker,
        "OPENAI_BASE_URL": f"{stand_in}/v1",
        "OPENAI_API_KEY": "stand-in",
    }
