"""The service that is taken when the first is gone for good."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from agent.config.validation import check_settings, read_settings
from agent.errors import SettingsError
from agent.local.standin import StandIn, StandInOptions
from agent.local.standin.faults import parse_fault
from agent.realtime.plugin.http_session import PluginHTTPSession
from tests.kit.plugin_client import SCRIPT, Client

OPENAI = {
    "LIVEKIT_URL": "ws://127.0.0.1:7880",
    "LIVEKIT_API_KEY": "k",
    "LIVEKIT_API_SECRET": "s",
    "OPENAI_API_KEY": "sk-first",
}
AZURE = {
    "REALTIME_FALLBACK_AZURE_ENDPOINT": "https://res.openai.azure.com",
    "REALTIME_FALLBACK_AZURE_DEPLOYMENT": "speech",
    "REALTIME_FALLBACK_API_KEY": "azure-key",
}


async def test_targets_without_fallback_are_one(tmp_path: Path) -> None:
    assert len(read_settings(OPENAI, tmp_path).service_targets()) == 1


async def test_fallback_model_keeps_the_service_and_its_key(tmp_path: Path) -> None:
    environ = {**OPENAI, "REALTIME_FALLBACK_MODEL": "gpt-realtime-mini"}
    first, other = read_settings(environ, tmp_path).service_targets()
    assert first.endpoint.url != other.endpoint.url
    assert other.endpoint.url.endswith("model=gpt-realtime-mini")
    assert other.endpoint.context.model == "gpt-realtime-mini"
    assert await other.endpoint.credential.headers("") == {"Authorization": "Bearer sk-first"}


async def test_fallback_service_has_its_own_key_and_dialect(tmp_path: Path) -> None:
    _, other = read_settings({**OPENAI, **AZURE}, tmp_path).service_targets()
    assert other.endpoint.dialect.name == "azure_ga"
    assert other.endpoint.host == "res.openai.azure.com"
    assert await other.endpoint.credential.headers("") == {"api-key": "azure-key"}


def test_a_wrong_fallback_value_is_reported_under_its_own_name(tmp_path: Path) -> None:
    environ = {**OPENAI, "REALTIME_SERVICE": "wrong", "REALTIME_FALLBACK_DIALECT": "klingon"}
    found = check_settings(environ, tmp_path).problems
    assert [each.setting for each in found] == ["REALTIME_SERVICE", "REALTIME_FALLBACK_DIALECT"]


async def test_fallback_on_another_host_gets_no_key_of_the_primary(tmp_path: Path) -> None:
    environ = {**OPENAI, "REALTIME_FALLBACK_BASE_URL": "https://other.example/v1"}
    report = check_settings(environ, tmp_path)
    assert report.settings.fallback is not None
    assert report.settings.fallback.secrets() == []
    assert [each.setting for each in report.missing] == ["REALTIME_FALLBACK_API_KEY"]


@pytest.mark.parametrize("missing", ["API_KEY", "AZURE_DEPLOYMENT"])
def test_fallback_host_without_key_or_deployment_is_refused(missing: str, tmp_path: Path) -> None:
    missing = f"REALTIME_FALLBACK_{missing}"
    environ = {name: text for name, text in {**OPENAI, **AZURE}.items() if name != missing}
    with pytest.raises(SettingsError, match=f"{missing} is not set; the fallback needs it"):
        read_settings(environ, tmp_path)


def test_fallback_leaves_out_unsupported_parameters(tmp_path: Path) -> None:
    given = {
        **{name: text for name, text in OPENAI.items() if name != "OPENAI_API_KEY"},
        "AZURE_OPENAI_ENDPOINT": "https://res.openai.azure.com",
        "AZURE_OPENAI_API_KEY": "k",
        "AZURE_OPENAI_DEPLOYMENT": "speech",
        "OPENAI_API_VERSION": "2025-04-01-preview",
        "REALTIME_TEMPERATURE": "0.7",
        "REALTIME_FALLBACK_BASE_URL": "https://api.openai.com/v1",
        "REALTIME_FALLBACK_MODEL": "gpt-realtime",
        "REALTIME_FALLBACK_API_KEY": "sk",
    }
    report = check_settings(given, tmp_path)
    other = report.settings.fallback
    assert other is not None
    assert other.dialect_name == "openai_ga"
    assert "temperature" in report.settings.session.values
    assert "temperature" not in report.settings.fallback_session.values
    assert any("temperature is left out where the fallback is taken" in w for w in report.warnings)


@pytest.mark.parametrize(
    ("fault", "dialect"),
    [("quota", "openai_ga"), ("http-401", "openai_ga"), ("quota", "azure_preview")],
)
async def test_fallback_after_fatal_error_continues_the_conversation(
    fault: str, dialect: str, tmp_path: Path
) -> None:
    options = StandInOptions(script=SCRIPT, pace=50, dialects=("openai_ga",))
    other_options = StandInOptions(script=SCRIPT, pace=50, dialects=(dialect,))
    async with StandIn(options) as first, StandIn(other_options) as other:
        fallback_is: Mapping[str, Any] = (
            {"REALTIME_FALLBACK_BASE_URL": f"{other.url}/v1"}
            if dialect == "openai_ga"
            else {
                "REALTIME_FALLBACK_AZURE_ENDPOINT": other.url,
                "REALTIME_FALLBACK_AZURE_DEPLOYMENT": "speech",
                "REALTIME_FALLBACK_AZURE_API_VERSION": "2025-04-01-preview",
            }
        )
        environ = {
            **OPENAI,
            **fallback_is,
            "REALTIME_FALLBACK_API_KEY": "key",
            "OPENAI_BASE_URL": f"{first.url}/v1",
            "AGENT_TURN_TAKING": "push_to_talk",
        }
        session = PluginHTTPSession(read_settings(environ, tmp_path).service_targets())
        client = Client(await session.ws_connect(""))
        update = {"type": "realtime", "instructions": "Be kind."}
        await client.send("session.update", event_id="first", session=update)
        await client.send("response.create", event_id="greet")
        await client.until("response.done")
        first.faults[fault] = parse_fault(fault)
        if fault == "http-401":
            next(iter(first.record.sessions.values())).session.hang_up(1001, "")
            async with asyncio.timeout(5):
                while not other.record.sessions:  # noqa: ASYNC110 - the stand-in tells nobody
                    await asyncio.sleep(0.01)
        item = {"type": "message", "role": "user"}
        content = [{"type": "input_text", "text": "hello"}]
        await client.send("conversation.item.create", item={**item, "content": content})
        await client.send("response.create", event_id="next")
        done = await client.until("response.done", count=2)
        assert done["response"]["status"] == "completed"
        await client.close()
        (seen,) = other.record.sessions.values()
        shown = seen.as_dict()
    assert shown["session"]["instructions"] == "Be kind."
    assert [i["role"] for i in shown["items"]] == ["assistant", "user", "assistant"]
    assert shown["items"][-1]["content"][0]["transcript"] == "Good day to you."
    assert seen.errors == []
