"""Audio files, sample rates and levels. All audio is 16-bit little-endian mono PCM."""

from __future__ import annotations

import wave
from collections.abc import Iterable, Iterator
from pathlib import Path

import av
import av.error
import numpy as np

from agent.errors import LocalError

SERVICE_RATE = 24_000
"""Samples a second of the Realtime API's ``audio/pcm``."""
ROOM_RATE = 48_000
"""Samples a second of Opus in a LiveKit room."""
BYTES_PER_SAMPLE = 2

SPEECH_DBFS = -40.0
"""Audio above this level counts as speech: generated speech is near -20 dBFS, silence below -60."""


def resample(pcm: bytes, rate: int, to_rate: int) -> bytes:
    """Convert ``pcm`` from ``rate`` to ``to_rate``, in samples a second."""
    if rate == to_rate or not pcm:
        return pcm
    frame = av.AudioFrame.from_ndarray(
        np.frombuffer(pcm, np.int16).reshape(1, -1), format="s16", layout="mono"
    )
    frame.sample_rate = rate
    resampler = av.AudioResampler(format="s16", layout="mono", rate=to_rate)
    parts = [*resampler.resample(frame), *resampler.resample(None)]
    return b"".join(part.to_ndarray().tobytes() for part in parts)


def read_audio(path: Path, to_rate: int) -> bytes:
    """Decode an audio file of any format that FFmpeg reads, as PCM at ``to_rate``.

    Raises ``LocalError`` if the file is missing, is not audio or is empty.
    """
    if not path.is_file():
        raise LocalError(f"No such file: {path}.", "Give the path of an existing audio file.")
    resampler = av.AudioResampler(format="s16", layout="mono", rate=to_rate)
    parts: list[bytes] = []
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise LocalError(f"{path} holds no audio.", "Use a WAV, Ogg, MP3 or FLAC file.")
            for frame in container.decode(audio=0):
                parts += [part.to_ndarray().tobytes() for part in resampler.resample(frame)]
            parts += [part.to_ndarray().tobytes() for part in resampler.resample(None)]
    except (av.error.FFmpegError, ValueError, OSError) as error:
        raise LocalError(
            f"{path} is not a sound file ({error}).", "Use a WAV, Ogg, MP3 or FLAC file."
        ) from None
    pcm = b"".join(parts)
    if not pcm:
        raise LocalError(f"{path} holds no audio.", "Use a file with at least one sample.")
    return pcm


def write_wav(path: Path, pcm: bytes, rate: int) -> None:
    """Write ``pcm`` as a WAV file; raise ``LocalError`` if ``path`` cannot be written."""
    try:
        with path.open("wb") as file, wave.open(file, "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(BYTES_PER_SAMPLE)
            sound.setframerate(rate)
            sound.writeframes(pcm)
    except OSError as error:
        raise LocalError(
            f"{path} cannot be written ({error.strerror}).",
            "Use a path in a folder that exists and is writable.",
        ) from None


def silence(seconds: float, rate: int) -> bytes:
    """Return ``seconds`` of digital silence at ``rate``."""
    return bytes(round(seconds * rate) * BYTES_PER_SAMPLE)


def seconds_of(pcm: bytes, rate: int) -> float:
    """Return the duration of ``pcm`` in seconds."""
    return len(pcm) / BYTES_PER_SAMPLE / rate


def frames(pcm: bytes, rate: int, frame_ms: int) -> Iterator[bytes]:
    """Yield ``pcm`` in frames of ``frame_ms``; the last one is padded with silence."""
    size = rate * frame_ms // 1000 * BYTES_PER_SAMPLE
    for start in range(0, len(pcm), size):
        yield pcm[start : start + size].ljust(size, b"\0")


def dbfs(pcm: bytes) -> float:
    """Return the RMS level in decibels relative to full scale; -inf for digital silence."""
    samples = np.frombuffer(pcm, np.int16).astype(np.float32)
    rms = float(np.sqrt(np.mean(samples * samples))) if samples.size else 0.0
    return 20 * float(np.log10(rms / 32768)) if rms > 0 else -np.inf


def is_speech(pcm: bytes) -> bool:
    return dbfs(pcm) > SPEECH_DBFS


def split_utterances(pcm: bytes, rate: int, *, pause_ms: int = 700) -> list[bytes]:
    """Split ``pcm`` into utterances at pauses of at least ``pause_ms``.

    Each utterance begins and ends with a frame of speech, so that the end of its bytes is the end
    of the speech.
    """
    step_ms = 10
    pieces = list(frames(pcm, rate, step_ms))
    loud = [index for index, piece in enumerate(pieces) if is_speech(piece)]
    return [b"".join(pieces[first : last + 1]) for first, last in _runs(loud, pause_ms // step_ms)]


def _runs(indices: Iterable[int], gap: int) -> Iterator[tuple[int, int]]:
    """Yield the first and last of each run of ``indices`` with gaps of at most ``gap``."""
    first: int | None = None
    last = 0
    for index in indices:
        if first is None:
            first = index
        elif index - last > gap:
            yield first, last
            first = index
        last = index
    if first is not None:
        yield first, last
