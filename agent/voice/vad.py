"""The worker's own detector of speech: Silero, and where it is noisy, only of who is near."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import cast

import numpy as np
from livekit import rtc
from livekit.agents import vad
from livekit.plugins import silero

from agent.voice.loudness import Loudness
from agent.voice.turn_detection import Preset


def load_vad(numbers: Preset) -> vad.VAD:
    """A detector with a preset's numbers."""
    plain = silero.VAD.load(
        activation_threshold=numbers.threshold,
        min_speech_duration=numbers.min_speech_seconds,
        min_silence_duration=numbers.min_silence_seconds,
        prefix_padding_duration=numbers.prefix_padding_ms / 1000,
    )
    return NearVoice(plain, numbers.margin_db) if numbers.margin_db else plain


class NearVoice(vad.VAD):
    """A detector that hears silence where nobody near the microphone speaks."""

    def __init__(self, inner: vad.VAD, margin_db: float) -> None:
        super().__init__(capabilities=inner.capabilities)
        self._inner = inner
        self._margin_db = margin_db

    def stream(self) -> vad.VADStream:
        # Upstream only calls what _NearStream has; its base class would start a task of its own.
        return cast("vad.VADStream", _NearStream(self._inner.stream(), self._margin_db))


class _NearStream:
    def __init__(self, inner: vad.VADStream, margin_db: float) -> None:
        self._inner = inner
        self._loudness = Loudness(margin_db)

    def push_frame(self, frame: rtc.AudioFrame) -> None:
        samples = np.frombuffer(frame.data, np.int16)
        if not self._loudness.is_near_voice(samples, frame.sample_rate * frame.num_channels):
            silence = bytes(len(frame.data) * frame.data.itemsize)
            frame = rtc.AudioFrame(
                silence, frame.sample_rate, frame.num_channels, frame.samples_per_channel
            )
        self._inner.push_frame(frame)

    def flush(self) -> None:
        self._inner.flush()

    def end_input(self) -> None:
        self._inner.end_input()

    async def aclose(self) -> None:
        await self._inner.aclose()

    def __aiter__(self) -> AsyncIterator[vad.VADEvent]:
        return self._inner.__aiter__()

    async def __anext__(self) -> vad.VADEvent:
        return await self._inner.__anext__()
