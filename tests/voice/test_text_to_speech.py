"""A voice of one's own: which, from where, and sentence by sentence."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from agent.config.validation import check_settings, read_settings
from agent.errors import LocalError
from agent.local.audio import is_speech
from agent.local.standin import StandIn, StandInOptions
from agent.voice.text_to_speech import create_tts

OPENAI = {"OPENAI_API_KEY": "sk-test", "AGENT_VOICE_FROM": "tts"}


def test_the_model_speaks_unless_told_otherwise(tmp_path: Path) -> None:
    assert create_tts(read_settings({"OPENAI_API_KEY": "sk"}, tmp_path)) is None


def test_text_alone_is_fine_where_something_speaks_it(tmp_path: Path) -> None:
    report = check_settings(OPENAI, tmp_path)
    assert report.problems == []
    assert report.session["output_modalities"] == ["text"]
    report = check_settings({**OPENAI, "REALTIME_OUTPUT_MODALITIES": "audio"}, tmp_path)
    assert "the model is asked for audio" in str(report.problems[0])


async def test_the_stand_in_is_a_voice_without_a_key(tmp_path: Path) -> None:
    async with StandIn(StandInOptions()) as stand_in:
        environ = {**OPENAI, "AGENT_TTS_BASE_URL": f"{stand_in.url}/v1", "AGENT_TTS_VOICE": "ash"}
        voice = create_tts(read_settings(environ, tmp_path))
        assert voice is not None
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

    module: Any = ModuleType("our_voice")
    module.make = lambda settings: Own()
    monkeypatch.setitem(sys.modules, "our_voice", module)
    voice: Any = create_tts(read_settings({**OPENAI, "AGENT_TTS": "our_voice:make"}, tmp_path))
    assert isinstance(voice, Own)


@pytest.mark.parametrize("name", ["azure", "nowhere:make", "json:make", "nonsense"])
def test_a_voice_that_cannot_be_had(name: str, tmp_path: Path) -> None:
    settings = read_settings({**OPENAI, "AGENT_TTS": name}, tmp_path)
    with pytest.raises(LocalError, match="AGENT_TTS"):
        create_tts(settings)
