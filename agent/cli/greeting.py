"""``agent greeting``: record words as an audio file for AGENT_GREETING_AUDIO."""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import wave
from collections.abc import Coroutine
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
"""How long the recording may take."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--text", required=True, metavar="T", help="the words to say")
    parser.add_argument(
        "--out", required=True, type=Path, metavar="FILE.wav", help="the audio file to write"
    )
    parser.add_argument(
        "--from",
        dest="source",
        choices=("model", "tts"),
        help="the voice to use (default: AGENT_VOICE_FROM)",
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
            pcm = await _within_limit(work(settings, arguments.text))
        if not pcm:
            raise LocalError("The recording is empty.", "Try again, or use other words.")
        _write(arguments.out, pcm, arguments.text)
    except AgentError as error:
        if not arguments.json:
            raise
        print(json.dumps({"ok": False, "error": str(error)}))
        return error.exit_code
    seconds = round(len(pcm) / 2 / RATE, 2)
    say(f"{arguments.out} holds {seconds} s of audio, {words_file(arguments.out)} the words.")
    say(f"Set AGENT_GREETING_AUDIO={arguments.out}")
    if arguments.json:
        print(json.dumps({"ok": True, "out": str(arguments.out), "seconds": seconds}))
    return 0


async def _within_limit(recording: Coroutine[Any, Any, bytes]) -> bytes:
    try:
        return await asyncio.wait_for(recording, SECONDS)
    except TimeoutError:
        raise LocalError(
            f"The recording took longer than {SECONDS:g} s.", "Try again, or use fewer words."
        ) from None


async def _from_model(settings: Settings, text: str) -> bytes:
    """Return ``text`` in the model's own voice, as 16-bit PCM."""
    session = PluginHTTPSession(settings.service_targets())
    try:
        websocket = await session.ws_connect("")
    except Exception as error:
        if isinstance(error.__cause__, ServiceError):
            raise error.__cause__ from None
        raise
    try:
        await _send(websocket, "session.update", session={"type": "realtime"})
        await _send(websocket, "response.create", response={"instructions": f"{VERBATIM}{text}"})
        pcm = bytearray()
        while (event := await _next(websocket, settings))["type"] != "response.done":
            if event["type"] == "response.output_audio.delta":
                pcm += base64.b64decode(event["delta"])
            elif event["type"] == "error":
                raise ServiceError(
                    settings.service.endpoint.host, str(event["error"].get("message"))
                )
        return bytes(pcm)
    finally:
        await websocket.close()


async def _send(websocket: PluginWebSocket, type: str, **fields: Any) -> None:
    await websocket.send_str(json.dumps({"type": type, **fields}))


async def _next(websocket: PluginWebSocket, settings: Settings) -> dict[str, Any]:
    message = await websocket.receive()
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
        raise LocalError(
            f"{path} cannot be written ({error.strerror}).",
            "Use a path in a folder that exists and is writable.",
        ) from None
