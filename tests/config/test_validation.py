"""All that is wrong with the settings, at once, and where it came from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.config.overrides import apply_metadata
from agent.config.settings import read_livekit_settings
from agent.config.validation import check_settings, read_settings
from agent.errors import SettingsError

OPENAI = {"OPENAI_API_KEY": "sk-test"}
AZURE = {
    "AZURE_OPENAI_ENDPOINT": "https://res.openai.azure.com",
    "AZURE_OPENAI_API_KEY": "azure-key",
    "AZURE_OPENAI_DEPLOYMENT": "speech",
}


def test_the_dialect_and_the_service_follow_from_what_is_set(tmp_path: Path) -> None:
    def of(environ: dict[str, str]) -> tuple[str, str]:
        settings = read_settings(environ, tmp_path)
        return settings.service.dialect_name, settings.service.kind

    assert of(OPENAI) == ("openai_ga", "openai")
    assert of(AZURE) == ("azure_ga", "azure")
    assert of({**AZURE, "OPENAI_API_VERSION": "2025-04-01-preview"}) == ("azure_preview", "azure")
    assert of({**OPENAI, "OPENAI_BASE_URL": "https://eu.api.openai.com/v1"}) == (
        "openai_ga",
        "openai",
    )
    assert of({**OPENAI, "OPENAI_BASE_URL": "http://localhost:8000/v1"}) == (
        "openai_ga",
        "compatible",
    )


def test_two_services_and_no_dialect(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="which is it"):
        read_settings({**OPENAI, **AZURE}, tmp_path)
    both = {**OPENAI, **AZURE, "REALTIME_DIALECT": "azure_ga"}
    assert read_settings(both, tmp_path).service.endpoint.host == "res.openai.azure.com"


def test_lists_are_open_on_a_compatible_server(tmp_path: Path) -> None:
    other = {"REALTIME_VOICE": "af_heart", "REALTIME_MODEL": "my-model"}
    with pytest.raises(SettingsError) as caught:
        read_settings({**OPENAI, **other}, tmp_path)
    assert len(caught.value.problems) == 2
    report = check_settings({**OPENAI, **other, "REALTIME_SERVICE": "compatible"}, tmp_path)
    assert report.problems == []
    assert any("af_heart" in warning for warning in report.warnings)
    bad = {**OPENAI, **other, "REALTIME_SERVICE": "compatible", "REALTIME_SPEED": "99"}
    assert len(check_settings(bad, tmp_path).problems) == 1


def test_aliases_stand_below_canonical_names(tmp_path: Path) -> None:
    aliases = {
        "OPENAI_API_MODEL": "gpt-realtime-2.1-mini",
        "OPENAI_VOICE": "ash",
        "OPENAI_INSTRUCTIONS": "Be brief.",
        "OPENAI_WELCOME_MSG": "Say hello.",
        "OPENAI_MAX_TOKENS": "100",
        "OPENAI_TURN_DETECT_TYPE": "server_vad",
        "OPENAI_TURN_DETECT_SILENCE_MS": "400",
        "OPENAI_TURN_DETECT_THRESHOLD": "0.4",
        "OPENAI_TURN_DETECT_PREFIX_MS": "200",
    }
    settings = read_settings({**OPENAI, **aliases, "REALTIME_VOICE": "coral"}, tmp_path)
    session = settings.session
    assert session["voice"] == "coral"
    assert session["model"] == "gpt-realtime-2.1-mini"
    assert session["instructions"] == "Be brief."
    assert settings.voice.welcome == "Say hello."
    assert session["max_output_tokens"] == 100
    assert session["turn_detection.silence_duration_ms"] == 400
    assert session["turn_detection.threshold"] == 0.4
    assert session["turn_detection.prefix_padding_ms"] == 200
    with pytest.raises(SettingsError, match="environment as OPENAI_TEMPERATURE"):
        read_settings({**OPENAI, "OPENAI_TEMPERATURE": "0.8"}, tmp_path)


def test_there_is_no_other_engine(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no other engine"):
        read_settings({**OPENAI, "OPENAI_DISABLE": "1"}, tmp_path)
    read_settings({**OPENAI, "OPENAI_DISABLE": "0"}, tmp_path)


def test_a_flat_name_is_a_name(tmp_path: Path) -> None:
    environ = {**OPENAI, "REALTIME_MAX_RESPONSE_OUTPUT_TOKENS": "50"}
    assert read_settings(environ, tmp_path).session["max_output_tokens"] == 50
    environ["REALTIME_MAX_OUTPUT_TOKENS"] = "60"
    assert read_settings(environ, tmp_path).session["max_output_tokens"] == 60


def test_a_misspelt_name_of_ours_is_a_warning_and_a_strangers_is_not(tmp_path: Path) -> None:
    environ = {**OPENAI, "AGENT_WELCOM": "hi", "AGENT_NAME": "x", "AGENT_BUILDDIRECTORY": "/x"}
    (warning,) = check_settings(environ, tmp_path).warnings
    assert warning == "AGENT_WELCOM (environment) is no setting: did you mean AGENT_WELCOME?"


def test_text_alone_would_be_a_silent_call(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="silent call"):
        read_settings({**OPENAI, "REALTIME_OUTPUT_MODALITIES": "text"}, tmp_path)


@pytest.mark.parametrize(
    "environ",
    [
        {**OPENAI, "REALTIME_TEMPERATURE": "0.8"},
        {**OPENAI, "REALTIME_MODEL": "gpt-realtime-1.5", "REALTIME_REASONING_EFFORT": "low"},
        {**AZURE, "REALTIME_DIALECT": "azure_preview", "REALTIME_SPEED": "1.1"},
    ],
)
def test_what_is_unsupported_can_be_dropped(environ: dict[str, str], tmp_path: Path) -> None:
    assert len(check_settings(environ, tmp_path).problems) == 1
    report = check_settings({**environ, "REALTIME_UNSUPPORTED": "drop"}, tmp_path)
    assert report.problems == []
    assert len([warning for warning in report.warnings if "is left out" in warning]) == 1
    assert not {"temperature", "speed", "reasoning"} & set(report.session)


def test_a_mistake_is_not_dropped(tmp_path: Path) -> None:
    environ = {**OPENAI, "REALTIME_SPEED": "99", "REALTIME_UNSUPPORTED": "drop"}
    assert len(check_settings(environ, tmp_path).problems) == 1


def test_a_model_with_a_last_day_is_told_by_it(tmp_path: Path) -> None:
    report = check_settings({**OPENAI, "REALTIME_MODEL": "gpt-realtime"}, tmp_path)
    assert report.problems == []
    assert "2027-01-20" in report.warnings[0]


def test_an_env_file_that_is_named_and_not_there(tmp_path: Path) -> None:
    (problem,) = check_settings({**OPENAI, "AGENT_ENV_FILE": "nowhere"}, tmp_path).problems
    assert str(problem) == (
        "AGENT_ENV_FILE: Cannot read 'nowhere': there is no such file (set in the environment). "
        "Name one that is."
    )


def test_malformed_addresses(tmp_path: Path) -> None:
    for url in ("api.openai.com", "http://[", "ftp://x"):
        report = check_settings({**OPENAI, "OPENAI_BASE_URL": url}, tmp_path)
        assert [problem.setting for problem in report.problems] == ["OPENAI_BASE_URL"]


@pytest.mark.parametrize("name", ["REALTIME_INSTRUCTIONS", "AGENT_WELCOME", "OPENAI_INSTRUCTIONS"])
def test_bytes_that_are_not_utf8_are_told_with_their_setting(name: str, tmp_path: Path) -> None:
    environ = {"OPENAI_API_KEY": "sk", name: b"caf\xe9".decode(errors="surrogateescape")}
    (told,) = check_settings({**environ, "SOME_OTHER": environ[name]}, tmp_path).problems
    assert "is not valid UTF-8" in str(told)
    str(told).encode()


def test_an_object_that_cannot_be_json_is_a_problem(tmp_path: Path) -> None:
    environ = {"OPENAI_API_KEY": "sk", "REALTIME_TRACING": '{"metadata": {"a": 1e400}}'}
    (told,) = check_settings(environ, tmp_path).problems
    assert told.setting == "REALTIME_TRACING"


def test_an_unknown_transcription_model_is_a_warning(tmp_path: Path) -> None:
    environ = {"OPENAI_API_KEY": "sk", "REALTIME_TRANSCRIPTION_MODEL": "gpt-transcribe-2027"}
    report = check_settings(environ, tmp_path)
    assert report.problems == []
    assert any("gpt-transcribe-2027" in warning for warning in report.warnings)


KEY = "sk-proj-0123456789abcdefghij"


@pytest.mark.parametrize(
    ("environ", "file"),
    [
        ({"OPENAI_BASE_URL": f"https://user:{KEY}@host:port/v1"}, ""),
        ({"OPENAI_BASE_URL": "user:hunter2pass@host"}, ""),
        ({"OPENAI_BASE_URL": "https://user:hunter2pass@host/v1"}, ""),
        ({"OPENAI_BASE_URL": "https://user:hunter2/pass@host/v1"}, ""),
        ({"OPENAI_BASE_URL": KEY}, ""),
        ({"LIVEKIT_URL": "wss://user:hunter2pass@host"}, ""),
        ({"REALTIME_VOICE": KEY}, ""),
        ({"REALTIME_MODEL": KEY}, ""),
        ({"REALTIME_DIALECT": KEY}, ""),
        ({"REALTIME_SPEED": KEY}, ""),
        ({"AGENT_PERSONA": KEY}, ""),
        ({"AGENT_GREETING_AUDIO": KEY}, ""),
        (
            {"LIVEKIT_API_SECRET": "hunter2pass-of-mine", "REALTIME_VOICE": "hunter2pass-of-mine"},
            "",
        ),
        ({"OPENAI_API_KEY_FILE": KEY, "OPENAI_API_KEY": ""}, ""),
        ({"LIVEKIT_API_SECRET_FILE": "hunter2pass"}, ""),
        ({"AZURE_OPENAI_API_KEY_FILE": "hunter2pass/abc+def"}, ""),
        ({}, f'OPENAI_API_KEY="{KEY}\n'),
        ({}, f"{KEY}\n"),
    ],
)
def test_no_problem_shows_a_secret(environ: dict[str, str], file: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(file)
    report = check_settings({**OPENAI, **environ}, tmp_path)
    assert report.problems
    for said in (*map(str, report.problems), *report.warnings, str(report.problems[0].as_dict())):
        assert KEY not in said
        assert "hunter2" not in said


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("sk-one\nsk-two", "character 7 of 13 is a line break"),
        ("sk-one two", "character 7 of 10 is a space"),
        ("sk-\u00e9", "character 4 of 4 is not ASCII"),
        ("sk-\udcff", "character 4 of 4 is not ASCII"),
    ],
)
def test_a_key_that_no_header_can_carry_is_a_problem(key: str, told: str, tmp_path: Path) -> None:
    (problem,) = check_settings({"OPENAI_API_KEY": key}, tmp_path).problems
    assert problem.setting == "OPENAI_API_KEY"
    assert told in str(problem)
    (tmp_path / "key").write_bytes(key.encode(errors="surrogateescape") + b"\n")
    assert check_settings({"OPENAI_API_KEY_FILE": str(tmp_path / "key")}, tmp_path).problems


def test_a_url_with_a_password_is_a_problem(tmp_path: Path) -> None:
    for name in ("OPENAI_BASE_URL", "LIVEKIT_URL", "REALTIME_FALLBACK_BASE_URL"):
        report = check_settings({**OPENAI, name: "https://me:pass@host/v1"}, tmp_path)
        (problem,) = [each for each in report.problems if each.setting == name]
        assert str(problem).startswith(
            f"{name} holds a user name or a password: "
            "'https://(hidden)@host/v1' (set in the environment)."
        )


def test_a_service_session_without_turn_detection_is_a_problem(tmp_path: Path) -> None:
    environ = {**OPENAI, "REALTIME_TURN_DETECTION_TYPE": "none"}
    (problem,) = check_settings(environ, tmp_path).problems
    assert problem.setting == "REALTIME_TURN_DETECTION_TYPE"
    for mode in ("local", "push_to_talk"):
        assert not check_settings({**environ, "AGENT_TURN_TAKING": mode}, tmp_path).problems


def test_service_turns_that_nobody_answers_are_a_problem(tmp_path: Path) -> None:
    name = "REALTIME_TURN_DETECTION_CREATE_RESPONSE"
    environ = {**OPENAI, name: "false"}
    (problem,) = check_settings(environ, tmp_path).problems
    assert problem.setting == name
    metadata = '{"session": {"turn_detection": {"create_response": false}}}'
    overridden = apply_metadata(metadata, check_settings(OPENAI, tmp_path).settings)
    (problem,) = overridden.problems
    assert problem.setting == name
    assert overridden.settings.session["turn_detection.create_response"] is not False


def test_a_persona_without_instructions_is_a_problem(tmp_path: Path) -> None:
    environ = {**OPENAI, "AGENT_PERSONA": "nobody"}
    (problem,) = check_settings(environ, tmp_path).problems
    assert "The persona 'nobody' has no instructions" in str(problem)
    assert not check_settings({**environ, "REALTIME_INSTRUCTIONS": "Hi."}, tmp_path).problems


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (
            b"AGENT_WELCOME=caf\xe9\n",
            ".env is not UTF-8 text (line 1) (set in .env). Save the file as UTF-8.",
        ),
        (
            b"A=1\nREALTIME_VOICE='ash\n",
            "a quote is not closed (set in .env). Correct the line",
        ),
        (b"A=1\n\nREALTIME_VOICE: ash\n", "Line 3 cannot be read"),
        (b"REALTIME_VOICE\n", "Line 1 names REALTIME_VOICE and gives it no value"),
    ],
)
def test_a_broken_env_file_is_a_problem(content: bytes, told: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(content)
    (problem,) = check_settings(OPENAI, tmp_path).problems
    assert told in str(problem)
    assert problem.source == ".env"
    with pytest.raises(SettingsError, match="UTF-8" if "UTF-8" in told else "Line"):
        read_livekit_settings({}, tmp_path)


def test_an_env_file_with_a_byte_order_mark_or_a_name_from_outside_is_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes("\ufeffREALTIME_VOICE=ash\n# note\nexport HOME\n".encode())
    report = check_settings({**OPENAI, "HOME": "/root"}, tmp_path)
    assert report.problems == []
    assert report.settings.session["voice"] == "ash"


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("temperature", "1e400", "=1e400 is greater than any number that can be sent"),
        ("temperature", "9" * 5000, "… (5000 characters) … 9999999999999 is greater than"),
        ("temperature", "warm", "=warm is not a number"),
        ("temperature", "", "= is empty, and a number is expected"),
        ("max_output_tokens", "1e400", "=1e400 is greater than any number"),
        ("tracing", '{"metadata": {"a": 1e400}}', "}} holds a number that cannot be sent"),
        ("tracing", '{"metadata": {"a": NaN}}', "}} holds a number that cannot be sent"),
        ("tracing", '{"metadata": {', "{ is not JSON: "),
    ],
)
def test_a_value_that_cannot_be_read_is_told_why(
    name: str, text: str, told: str, tmp_path: Path
) -> None:
    environ = {**OPENAI, "REALTIME_DIALECT": "openai_beta"}
    report = check_settings(environ, tmp_path, set_values={name: text})
    (problem,) = report.problems
    assert told in str(problem)
    assert len(str(problem)) < 2000
    json.dumps(report.session, allow_nan=False)


def test_two_names_of_one_setting_with_different_values_are_told(tmp_path: Path) -> None:
    environ = {
        **OPENAI,
        "OPENAI_MAX_TOKENS": "50",
        "REALTIME_MAX_RESPONSE_OUTPUT_TOKENS": "60",
        "REALTIME_VOICE": "ash",
        "OPENAI_VOICE": "coral",
    }
    report = check_settings(environ, tmp_path)
    assert report.settings.session["max_output_tokens"] == 50
    ignored = [warning for warning in report.warnings if "is ignored" in warning]
    assert ignored == [
        "OPENAI_VOICE (environment) is ignored: REALTIME_VOICE (environment) sets the same "
        "otherwise.",
        "REALTIME_MAX_RESPONSE_OUTPUT_TOKENS (environment) is ignored: REALTIME_MAX_OUTPUT_TOKENS "
        "(environment, as OPENAI_MAX_TOKENS) sets the same otherwise.",
    ]
    same = check_settings({**environ, "OPENAI_VOICE": "ash", "OPENAI_MAX_TOKENS": "60"}, tmp_path)
    assert not [warning for warning in same.warnings if "is ignored" in warning]
    twice = {"voice": "ash", "audio.output.voice": "coral"}
    (problem,) = check_settings(OPENAI, tmp_path, set_values=twice).problems
    assert "voice is set twice" in str(problem)
