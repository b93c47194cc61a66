"""What a job's metadata may change, and what becomes of the rest."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from agent.call.problems import MAX_PROBLEMS
from agent.config.overrides import apply_metadata, summary
from agent.config.settings import Settings
from agent.config.validation import read_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return read_settings({"OPENAI_API_KEY": "sk", "REALTIME_VOICE": "coral"}, tmp_path)


@pytest.fixture
def preview(tmp_path: Path) -> Settings:
    environ = {
        "REALTIME_DIALECT": "azure_preview",
        "AZURE_OPENAI_ENDPOINT": "https://res.openai.azure.com",
        "AZURE_OPENAI_API_KEY": "key",
        "AZURE_OPENAI_DEPLOYMENT": "speech",
        "REALTIME_TEMPERATURE": "0.7",
    }
    return read_settings(environ, tmp_path)


def session(**overrides: Any) -> str:
    return json.dumps({"session": overrides})


SEMANTIC = ("turn_detection.type", "semantic_vad")


@pytest.mark.parametrize(
    ("overrides", "name", "value"),
    [
        ({"voice": "ash"}, "voice", "ash"),
        ({"audio": {"output": {"voice": "ash"}}}, "voice", "ash"),
        ({"instructions": "Be brief."}, "instructions", "Be brief."),
        ({"max_response_output_tokens": 100}, "max_output_tokens", 100),
        ({"turn_detection": {"threshold": 0.7}}, "turn_detection.threshold", 0.7),
        ({"turn_detection.threshold": 0.7}, "turn_detection.threshold", 0.7),
        ({"audio": {"input": {"turn_detection": {"type": "semantic_vad"}}}}, *SEMANTIC),
        ({"turn_detection": {"eagerness": "low"}}, "turn_detection.type", "semantic_vad"),
        ({"input_audio_transcription": {"language": "de"}}, "transcription.language", "de"),
        ({"transcription": None}, "transcription.model", None),
        ({"noise_reduction": {"type": "near_field"}}, "noise_reduction", "near_field"),
        ({"noise_reduction": "near_field"}, "noise_reduction", "near_field"),
        ({"truncation": "disabled"}, "truncation", "disabled"),
    ],
)
def test_what_a_call_may_change(settings: Settings, overrides: Any, name: str, value: Any) -> None:
    taken = apply_metadata(session(**overrides), settings)
    assert taken.problems == []
    assert taken.settings.session[name] == value
    assert settings.session["voice"] == "coral"


def test_no_metadata_changes_nothing(settings: Settings) -> None:
    for metadata in ("", "  ", "{}", '{"session": {}}', '{"phone_number": "+15550100"}'):
        taken = apply_metadata(metadata, settings)
        assert taken.problems == []
        assert taken.settings.session.values == settings.session.values


def test_a_call_may_take_turns_otherwise(settings: Settings) -> None:
    metadata = '{"turn_taking": "local", "turn_taking_preset": "noisy"}'
    taken = apply_metadata(metadata, settings)
    assert taken.problems == []
    assert taken.settings.voice.turn_taking == "local"
    assert taken.settings.voice.turn_taking_preset == "noisy"
    assert taken.settings.session["turn_detection.type"] is None
    semantic = apply_metadata('{"turn_taking": "semantic_vad"}', taken.settings)
    assert semantic.settings.session["turn_detection.type"] == "semantic_vad"
    for bad in ('{"turn_taking": "shouting"}', '{"turn_taking": []}', '{"turn_taking_preset": 5}'):
        refused = apply_metadata(bad, settings)
        assert len(refused.problems) == 1
        assert refused.settings.voice.turn_taking == ""


def test_a_call_may_not_contradict_its_mode(settings: Settings) -> None:
    local = apply_metadata('{"turn_taking": "local"}', settings).settings
    taken = apply_metadata(session(turn_detection={"type": "server_vad"}), local)
    assert len(taken.problems) == 1
    assert taken.settings.session["turn_detection.type"] is None


def test_a_bad_field_falls_back_alone(preview: Settings) -> None:
    taken = apply_metadata(session(temperature=0, voice="ash", speed=1.2), preview)
    assert taken.settings.session["temperature"] == 0.7
    assert taken.settings.session["voice"] == "ash"
    assert taken.settings.session["speed"] is None
    low, lacking = (problem.as_dict() for problem in taken.problems)
    assert low["code"] == "decimal_below_min_value"
    assert low["param"] == "session.temperature"
    assert low["source"] == "job metadata"
    assert lacking["code"] == "unknown_parameter"


@pytest.mark.parametrize(
    "overrides",
    [
        {"openai_api_key": "sk-stolen"},
        {"OPENAI_BASE_URL": "https://elsewhere"},
        {"model": "gpt-realtime-mini"},
        {"prompt": "pmpt_1"},
        {"tools": []},
        {"bogus": 1},
        {"audio": {"input": {"format": {"type": "audio/pcmu"}}}},
        {"voice": "nova"},
        {"voice": None},
        {"speed": True},
        {"turn_detection": {"type": "server_vad", "eagerness": "low"}},
        {"turn_detection": {"bogus": 1}},
        {"turn_detection": "server_vad"},
        {"output_modalities": ["text"]},
        {"transcription": {"model": "whisper-1", "keywords": ["a"]}},
        {"instructions": 5},
        {"max_output_tokens": 4097},
        {"temperature": 0.8},
        {"turn_detection": None},
        {"audio": "x"},
        {"audio": None},
        {"audio": {"input": []}},
        {"type": "transcription"},
        {"voice": "ash", "audio": {"output": {"voice": "coral"}}},
    ],
)
def test_what_it_may_not(settings: Settings, overrides: Any) -> None:
    taken = apply_metadata(session(**overrides), settings)
    assert taken.problems
    assert apply_metadata("", taken.settings).settings.service.endpoint == settings.service.endpoint
    for name, value in settings.session.values.items():
        if not name.startswith(("turn_detection", "transcription")):
            assert taken.settings.session[name] == value


@pytest.mark.parametrize(
    "metadata",
    [
        "hello",
        "[1]",
        "5",
        '"text"',
        '{"session": 5}',
        '{"sessions": {}}',
        "[" * 60_000,
        '{"a":' * 12_000,
        '{"session": {"speed": 1e400}}',
        '{"session": {"truncation": {"type": "retention_ratio", "retention_ratio": NaN}}}',
        json.dumps({f"key{number}": 1 for number in range(5000)}),
        '{"session": {"voice": ' + "9" * 50_000 + "}}",
        json.dumps({"session": {"instructions": "x" * 70_000}}),
        '{"session": ' + '{"turn_detection": ' * 3000 + "1" + "}" * 3001,
    ],
)
def test_metadata_of_any_kind_costs_its_own_refusal_only(settings: Settings, metadata: str) -> None:
    began = time.perf_counter()
    taken = apply_metadata(metadata, settings)
    assert time.perf_counter() - began < 1
    assert taken.problems
    assert all(len(str(problem)) < 600 for problem in taken.problems)
    assert taken.settings.session.values == settings.session.values


@pytest.mark.parametrize(
    "metadata",
    [
        '{"session": {"instructions": "\\ud83d"}}',
        '{"session": {"instructions": "\\uD83D"}}',
        '{"session": {"instructions": "\udcff"}}',
        '{"session": {"\\udcff": 1}}',
    ],
)
def test_half_a_character_never_leaves(settings: Settings, metadata: str) -> None:
    taken = apply_metadata(metadata, settings)
    (reported,) = taken.problems
    str(reported).encode()
    assert taken.settings.session["instructions"] == settings.session["instructions"]


def test_a_whole_character_leaves(settings: Settings) -> None:
    taken = apply_metadata('{"session": {"instructions": "\\ud83d\\ude00"}}', settings)
    assert taken.problems == []
    assert taken.settings.session["instructions"] == "\N{GRINNING FACE}"


def test_turn_detection_may_be_off_where_the_worker_takes_the_turns(settings: Settings) -> None:
    taken = apply_metadata(
        '{"turn_taking": "local", "session": {"turn_detection": null}}', settings
    )
    assert taken.problems == []
    assert taken.settings.session["turn_detection.type"] is None


def test_many_problems_are_few_lines_and_a_short_attribute(settings: Settings) -> None:
    bad = {f"key{number}\u2028": 1 for number in range(1000)}
    metadata = json.dumps({"session": {"voice": "\u2028" * 30_000, **bad}}, ensure_ascii=False)
    problems = apply_metadata(metadata, settings).problems
    assert len(problems) > 1000
    lines = summary(problems)
    assert len(lines) == 11
    assert lines[-1] == f"job metadata: {len(problems) - 10} more problems."
    assert all(len(line) < 600 for line in lines)
    voice = next(each for each in problems if each.setting == "REALTIME_VOICE")
    reported = json.dumps([voice.as_dict()] * MAX_PROBLEMS)
    assert len(reported) < 64 * 1024


def test_a_problem_shows_no_key_of_the_workers(tmp_path: Path) -> None:
    environ = {"OPENAI_API_KEY": "a-key-of-another-kind"}
    settings = read_settings(environ, tmp_path)
    for key in (environ["OPENAI_API_KEY"], "sk-proj-0123456789abcdef"):
        (problem,) = apply_metadata(session(voice=key), settings).problems
        assert key not in str(problem)
        assert "(hidden)" in str(problem)


@pytest.mark.parametrize(
    ("metadata", "fix"),
    [
        ("[1]", "Pass a JSON object"),
        ("{", "Pass a JSON object"),
        ('{"session": 1}', "Pass a JSON object"),
        ('{"session": {"audio": "x"}}', "Put the parameters of 'audio' in an object."),
        ('{"session": {"type": "transcription"}}', "Remove 'type'."),
    ],
)
def test_problem_of_metadata_without_a_parameter_says_what_to_change(
    metadata: str, fix: str, tmp_path: Path
) -> None:
    settings = read_settings({"OPENAI_API_KEY": "sk-1"}, tmp_path)
    (problem,) = apply_metadata(metadata, settings).problems
    assert problem.setting == ""
    assert problem.fix.startswith(fix)
