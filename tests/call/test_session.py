from __future__ import annotations

import sys

import pytest

from agent.call.session import _detector, load_detector
from agent.config.settings import Settings, VoiceSettings
from agent.voice.turn_detection import get_preset
from tests.kit.programs import run


@pytest.mark.slow
async def test_prewarm_in_local_mode_loads_the_detector() -> None:
    """It takes hundreds of milliseconds, in which the caller of the process would wait."""
    program = (
        "import sys; from agent import worker; from agent.processes import Prewarm;"
        " Prewarm(worker.settings)(None);"
        " print('onnxruntime' in sys.modules, worker.settings.voice.turn_taking)"
    )
    environ = {
        "OPENAI_API_KEY": "key",
        "AGENT_TURN_TAKING": "local",
        "LIVEKIT_URL": "ws://127.0.0.1:1",
        "LIVEKIT_API_KEY": "key",
        "LIVEKIT_API_SECRET": "secret",
    }
    ended = await run("-c", program, program=(), environ=environ)
    assert ended.out.split() == ["True", "local"], ended.err


def test_load_detector_in_local_mode_keeps_it_for_the_call() -> None:
    load_detector(Settings(voice=VoiceSettings(turn_taking="local")))
    loaded = _detector.cache_info().currsize
    assert _detector(get_preset("")) is _detector(get_preset(""))
    assert _detector.cache_info().currsize == loaded
    assert "onnxruntime" in sys.modules
