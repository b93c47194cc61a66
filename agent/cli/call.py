"""``agent call``: call an agent on any LiveKit server."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agent.cli.arguments import DEMO_SCRIPT, add_sound_arguments
from agent.cli.progress import progress_while, run_until_signal, say
from agent.config.settings import read_livekit_settings
from agent.errors import AgentError, LiveKitError
from agent.livekit_access import check_access
from agent.local.audio import (
    ROOM_RATE,
    SERVICE_RATE,
    read_audio,
    resample,
    split_utterances,
    write_wav,
)
from agent.local.call_script import ANSWER_SECONDS, CallResult, Turn, run_call
from agent.local.caller import Caller
from agent.local.dispatches import explain_missing_answer
from agent.local.livekit_server import LiveKitAddress
from agent.local.speech_synthesis import speech
from agent.local.standin.script import load_script

CALLER_VOICE = "cedar"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--room", metavar="R", help="room to call in (default: a new one)")
    parser.add_argument(
        "--out", type=Path, metavar="OUT.wav", help="record the agent's audio in this file"
    )
    parser.add_argument(
        "--turns", type=int, default=1, metavar="N", help="utterances of the caller (%(default)s)"
    )
    add_sound_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    return run_until_signal(_call(arguments))


async def _call(arguments: argparse.Namespace) -> int:
    try:
        utterances = load_utterances(arguments.audio, arguments.turns)
        settings = read_livekit_settings(os.environ)
        address = LiveKitAddress(
            settings.url,
            settings.api_key,
            settings.api_secret.get_secret_value(),
        )
        await check_access(address.url, address.api_key, address.api_secret)
        result = await place_call(
            address, settings.agent_name, utterances, room=arguments.room, out=arguments.out
        )
    except AgentError as error:
        if not arguments.json:
            raise
        print(json.dumps({"ok": False, "error": str(error)}))
        return error.exit_code
    if arguments.json:
        print(json.dumps(result))
    return 0


def load_utterances(audio: Path | None, turns: int | None) -> list[bytes]:
    """Return the caller's utterances, PCM at 48 kHz, from the file ``audio`` or the demo's phrases.

    ``turns`` is their number; if there are fewer, they repeat. ``None`` returns each once.
    """
    if audio is not None:
        found = split_utterances(read_audio(audio, ROOM_RATE), ROOM_RATE)
        found = found or [read_audio(audio, ROOM_RATE)]
    else:
        found = [synthesize(phrase) for phrase in load_script(DEMO_SCRIPT).phrases]
    count = len(found) if turns is None else turns
    return [found[index % len(found)] for index in range(count)]


def synthesize(phrase: str) -> bytes:
    """Return ``phrase`` in the demo caller's voice, PCM at 48 kHz."""
    return resample(speech.say(phrase, voice=CALLER_VOICE), SERVICE_RATE, ROOM_RATE)


async def place_call(
    address: LiveKitAddress,
    agent_name: str,
    utterances: Sequence[bytes],
    *,
    room: str | None = None,
    out: Path | None = None,
    answer_seconds: float = ANSWER_SECONDS,
) -> dict[str, Any]:
    """Run a call, print its progress and return the object that ``--json`` prints.

    Raises ``LiveKitError`` if no greeting comes within ``answer_seconds``.
    """
    room = room or f"call-{secrets.token_hex(4)}"
    say(f"Calling '{agent_name}' in room {room}.")
    caller = Caller(address, room, agent_name=agent_name)
    async with progress_while("the call"), caller:
        try:
            result = await run_call(
                caller,
                utterances,
                on_greeting=_print_greeting,
                on_turn=_print_turn,
                answer_seconds=answer_seconds,
            )
        except LiveKitError as error:
            reason = await explain_missing_answer(address, room, agent_name)
            raise LiveKitError(f"{error.what} {reason}", "" if reason else error.fix) from None
        finally:
            if out is not None and caller.received.pcm:
                await asyncio.to_thread(write_wav, out, bytes(caller.received.pcm), ROOM_RATE)
    if out is not None:
        say(f"What the caller heard is in {out}.")
    return {
        "ok": True,
        "greeting_ms": result.greeting_ms,
        "turns": [turn.as_dict() for turn in result.turns],
        "reply_wav": str(out) if out is not None else None,
    }


def _print_greeting(result: CallResult) -> None:
    say(f"  agent   {result.greeting}   [greeting after {result.greeting_ms} ms]")


def _print_turn(turn: Turn) -> None:
    say(f"  caller  {turn.user}")
    say(f"  agent   {turn.agent}   [{turn.latency_ms} ms after the caller's last sound]")
