"""The real plugin's session, ours or plain, with everything that it generates collected.

It stands for livekit's agent session, which would play the audio: here it is counted and dropped,
as fast as it comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable

from livekit import rtc
from livekit.agents import llm
from livekit.plugins import openai


class PluginSession:
    """Hears out every generation, as an agent session does."""

    def __init__(self, session: openai.realtime.RealtimeSession) -> None:
        self.session = session
        self.errors: list[llm.RealtimeModelError] = []
        self.events: list[str] = []
        self.heard_ms = 0.0
        """Of audio, in all."""
        self.calls: list[str] = []
        """Ids of the calls of tools."""
        self._hearing: list[asyncio.Task[str]] = []
        session.on("generation_created", self._on_generation)
        session.on("error", self.errors.append)
        for name in ("input_speech_started", "input_speech_stopped"):
            session.on(name, lambda *_, name=name: self.events.append(name))

    @property
    def fatal(self) -> bool:
        return any(not error.recoverable for error in self.errors)

    def _on_generation(self, event: llm.GenerationCreatedEvent) -> None:
        self._hearing.append(asyncio.create_task(self._heard(event)))

    async def texts(self, within: float) -> list[str]:
        """What each generation said; raises ``TimeoutError`` where one does not end."""
        async with asyncio.timeout(within):
            return list(await asyncio.gather(*self._hearing))

    async def close(self) -> None:
        for task in self._hearing:
            task.cancel()
        await asyncio.gather(*self._hearing, return_exceptions=True)
        await self.session.aclose()

    async def _heard(self, event: llm.GenerationCreatedEvent) -> str:
        said = ""
        calls = asyncio.create_task(self._drain_calls(event.function_stream))
        async for message in event.message_stream:
            sound = asyncio.create_task(self._drain_sound(message.audio_stream))
            said += "".join([text async for text in message.text_stream])
            await sound
        await calls
        return said

    async def _drain_sound(self, stream: AsyncIterable[rtc.AudioFrame]) -> None:
        async for frame in stream:
            self.heard_ms += frame.duration * 1000

    async def _drain_calls(self, stream: AsyncIterable[llm.FunctionCall]) -> None:
        async for call in stream:
            self.calls.append(call.call_id)
