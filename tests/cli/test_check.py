"""``agent check``; that the worker says the same and connects to nothing is in test_bad_input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.kit.programs import run

SERVICE = {"REALTIME_SERVICE": "openai"}


async def checked(*arguments: str, **environ: str) -> tuple[int, dict[str, Any]]:
    program = ("check", "--json", "--without-secrets")
    ended = await run(*program, *arguments, environ={**SERVICE, **environ})
    return ended.code, json.loads(ended.out)


@pytest.mark.parametrize(
    ("dialect", "pair", "code", "param"),
    [
        ("azure_preview", "temperature=0", "decimal_below_min_value", "session.temperature"),
        ("openai_beta", "temperature=1.3", "decimal_above_max_value", "session.temperature"),
        ("openai_ga", "temperature=0", "unknown_parameter", "session.temperature"),
        ("openai_ga", "max_output_tokens=4097", "integer_above_max_value", None),
        ("azure_ga", "voice=nova", "invalid_value", "session.audio.output.voice"),
        ("openai_ga", "turn_detection.threshold=1.2", "decimal_above_max_value", None),
        ("openai_ga", "speed=99", "decimal_above_max_value", "session.audio.output.speed"),
    ],
)
async def test_a_broken_rule(dialect: str, pair: str, code: str, param: str | None) -> None:
    exit_code, report = await checked("--dialect", dialect, "--set", pair)
    assert exit_code == 2
    assert report["ok"] is False
    (problem,) = report["problems"]
    assert problem["code"] == code
    assert param is None or problem["param"] == param
    assert problem["source"] == "--set"
    assert problem["fix"]


async def test_a_valid_set_prints_the_session_as_it_would_leave() -> None:
    code, report = await checked(
        *("--dialect", "azure_preview", "--model", "gpt-realtime"),
        *("--set", "temperature=0.8", "--set", "max_output_tokens=500"),
        *("--set", "turn_detection.eagerness=low", "--set", "REALTIME_TRANSCRIPTION_MODEL=w"),
    )
    assert (code, report["ok"], report["problems"]) == (0, True, [])
    assert report["dialect"] == "azure_preview"
    assert report["model"] == "gpt-realtime"
    assert report["session"] == {
        "voice": "alloy",
        "temperature": 0.8,
        "max_response_output_tokens": 500,
        "turn_detection": {"type": "semantic_vad", "eagerness": "low"},
        "input_audio_transcription": {"model": "w"},
    }


async def test_all_problems_at_once_and_of_every_kind(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("REALTIME_SPEED=9\nREALTIME_SPED=1\n")
    code, report = await checked(
        *("--env-file", str(tmp_path / "env"), "--set", "voice=nova", "--set", "nonsense"),
        *("--set", "bogus=1", "--overrides", '{"session": {"speed": 0}}'),
    )
    assert code == 2
    assert len(report["problems"]) == 6
    sources = {problem["source"] for problem in report["problems"]}
    assert sources == {"--set", str(tmp_path / "env"), "job metadata"}


async def test_messages_are_printed_as_lines() -> None:
    ended = await run("check", "--without-secrets", "--set", "speed=99", environ=SERVICE)
    assert ended.code == 2
    assert ended.out.startswith(
        "problem: REALTIME_SPEED=99 is above the maximum of 1.5 (set with --set)."
    )
    well = await run("check", "--without-secrets", environ=SERVICE)
    assert well.code == 0
    assert "All is well: openai_ga (openai), gpt-realtime-2.1." in well.out


async def test_check_and_start_refuse_the_same_with_all_problems_at_once(tmp_path: Path) -> None:
    environ = {"AGENT_PERSONA": "nobody", "REALTIME_SPEED": "9", **SERVICE}
    check = await run("check", environ=environ)
    start = await run("start", environ=environ)
    assert check.code == start.code == 2
    problems = [line.removeprefix("problem: ") for line in check.out.splitlines()]
    problems = [line for line in problems if not line.startswith("note: ")]
    assert problems == start.err.splitlines()
    for name in ("OPENAI_API_KEY", "LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"):
        assert len([line for line in problems if line.startswith(f"{name} is not set")]) == 1
    assert len(problems) == 6
    without = await run("check", "--without-secrets", environ=environ)
    assert without.code == 2
    assert len([line for line in without.out.splitlines() if line.startswith("problem: ")]) == 2


async def test_no_traceback_for_an_env_file_that_is_not_utf_8(tmp_path: Path) -> None:
    (tmp_path / "env").write_bytes(b"AGENT_WELCOME=caf\xe9\n")
    ended = await run("check", "--without-secrets", "--env-file", str(tmp_path / "env"))
    assert ended.code == 2
    assert "is not UTF-8 text (line 1)" in ended.out
    assert ended.err == ""


async def test_a_key_in_another_setting_is_not_printed() -> None:
    key = "sk-proj-0123456789abcdefghij"
    environ = {"REALTIME_SERVICE": "compatible", "REALTIME_MODEL": key, "REALTIME_VOICE": key}
    for options in ((), ("--json",)):
        ended = await run("check", "--without-secrets", *options, environ=environ)
        assert ended.code == 0
        assert key not in ended.out + ended.err
