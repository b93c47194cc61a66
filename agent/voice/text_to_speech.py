"""The voice that speaks a text answer: a LiveKit TTS plugin, by setting or by a factory."""

from __future__ import annotations

import importlib
from typing import Any, Protocol

from livekit.agents import tts
from pydantic import SecretStr

from agent.errors import LocalError
from agent.voice.sentence_splitter import SentenceSplitter

Voice = tts.TTS[Any]
OPENAI = "openai"
AZURE = "azure"


class VoiceSettings(Protocol):
    """What ``create_tts`` reads of the settings."""

    @property
    def agent_voice_from(self) -> str: ...
    @property
    def agent_tts(self) -> str: ...
    @property
    def agent_tts_voice(self) -> str: ...
    @property
    def agent_tts_base_url(self) -> str: ...
    @property
    def openai_base_url(self) -> str: ...
    @property
    def openai_api_key(self) -> SecretStr: ...


def create_tts(settings: VoiceSettings) -> Voice | None:
    """The TTS of a call, sentence by sentence; ``None`` where the model itself speaks and no
    other voice is chosen.

    Raises ``LocalError`` where its plugin or its factory is not there.
    """
    if settings.agent_voice_from != "tts" and not settings.agent_tts:
        return None
    voice: Voice = _factory(settings.agent_tts or OPENAI)(settings)
    if voice.capabilities.streaming:
        return voice
    return _BySentence(voice)


class _BySentence(tts.StreamAdapter):
    """A voice that takes whole sentences only, given a text as it is written."""

    def __init__(self, voice: Voice) -> None:
        super().__init__(tts=voice, sentence_tokenizer=SentenceSplitter())
        self._voice = voice

    async def aclose(self) -> None:
        """Close the voice too: upstream's adapter leaves its connections open."""
        await super().aclose()
        await self._voice.aclose()


def _factory(name: str) -> Any:
    if name == OPENAI:
        return _openai
    if name == AZURE:
        return _azure
    module, _, function = name.partition(":")
    try:
        return getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise LocalError(
            f"AGENT_TTS '{name}' cannot be had: {error}.",
            "Set openai, azure, or MODULE:FUNCTION, a function of the settings that returns a TTS.",
        ) from None


def _openai(settings: VoiceSettings) -> Voice:
    from livekit.plugins import openai

    given: dict[str, Any] = {"response_format": "pcm"}
    if settings.agent_tts_voice:
        given["voice"] = settings.agent_tts_voice
    given["base_url"] = settings.agent_tts_base_url or settings.openai_base_url
    # A server of one's own may want no key; the plugin always does.
    given["api_key"] = settings.openai_api_key.get_secret_value() or "none"
    return openai.TTS(**given)


def _azure(settings: VoiceSettings) -> Voice:
    try:
        azure = importlib.import_module("livekit.plugins.azure")
    except ImportError:
        raise LocalError(
            "AGENT_TTS is azure, and livekit-plugins-azure is not installed.",
            "Install realtime-agent[azure].",
        ) from None
    given = {"voice": settings.agent_tts_voice} if settings.agent_tts_voice else {}
    voice: Voice = azure.TTS(**given)
    return voice
