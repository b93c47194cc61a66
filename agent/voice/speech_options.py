"""Which text-to-speech voice speaks the model's text. Imports nothing of LiveKit's."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SpeechOptions:
    """The TTS that ``create_tts`` makes."""

    plugin: str
    """``openai``, ``azure`` or ``MODULE:FUNCTION``; empty for ``openai``."""
    voice: str
    """Empty for the plugin's own default."""
    base_url: str
    """Where the openai TTS is."""
    api_key: str = field(repr=False)
    """For the openai TTS; empty for a server that wants none."""
