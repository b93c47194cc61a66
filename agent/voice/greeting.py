"""A stored greeting: spoken while the model is still being connected, and the same every time."""

from __future__ import annotations

from collections.abc import AsyncIterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agent.errors import LocalError

if TYPE_CHECKING:
    from livekit import rtc

RATE = 24_000
"""Hz, of what a room's audio output takes without another conversion."""


@dataclass(frozen=True, slots=True)
class Greeting:
    """A recording and its words, which stand in the conversation in its place."""

    audio: Path
    text: str

    def frames(self) -> AsyncIterable[rtc.AudioFrame]:
        # Seconds of imports that a check of the settings has no use for.
        from livekit.agents.utils.audio import audio_frames_from_file

        return audio_frames_from_file(str(self.audio), sample_rate=RATE)


def words_file(audio: Path) -> Path:
    """Where the words of ``audio`` are: beside it, with ``.txt`` for an ending."""
    return audio.with_suffix(".txt")


def load_greeting(audio: Path) -> Greeting:
    """The greeting that `agent greeting` wrote; ``LocalError`` where it is not there."""
    try:
        if not audio.is_file():
            raise FileNotFoundError(2, "No such file", str(audio))
        text = words_file(audio).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise LocalError(
            f"The greeting cannot be read: {error.filename} ({error.strerror}).",
            f"Make it with: agent greeting --text WORDS --out {audio}",
        ) from None
    return Greeting(audio, text)
