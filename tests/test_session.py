from __future__ import annotations

import sys

import pytest

from agent.session import _detector, load_detector
from agent.settings import Settings
from agent.voice.turn_taking import preset
from tests.programs import run


@pytest.mark.slow
async def test_prewarm_in_local_mode_loads_the_detector() -> None:
    """It takes hundreds of milliseconds, in which the caller of the process would wait."""
    program = (
        "import sys; from agent import worker; worker.prewarm(None);"
        " print('onnxruntime' in sys.modules, worker.settings.agent_turn_taking)"
    )
    environ = {"OPENAI_API_KEY": "key", "AGENT_TURN_TAKING": "local"}
    ended = await run("-c", program, program=(), environ=environ)
    assert ended.out.split() == ["True", "local"], ended.err


def test_load_detector_in_local_mode_keeps_it_for_the_call() -> None:
    load_detector(Settings(agent_turn_taking="local"))
    loaded = _detector.cache_info().currsize
    assert _detector(preset("")) is _detector(preset(""))
    assert _detector.cache_info().currsize == loaded
    assert "onnxruntime" in sys.modules
