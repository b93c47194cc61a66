"""``POST /v1/audio/speech``: the text to speech of OpenAI's API."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import av
import numpy as np
from aiohttp import web

from agent.local.audio import SERVICE_RATE, resample
from agent.local.speech_synthesis import Speak
from agent.local.standin.handshake import HandshakeRequest, is_wrong_key
from agent.local.standin.http_json import read_object
from agent.local.standin.rules import Refusal
from agent.local.standin.rules.refusals import (
    missing_parameter,
    not_supported,
    out_of_range,
    wrong_type,
)

MAX_INPUT_CHARACTERS = 4096
"""The API's limit for ``input``, in characters."""
MIN_SPEED, MAX_SPEED = 0.25, 4.0

# Container, codec, sample rate of the codec and content type, by response_format.
_ENCODINGS = {
    "mp3": ("mp3", "libmp3lame", SERVICE_RATE, "audio/mpeg"),
    "opus": ("ogg", "libopus", 48_000, "audio/ogg"),
    "aac": ("adts", "aac", SERVICE_RATE, "audio/aac"),
    "flac": ("flac", "flac", SERVICE_RATE, "audio/flac"),
    "wav": ("wav", "pcm_s16le", SERVICE_RATE, "audio/wav"),
}
FORMATS = (*_ENCODINGS, "pcm")


class SpeechApi:
    """The handler of the endpoint. It speaks ``language``, an espeak-ng voice."""

    def __init__(self, language: str, speak: Speak) -> None:
        self._language = language
        self._speak = speak

    async def handle(self, request: web.Request) -> web.Response:
        try:
            parameters = await _read_request(request)
        except Refusal as refusal:
            status = 401 if refusal.code == "invalid_api_key" else 400
            return web.json_response({"error": refusal.as_error(None)}, status=status)
        kind = parameters["response_format"]
        body = await asyncio.to_thread(self._synthesize, parameters)
        content_type = "audio/pcm" if kind == "pcm" else _ENCODINGS[kind][3]
        return web.Response(body=body, content_type=content_type)

    def _synthesize(self, parameters: dict[str, Any]) -> bytes:
        pcm = self._speak(
            parameters["input"],
            voice=str(parameters["voice"]),
            language=self._language,
            speed=float(parameters["speed"]),
        )
        kind = parameters["response_format"]
        return pcm if kind == "pcm" else _encode(pcm, kind)


async def _read_request(request: web.Request) -> dict[str, Any]:
    """Return the parameters with defaults; raise ``Refusal`` for the first invalid one."""
    if is_wrong_key(HandshakeRequest(request.headers, request.query).key):
        raise Refusal("invalid_api_key", "Incorrect API key provided.")
    body = await read_object(request)
    for name in ("model", "input", "voice"):
        if name not in body:
            raise missing_parameter(name)
    parameters = {"response_format": "mp3", "speed": 1.0, **body}
    text, speed = parameters["input"], parameters["speed"]
    if not isinstance(text, str):
        raise wrong_type("input", "a string", text)
    if len(text) > MAX_INPUT_CHARACTERS:
        raise Refusal(
            "string_above_max_length",
            f"Invalid 'input': string too long. Expected a string with maximum length "
            f"{MAX_INPUT_CHARACTERS}, but got a string with length {len(text)} instead.",
            param="input",
        )
    if isinstance(speed, bool) or not isinstance(speed, int | float):
        raise wrong_type("speed", "a decimal", speed)
    if speed < MIN_SPEED:
        raise out_of_range("speed", speed, MIN_SPEED, integer=False, above=False)
    if speed > MAX_SPEED:
        raise out_of_range("speed", speed, MAX_SPEED, integer=False, above=True)
    if parameters["response_format"] not in FORMATS:
        raise not_supported("response_format", str(parameters["response_format"]), FORMATS)
    return parameters


def _encode(pcm: bytes, kind: str) -> bytes:
    container_name, codec, rate, _ = _ENCODINGS[kind]
    file = io.BytesIO()
    with av.open(file, "w", format=container_name) as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        assert isinstance(stream, av.AudioStream)
        samples = np.frombuffer(resample(pcm, SERVICE_RATE, rate), np.int16)
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = rate
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    return file.getvalue()
