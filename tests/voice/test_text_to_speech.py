"""A voice of one's own: which, from where, and sentence by sentence."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from agent.config.settings import Settings
from agent.config.validation import check_settings, read_settings
from agent.errors import LocalError
from agent.local.audio import is_speech
from agent.local.standin import StandIn, StandInOptions
from agent.voice.text_to_speech import Voice, create_tts

OPENAI = {"OPENAI_API_KEY": "sk-test", "AGENT_VOICE_FROM": "tts"}


def created_tts(environ: dict[str, str], directory: Path) -> Voice:
    settings = read_settings(environ, directory)
    options = settings.voice.speech_options()
    assert options is not None
    return create_tts(options, settings)


def test_the_model_speaks_unless_told_otherwise(tmp_path: Path) -> None:
    assert read_settings({"OPENAI_API_KEY": "sk"}, tmp_path).voice.speech_options() is None


def test_text_alone_is_fine_where_something_speaks_it(tmp_path: Path) -> None:
    report = check_settings(OPENAI, tmp_path)
    assert report.problems == []
    assert report.session["output_modalities"] == ["text"]
    report = check_settings({**OPENAI, "REALTIME_OUTPUT_MODALITIES": "audio"}, tmp_path)
    assert "the model is asked for audio" in str(report.problems[0])


async def test_the_stand_in_is_a_voice_without_a_key(tmp_path: Path) -> None:
    async with StandIn(StandInOptions()) as stand_in:
        environ = {**OPENAI, "AGENT_TTS_BASE_URL": f"{stand_in.url}/v1", "AGENT_TTS_VOICE": "ash"}
        voice = created_tts(environ, tmp_path)
        async with voice.stream() as stream:
            stream.push_text("Good morning. How can I help you today")
            began = time.monotonic()
            first = await stream.__anext__()
            assert time.monotonic() - began < 5, "the first sentence waits for the second"
            stream.end_input()
            pcm = bytes(first.frame.data) + b"".join(
                [bytes(audio.frame.data) async for audio in stream]
            )
        await voice.aclose()
    assert is_speech(pcm)


def test_a_factory_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Capabilities:
        streaming = True

    class Own:
        capabilities = Capabilities()

    given: list[object] = []
    module: Any = ModuleType("our_voice")

    def make(settings: object) -> Own:
        given.append(settings)
        return Own()

    module.make = make
    monkeypatch.setitem(sys.modules, "our_voice", module)
    voice: Any = created_tts({**OPENAI, "AGENT_TTS": "our_voice:make"}, tmp_path)
    assert isinstance(voice, Own)
    assert isinstance(given[0], Settings)


@pytest.mark.parametrize("name", ["azure", "nowhere:make", "json:make", "nonsense"])
def test_a_voice_that_cannot_be_had(name: str, tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="AGENT_TTS"):
        created_tts({**OPENAI, "AGENT_TTS": name}, tmp_path)


def test_openai_tts_beside_azure_service_uses_openai_address_and_key(tmp_path: Path) -> None:
    azure = {
        "REALTIME_DIALECT": "azure_ga",
        "AZURE_OPENAI_ENDPOINT": "https://res.openai.azure.com",
        "AZURE_OPENAI_API_KEY": "azure-key",
        "AZURE_OPENAI_DEPLOYMENT": "speech",
        "OPENAI_BASE_URL": "https://tts.example/v1",
    }
    options = read_settings({**OPENAI, **azure}, tmp_path).voice.speech_options()
    assert options is not None
    assert (options.base_url, options.api_key) == ("https://tts.example/v1", "sk-test")
