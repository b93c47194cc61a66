"""``agent greeting``: words as a sound file, for AGENT_GREETING_AUDIO."""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import wave
from pathlib import Path
from typing import Any

from agent.call.agent import VERBATIM
from agent.cli.progress import progress_while, run_until_signal, say
from agent.config.settings import Settings
from agent.config.validation import read_settings
from agent.errors import AgentError, LocalError, ServiceError
from agent.realtime.plugin.http_session import PluginHTTPSession
from agent.realtime.plugin.websocket import PluginWebSocket
from agent.voice.greeting import RATE, words_file
from agent.voice.text_to_speech import create_tts

SECONDS = 60.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--text", required=True, metavar="T", help="the words")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE.wav")
    parser.add_argument(
        "--from",
        dest="source",
        choices=("model", "tts"),
        help="whose voice (as AGENT_VOICE_FROM says)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")


def run(arguments: argparse.Namespace) -> int:
    return run_until_signal(_greeting(arguments))


async def _greeting(arguments: argparse.Namespace) -> int:
    try:
        environ = dict(os.environ)
        if arguments.source:
            environ["AGENT_VOICE_FROM"] = arguments.source
        settings = read_settings(environ)
        work = _from_tts if settings.voice.speaker == "tts" else _from_model
        async with progress_while("speaking"):
            pcm = await asyncio.wait_for(work(settings, arguments.text), SECONDS)
        if not pcm:
            raise LocalError("Nothing was said.", "Try it again, or with other words.")
        _write(arguments.out, pcm, arguments.text)
    except TimeoutError:
        raise LocalError(f"Nothing was said within {SECONDS:g} s.") from None
    except AgentError as error:
        if not arguments.json:
            raise
        print(json.dumps({"ok": False, "error": str(error)}))
        return error.exit_code
    seconds = round(len(pcm) / 2 / RATE, 2)
    say(f"{seconds} s are in {arguments.out}, the words in {words_file(arguments.out)}.")
    say(f"Set AGENT_GREETING_AUDIO={arguments.out}")
    if arguments.json:
        print(json.dumps({"ok": True, "out": str(arguments.out), "seconds": seconds}))
    return 0


async def _from_model(settings: Settings, text: str) -> bytes:
    """The model's own voice, as 16-bit PCM."""
    session = PluginHTTPSession(settings.service_targets())
    try:
        wire = await session.ws_connect("")
    except Exception as error:
        if isinstance(error.__cause__, ServiceError):
            raise error.__cause__ from None
        raise
    try:
        await _send(wire, "session.update", session={"type": "realtime"})
        await _send(wire, "response.create", response={"instructions": f"{VERBATIM}{text}"})
        pcm = bytearray()
        while (event := await _next(wire, settings))["type"] != "response.done":
            if event["type"] == "response.output_audio.delta":
                pcm += base64.b64decode(event["delta"])
            elif event["type"] == "error":
                raise ServiceError(
                    settings.service.endpoint.host, str(event["error"].get("message"))
                )
        return bytes(pcm)
    finally:
        await wire.close()


async def _send(wire: PluginWebSocket, type: str, **fields: Any) -> None:
    await wire.send_str(json.dumps({"type": type, **fields}))


async def _next(wire: PluginWebSocket, settings: Settings) -> dict[str, Any]:
    message = await wire.receive()
    if not isinstance(message.data, str):
        raise ServiceError(settings.service.endpoint.host, "it closed the connection")
    event: dict[str, Any] = json.loads(message.data)
    return event


async def _from_tts(settings: Settings, text: str) -> bytes:
    options = settings.voice.speech_options()
    assert options is not None
    voice = create_tts(options, settings)
    pcm = bytearray()
    async with voice.stream() as stream:
        stream.push_text(text)
        stream.end_input()
        async for audio in stream:
            pcm += bytes(audio.frame.data)
    await voice.aclose()
    return bytes(pcm)


def _write(path: Path, pcm: bytes, text: str) -> None:
    try:
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(pcm)
        words_file(path).write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise LocalError(f"{path} cannot be written ({error.strerror}).") from None
