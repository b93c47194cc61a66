"""A turn of pipecat's OpenAI or Azure Realtime service: greeted, then asked a question aloud.

    uv run --isolated --no-project --with 'pipecat-ai[openai]' pipecat_call.py SERVICE URL WAV

Prints one JSON object: the seconds of sound that came, the agent's words, and errors.
"""

import asyncio
import json
import sys
import wave
from typing import Any

from loguru import logger
from pipecat.frames.frames import (
    EndFrame,
    ErrorFrame,
    InputAudioRawFrame,
    LLMRunFrame,
    TTSAudioRawFrame,
    TTSStoppedFrame,
    TTSTextFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.runner import PipelineRunner
from pipecat.pipeline.task import PipelineParams, PipelineTask
from pipecat.processors.aggregators.llm_context import (
    LLMContext,
)
from pipecat.processors.aggregators.llm_response_universal import (
    LLMContextAggregatorPair,
)
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.services.azure.realtime.llm import (
    AzureRealtimeLLMService,
)
from pipecat.services.openai.realtime import events
from pipecat.services.openai.realtime.llm import (
    OpenAIRealtimeLLMService,
)

RATE = 24_000
FRAME_BYTES = RATE // 50 * 2
SERVICES = {"openai": OpenAIRealtimeLLMService, "azure": AzureRealtimeLLMService}


class Listener(FrameProcessor):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.sound_bytes = 0
        self.words: list[str] = []
        self.errors: list[str] = []
        self.replies: asyncio.Queue[None] = asyncio.Queue()

    async def process_frame(self, frame: Any, direction: Any) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, TTSAudioRawFrame):
            self.sound_bytes += len(frame.audio)
        elif isinstance(frame, TTSTextFrame):
            self.words.append(frame.text.strip())
        elif isinstance(frame, ErrorFrame):
            self.errors.append(str(frame.error))
        elif isinstance(frame, TTSStoppedFrame):
            self.replies.put_nowait(None)
        await self.push_frame(frame, direction)


async def main(service: str, url: str, path: str) -> None:
    with wave.open(path) as sound:
        pcm = sound.readframes(sound.getnframes())
    properties = events.SessionProperties(
        instructions="Be brief.",
        audio=events.AudioConfiguration(
            input=events.AudioInput(
                transcription=events.InputAudioTranscription(),
                turn_detection=events.TurnDetection(silence_duration_ms=500),
            )
        ),
    )
    kind = SERVICES[service]
    settings = kind.Settings(model="gpt-realtime", session_properties=properties)
    llm = kind(api_key="test", base_url=url, settings=settings)
    both = LLMContextAggregatorPair(LLMContext([{"role": "user", "content": "Say hello."}]))
    listener = Listener()
    task = PipelineTask(
        Pipeline([both.user(), llm, listener, both.assistant()]),
        params=PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE),
    )

    async def call() -> None:
        await task.queue_frames([LLMRunFrame()])
        await asyncio.wait_for(listener.replies.get(), 20)
        for start in range(0, len(pcm), FRAME_BYTES):
            piece = pcm[start : start + FRAME_BYTES].ljust(FRAME_BYTES, b"\0")
            await task.queue_frame(InputAudioRawFrame(piece, RATE, 1))
            await asyncio.sleep(0)
        await asyncio.wait_for(listener.replies.get(), 20)
        await task.queue_frame(EndFrame())

    calling = asyncio.create_task(call())
    await PipelineRunner(handle_sigint=False).run(task)
    await calling
    seconds = listener.sound_bytes / 2 / RATE
    words = " ".join(listener.words)
    print(json.dumps({"seconds": seconds, "words": words, "errors": listener.errors}))


if __name__ == "__main__":
    logger.remove()
    asyncio.run(main(*sys.argv[1:4]))
