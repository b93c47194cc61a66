"""``agent call``: the calling party, against any LiveKit server."""

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
from agent.local.audio import ROOM_RATE, SERVICE_RATE, read_audio, resample, utterances, write_wav
from agent.local.call_script import ANSWER_SECONDS, Conversation, Turn, run_call
from agent.local.caller import Caller
from agent.local.dispatches import why_unanswered
from agent.local.livekit_server import LiveKitAddress
from agent.local.speech_synthesis import speech
from agent.local.standin.script import load_script

CALLER_VOICE = "cedar"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--room", metavar="R", help="the room to call in (a new one)")
    parser.add_argument("--out", type=Path, metavar="OUT.wav", help="write what is heard to a file")
    parser.add_argument("--turns", type=int, default=1, metavar="N", help="(%(default)s)")
    add_sound_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    return run_until_signal(_call(arguments))


async def _call(arguments: argparse.Namespace) -> int:
    try:
        sound = turns_to_say(arguments.audio, arguments.turns)
        settings = read_livekit_settings(os.environ)
        address = LiveKitAddress(
            settings.url,
            settings.api_key,
            settings.api_secret.get_secret_value(),
        )
        await check_access(address.url, address.api_key, address.api_secret)
        result = await place_call(
            address, settings.agent_name, sound, room=arguments.room, out=arguments.out
        )
    except AgentError as error:
        if not arguments.json:
            raise
        print(json.dumps({"ok": False, "error": str(error)}))
        return error.exit_code
    if arguments.json:
        print(json.dumps(result))
    return 0


def turns_to_say(audio: Path | None, turns: int | None) -> list[bytes]:
    """The caller's utterances at 48 kHz: ``turns`` of those in the file, or of the demo's
    phrases, from the start again where there are fewer; ``None`` for all in the file."""
    if audio is not None:
        found = utterances(read_audio(audio, ROOM_RATE), ROOM_RATE)
        found = found or [read_audio(audio, ROOM_RATE)]
    else:
        found = [spoken(phrase) for phrase in load_script(DEMO_SCRIPT).phrases]
    count = len(found) if turns is None else turns
    return [found[index % len(found)] for index in range(count)]


def spoken(phrase: str) -> bytes:
    """``phrase`` in the demo caller's voice, at 48 kHz."""
    return resample(speech.say(phrase, voice=CALLER_VOICE), SERVICE_RATE, ROOM_RATE)


async def place_call(
    address: LiveKitAddress,
    agent_name: str,
    sound: Sequence[bytes],
    *,
    room: str | None = None,
    out: Path | None = None,
    answer_seconds: float = ANSWER_SECONDS,
) -> dict[str, Any]:
    """A whole call, told as it goes; the object that ``--json`` prints. Raises ``LiveKitError``,
    which says what happened, where no greeting comes within ``answer_seconds``."""
    room = room or f"call-{secrets.token_hex(4)}"
    say(f"Calling '{agent_name}' in room {room}.")
    caller = Caller(address, room, agent_name=agent_name)
    async with progress_while("the call"), caller:
        try:
            conversation = await run_call(
                caller,
                sound,
                on_greeting=_tell_greeting,
                on_turn=_tell_turn,
                answer_seconds=answer_seconds,
            )
        except LiveKitError as error:
            reason = await why_unanswered(address, room, agent_name)
            raise LiveKitError(f"{error.what} {reason}", "" if reason else error.fix) from None
        finally:
            if out is not None and caller.hearing.pcm:
                await asyncio.to_thread(write_wav, out, bytes(caller.hearing.pcm), ROOM_RATE)
    if out is not None:
        say(f"What the caller heard is in {out}.")
    return {
        "ok": True,
        "greeting_ms": conversation.greeting_ms,
        "turns": [turn.as_dict() for turn in conversation.turns],
        "reply_wav": str(out) if out is not None else None,
    }


def _tell_greeting(conversation: Conversation) -> None:
    say(f"  agent   {conversation.greeting}   [greeting after {conversation.greeting_ms} ms]")


def _tell_turn(turn: Turn) -> None:
    say(f"  caller  {turn.user}")
    say(f"  agent   {turn.agent}   [{turn.latency_ms} ms after the caller's last sound]")
