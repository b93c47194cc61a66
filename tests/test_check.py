"""All that is wrong with the settings, at once, and where it came from."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.check import check_settings, read_settings
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
        return settings.dialect.name, settings.service

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
    assert read_settings(both, tmp_path).endpoint.host == "res.openai.azure.com"


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
    assert settings.agent_welcome == "Say hello."
    assert session["max_output_tokens"] == 100
    assert session["turn_detection.silence_duration_ms"] == 400
    assert session["turn_detection.threshold"] == 0.4
    assert session["turn_detection.prefix_padding_ms"] == 200
    with pytest.raises(SettingsError, match="environment, as OPENAI_TEMPERATURE"):
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
        "AGENT_ENV_FILE (environment): Cannot read 'nowhere': there is no such file. "
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
