"""Text to speech over HTTP, by the client that the worker's TTS plugin uses."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator

import av
import numpy as np
import openai
import pytest
import pytest_asyncio

from agent.local.audio import SERVICE_RATE, is_speech, resample, seconds_of
from agent.local.standin import StandIn, StandInOptions
from agent.local.standin.speech_api import FORMATS

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEXT = "The quick brown fox jumps over the lazy dog."


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client() -> AsyncIterator[openai.AsyncOpenAI]:
    async with (
        StandIn(StandInOptions()) as server,
        openai.AsyncOpenAI(api_key="sk", base_url=f"{server.url}/v1", max_retries=0) as client,
    ):
        yield client


def decoded(data: bytes) -> bytes:
    with av.open(io.BytesIO(data), "r") as container:
        frames = list(container.decode(audio=0))
        rate = frames[0].sample_rate
        resampler = av.AudioResampler(format="s16", layout="mono", rate=rate)
        parts = [part for frame in frames for part in resampler.resample(frame)]
    pcm = np.concatenate([part.to_ndarray() for part in parts], axis=1).tobytes()
    return resample(pcm, rate, SERVICE_RATE)


@pytest.mark.parametrize("kind", FORMATS)
async def test_every_format_is_speech(client: openai.AsyncOpenAI, kind: str) -> None:
    answer = await client.audio.speech.create(
        model="tts-1",
        voice="cedar",
        input=TEXT,
        response_format=kind,  # type: ignore[arg-type]
    )
    data = answer.read()
    pcm = data if kind == "pcm" else decoded(data)
    assert is_speech(pcm)
    assert 1.5 < seconds_of(pcm, SERVICE_RATE) < 4


async def test_speed(client: openai.AsyncOpenAI) -> None:
    lengths = []
    for speed in (1.0, 2.0):
        answer = await client.audio.speech.create(
            model="tts-1", voice="alloy", input=TEXT, response_format="pcm", speed=speed
        )
        lengths.append(len(answer.read()))
    assert lengths[1] < 0.65 * lengths[0]


async def test_speech_api_refuses_invalid_requests(client: openai.AsyncOpenAI) -> None:
    for wrong, code in (
        ({"speed": 9}, "decimal_above_max_value"),
        ({"input": "x" * 4097}, "string_above_max_length"),
        ({"response_format": "midi"}, "invalid_value"),
        ({"input": 5}, "invalid_type"),
    ):
        body = {"model": "tts-1", "voice": "alloy", "input": TEXT, **wrong}
        with pytest.raises(openai.BadRequestError) as caught:
            await client.audio.speech.create(**body)  # type: ignore[arg-type]
        assert caught.value.code == code
    with pytest.raises(openai.AuthenticationError):
        await client.with_options(api_key="invalid").audio.speech.create(
            model="tts-1", voice="alloy", input=TEXT
        )
