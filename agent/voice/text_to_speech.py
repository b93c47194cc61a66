"""The voice that speaks a text answer: a LiveKit TTS plugin, by setting or by a factory."""

from __future__ import annotations

import importlib
from typing import Any

from livekit.agents import tts

from agent.errors import LocalError
from agent.voice.sentence_splitter import SentenceSplitter
from agent.voice.speech_options import SpeechOptions

Voice = tts.TTS[Any]
OPENAI = "openai"
AZURE = "azure"


def create_tts(options: SpeechOptions, settings: object) -> Voice:
    """The TTS of a call, sentence by sentence. A function that ``options`` names is given
    ``settings``.

    Raises ``LocalError`` where its plugin or its factory is not there.
    """
    voice = _create(options, settings)
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


def _create(options: SpeechOptions, settings: object) -> Voice:
    if options.plugin in ("", OPENAI):
        return _openai(options)
    if options.plugin == AZURE:
        return _azure(options)
    voice: Voice = _custom_factory(options.plugin)(settings)
    return voice


def _custom_factory(name: str) -> Any:
    module, _, function = name.partition(":")
    try:
        return getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise LocalError(
            f"AGENT_TTS '{name}' cannot be had: {error}.",
            "Set openai, azure, or MODULE:FUNCTION, a function of the settings that returns a TTS.",
        ) from None


def _openai(options: SpeechOptions) -> Voice:
    from livekit.plugins import openai

    given: dict[str, Any] = {"response_format": "pcm"}
    if options.voice:
        given["voice"] = options.voice
    given["base_url"] = options.base_url
    # A server of one's own may want no key; the plugin always does.
    given["api_key"] = options.api_key or "none"
    return openai.TTS(**given)


def _azure(options: SpeechOptions) -> Voice:
    try:
        azure = importlib.import_module("livekit.plugins.azure")
    except ImportError:
        raise LocalError(
            "AGENT_TTS is azure, and livekit-plugins-azure is not installed.",
            "Install realtime-agent[azure].",
        ) from None
    given = {"voice": options.voice} if options.voice else {}
    voice: Voice = azure.TTS(**given)
    return voice
