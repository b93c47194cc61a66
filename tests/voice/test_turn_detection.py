"""Modes and presets, and what they say to the service."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent.config.validation import check_settings
from agent.voice.turn_detection import DEFAULT, MODES, PRESETS, get_preset, session_parameters

OPENAI = {"OPENAI_API_KEY": "sk-test"}


@pytest.mark.parametrize("mode", ["", *MODES])
@pytest.mark.parametrize("name", ["", *PRESETS])
@pytest.mark.parametrize("dialect", ["openai_ga", "azure_ga", "azure_preview", "openai_beta"])
def test_every_mode_with_every_preset_is_valid_in_every_dialect(
    mode: str, name: str, dialect: str, tmp_path: Path
) -> None:
    environ = {
        **OPENAI,
        "AGENT_TURN_TAKING": mode,
        "AGENT_TURN_TAKING_PRESET": name,
        "REALTIME_DIALECT": dialect,
    }
    report = check_settings(environ, tmp_path)
    assert report.problems == []
    detection = report.settings.session["turn_detection.type"]
    assert detection == ({"local": None, "push_to_talk": None}.get(mode, mode or "server_vad"))


@pytest.mark.parametrize(
    ("environ", "name", "value"),
    [
        ({"AGENT_TURN_TAKING_PRESET": "noisy"}, "turn_detection.threshold", 0.75),
        (
            {"AGENT_TURN_TAKING_PRESET": "noisy", "REALTIME_TURN_DETECTION_THRESHOLD": "0.2"},
            "turn_detection.threshold",
            0.2,
        ),
        (
            {"AGENT_TURN_TAKING": "semantic_vad", "AGENT_TURN_TAKING_PRESET": "quiet"},
            "turn_detection.eagerness",
            "high",
        ),
    ],
)
def test_a_preset_stands_above_defaults_and_below_what_is_set(
    environ: dict[str, str], name: str, value: Any, tmp_path: Path
) -> None:
    report = check_settings({**OPENAI, **environ}, tmp_path)
    assert report.problems == []
    assert report.settings.session[name] == value


@pytest.mark.parametrize("mode", ["local", "push_to_talk", "semantic_vad"])
def test_two_who_take_turns_are_one_too_many(mode: str, tmp_path: Path) -> None:
    environ = {
        **OPENAI,
        "AGENT_TURN_TAKING": mode,
        "REALTIME_TURN_DETECTION_TYPE": "server_vad",
    }
    (problem,) = check_settings(environ, tmp_path).problems
    assert problem.setting == "AGENT_TURN_TAKING"


def test_without_a_choice_nothing_is_said() -> None:
    assert session_parameters("", "") == {}
    assert get_preset("") == PRESETS[DEFAULT]
