"""Settings: where they come from, which wins, and what is said when they are wrong."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from pydantic import ValidationError

from agent.call.agent import MultimodalAgent
from agent.call.caller import Caller
from agent.call.info import CallInfo
from agent.config import instructions
from agent.config.environment import DeclaredName
from agent.config.overrides import apply_metadata
from agent.config.service import ServiceSettings
from agent.config.settings import SECTIONS, Settings, read_livekit_settings
from agent.config.sources import prepare_for_libraries, without_accounts
from agent.config.validation import check_settings, read_settings
from agent.errors import SettingsError
from agent.realtime.protocol.dialects import OPENAI_GA

OPENAI = {"OPENAI_API_KEY": "sk-test"}
AZURE = {
    "REALTIME_DIALECT": "azure_preview",
    "AZURE_OPENAI_ENDPOINT": "https://res.openai.azure.com",
    "AZURE_OPENAI_API_KEY": "azure-key",
    "AZURE_OPENAI_DEPLOYMENT": "speech",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def problems(environ: dict[str, str], folder: Path) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        read_settings(environ, folder)
    return [str(problem) for problem in caught.value.problems]


def test_a_key_is_all_that_openai_needs(folder: Path) -> None:
    settings = read_settings(OPENAI, folder)
    assert settings.service.dialect_name == "openai_ga"
    assert settings.livekit.agent_name == "realtime-agent"
    assert (
        settings.service.endpoint.url == "wss://api.openai.com/v1/realtime?model=gpt-realtime-2.1"
    )


def test_environment_over_env_local_over_env(folder: Path) -> None:
    (folder / ".env").write_text("LIVEKIT_URL=ws://one\nLIVEKIT_API_KEY=one\nAGENT_WELCOME=one\n")
    (folder / ".env.local").write_text("LIVEKIT_API_KEY=two\nAGENT_WELCOME=two\n")
    settings = read_settings({**OPENAI, "AGENT_WELCOME": "three"}, folder)
    assert settings.livekit.url == "ws://one"
    assert settings.livekit.api_key == "two"
    assert settings.voice.welcome == "three"


def test_a_named_env_file_replaces_the_usual_ones(folder: Path) -> None:
    (folder / ".env").write_text("AGENT_WELCOME=usual\n")
    (folder / "other").write_text("AGENT_WELCOME=other\n")
    assert read_settings({**OPENAI, "AGENT_ENV_FILE": "other"}, folder).voice.welcome == "other"
    default = Settings().voice.welcome
    assert read_settings({**OPENAI, "AGENT_ENV_FILE": ""}, folder).voice.welcome == default


def test_an_empty_welcome_lets_the_caller_speak_first(folder: Path) -> None:
    (folder / ".env").write_text("AGENT_WELCOME=usual\nLIVEKIT_AGENT_NAME=usual\n")
    emptied = {"AGENT_WELCOME": "", "LIVEKIT_AGENT_NAME": ""}
    assert read_settings({**OPENAI, "AGENT_WELCOME": ""}, folder).voice.welcome == ""
    # Of other settings, an empty value is none.
    name = read_settings({**OPENAI, **emptied}, folder).livekit.agent_name
    assert name == Settings().livekit.agent_name


def test_secrets_are_masked(folder: Path) -> None:
    settings = read_settings({**OPENAI, "LIVEKIT_API_SECRET": "hidden-secret"}, folder)
    shown = repr(settings) + str(settings) + repr(settings.service.endpoint)
    assert "sk-test" not in shown
    assert "hidden-secret" not in shown


def test_a_secret_from_a_file(folder: Path) -> None:
    (folder / "key").write_text("sk-from-file\n")
    settings = read_settings({"OPENAI_API_KEY_FILE": str(folder / "key")}, folder)
    assert settings.service.api_key.get_secret_value() == "sk-from-file"


def test_a_secret_file_that_is_missing(folder: Path) -> None:
    reported = problems({**AZURE, "OPENAI_API_KEY_FILE": "/nowhere"}, folder)
    assert reported == [
        "OPENAI_API_KEY_FILE: Cannot read '/nowhere': No such file or directory "
        "(set in the environment). Give a readable file."
    ]


async def test_keys_go_to_their_own_host_only(folder: Path) -> None:
    both = {**OPENAI, **AZURE}
    azure = read_settings(both, folder).service.endpoint
    openai = read_settings({**both, "REALTIME_DIALECT": "openai_ga"}, folder).service.endpoint
    assert azure.host == "res.openai.azure.com"
    assert await azure.credential.headers(azure.host) == {"api-key": "azure-key"}
    assert openai.host == "api.openai.com"
    assert await openai.credential.headers(openai.host) == {"Authorization": "Bearer sk-test"}


def test_an_azure_api_version_selects_the_preview(folder: Path) -> None:
    environ = {**AZURE, "REALTIME_DIALECT": "", "OPENAI_API_VERSION": "2024-10-01-preview"}
    settings = read_settings(environ, folder)
    assert settings.service.dialect_name == "azure_preview"
    assert settings.service.endpoint.url == (
        "wss://res.openai.azure.com/openai/realtime"
        "?api-version=2024-10-01-preview&deployment=speech"
    )


TEMPERATURE_0 = (
    "REALTIME_TEMPERATURE=0 is below the minimum of 0.6 (set in the environment). "
    "Use 0.6 to 1.2, or remove it to use the service's default."
)


@pytest.mark.parametrize(
    ("environ", "reported"),
    [
        ({**AZURE, "REALTIME_TEMPERATURE": "0"}, TEMPERATURE_0),
        (
            {**AZURE, "REALTIME_TEMPERATURE": "warm"},
            "REALTIME_TEMPERATURE=warm is not a number (set in the environment). "
            "Use 0.6 to 1.2, or remove it to use the service's default.",
        ),
        (
            {**OPENAI, "REALTIME_TEMPERATURE": "0.8"},
            "REALTIME_TEMPERATURE=0.8 cannot be sent: the dialect openai_ga has no temperature "
            "(set in the environment). "
            "Remove it: the GA API has no temperature, the instructions set the style.",
        ),
        (
            {**OPENAI, "REALTIME_MAX_OUTPUT_TOKENS": "0"},
            "REALTIME_MAX_OUTPUT_TOKENS=0 is below the minimum of 1 (set in the environment). "
            "Use inf, or 1 to 4096, or remove it to use the service's default.",
        ),
        (
            {**AZURE, "REALTIME_MAX_OUTPUT_TOKENS": "4097"},
            "REALTIME_MAX_OUTPUT_TOKENS=4097 is above the maximum of 4096 (set in the "
            "environment). Use inf, or 1 to 4096, or remove it to use the service's default.",
        ),
        (
            {**AZURE, "REALTIME_VOICE": "nova"},
            "REALTIME_VOICE=nova is not one of alloy, ash, ballad, coral, echo, sage, shimmer, "
            "verse (set in the environment). "
            "Use one of these, or remove it to use the default, alloy.",
        ),
        (
            {**AZURE, "REALTIME_OUTPUT_MODALITIES": "video"},
            'REALTIME_OUTPUT_MODALITIES=video would be refused by the service: "Invalid '
            "modalities: ['video']. Supported combinations are: ['text'] and ['audio', 'text'].\" "
            "(set in the environment). Use text, audio+text, or remove it to use the service's "
            "default.",
        ),
        (
            {**OPENAI, "REALTIME_TEMPERATUR": "1"},
            "Unknown setting: 'REALTIME_TEMPERATUR' (set in the environment). "
            "Did you mean REALTIME_TEMPERATURE?",
        ),
        ({}, "OPENAI_API_KEY is not set; openai_ga needs it. Set it."),
        (
            {**OPENAI, "OPENAI_BASE_URL": "api.openai.com"},
            "OPENAI_BASE_URL=api.openai.com is not a URL (set in the environment). "
            "Write https://HOST.",
        ),
        (
            {**OPENAI, "REALTIME_DIALECT": "klingon"},
            "REALTIME_DIALECT=klingon is not one of openai_ga, azure_ga, azure_preview, "
            "openai_beta (set in the environment). Use one of these, or remove it.",
        ),
        (
            {**OPENAI, "AGENT_RECORD_TO_CLOUD": "maybe"},
            "AGENT_RECORD_TO_CLOUD=maybe is not true or false (set in the environment). "
            "Use one of these, or remove it to use the default, false.",
        ),
        (
            {**OPENAI, "AGENT_HTTP_PORT": "99999"},
            "AGENT_HTTP_PORT=99999 is not a whole number from 0 to 65535 (set in the "
            "environment). Use 0 to 65535, or remove it.",
        ),
    ],
)
def test_one_line_names_value_rule_source_and_fix(
    environ: dict[str, str], reported: str, folder: Path
) -> None:
    assert problems(environ, folder) == [reported]


def test_all_problems_are_reported_at_once(folder: Path) -> None:
    environ = {"REALTIME_DIALECT": "azure_preview", "REALTIME_TEMPERATURE": "0"}
    reported = problems(environ, folder)
    assert len(reported) == 4
    assert TEMPERATURE_0 in reported


def test_numbers_that_are_none_reach_the_rules_as_they_are(folder: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings({**AZURE, "REALTIME_TEMPERATURE": "warm"}, folder)
    (problem,) = caught.value.problems
    assert "expected a decimal, but got a string instead" in problem.violation.message


def test_livekit_alone_needs_no_model(folder: Path) -> None:
    settings = read_livekit_settings({"LIVEKIT_URL": "ws://x", "LIVEKIT_API_KEY": "k"}, folder)
    assert settings.url == "ws://x"


def test_an_api_version_is_hidden_from_the_plugin_and_survives_it(folder: Path) -> None:
    environ = {**AZURE, "OPENAI_API_VERSION": "2024-10-01-preview", "LIVEKIT_URL": "ws://x"}
    settings = read_settings(environ, folder)
    prepare_for_libraries(environ, settings.livekit.for_libraries())
    assert "OPENAI_API_VERSION" not in environ
    assert read_settings(environ, folder).service.endpoint.url == settings.service.endpoint.url
    assert environ["LIVEKIT_AGENTS_PRELOAD_LOCAL_INFERENCE"] == "0"


def test_without_accounts_nothing_of_another_service_is_left() -> None:
    environ = {
        "PATH": "/bin",
        "LIVEKIT_URL": "wss://x",
        "OPENAI_API_KEY": "sk",
        "AZURE_OPENAI_API_KEY": "k",
        "https_proxy": "http://proxy",
        "REALTIME_VOICE": "cedar",
    }
    assert without_accounts(environ) == {
        "PATH": "/bin",
        "REALTIME_VOICE": "cedar",
        "AGENT_ENV_FILE": "",
    }


def test_instructions_after_a_broken_edit_are_those_that_the_worker_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instructions, "prompts_folder", lambda: folder)
    file = folder / "guide" / "instructions.md"
    file.parent.mkdir()
    file.write_text("Show the caller around.\n")
    settings = read_settings({**OPENAI, "AGENT_PERSONA": "guide"}, folder)
    file.write_bytes(b"\xff")
    of_job = pickle.loads(pickle.dumps(settings))
    metadata = '{"session": {"voice": "ash"}}'
    of_call = apply_metadata(metadata, of_job).settings
    agent = MultimodalAgent(CallInfo("room", Caller("caller"), of_call))
    assert agent.instructions == "Show the caller around."


def test_settings_in_a_job_process_equal_those_of_the_worker(folder: Path) -> None:
    settings = read_settings({**OPENAI, "REALTIME_FALLBACK_MODEL": "gpt-realtime-mini"}, folder)
    of_job = pickle.loads(pickle.dumps(settings))
    assert of_job == settings
    assert of_job.service.dialect is OPENAI_GA


@pytest.mark.parametrize(
    "declared",
    [each for section in SECTIONS.values() for each in section if each.field.annotation is str],
    ids=lambda declared: f"{declared.name}-{declared.field_name}",
)
def test_every_declared_name_sets_its_field(declared: DeclaredName, folder: Path) -> None:
    api = {"REALTIME_DIALECT": "azure_ga" if declared.declaration.api == "azure" else "openai_ga"}
    name = declared.name
    settings = check_settings({**api, name: "https://some.value"}, folder).settings
    groups = (settings.livekit, settings.service, settings.voice, settings.worker)
    assert any(
        getattr(group, declared.field_name, None) == "https://some.value" for group in groups
    )


def test_a_changed_copy_is_validated() -> None:
    with pytest.raises(ValidationError):
        ServiceSettings().with_changes(dialect_name="klingon")
