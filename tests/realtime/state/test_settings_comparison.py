"""What was asked of the service, and what it says it did."""

from __future__ import annotations

import pytest

from agent.local.standin import StandIn, StandInOptions
from agent.local.standin.faults import parse_fault
from agent.realtime.connection.service_target import ServiceTarget
from agent.realtime.plugin.http_session import PluginHTTPSession
from agent.realtime.protocol.dialects import DIALECTS
from agent.realtime.protocol.parameters import with_defaults
from agent.realtime.state.settings_comparison import SettingsComparison
from tests.kit.plugin_client import SCRIPT, Client, endpoint


def test_each_difference_is_reported_once_and_alone() -> None:
    echo = SettingsComparison()
    asked = {"audio": {"output": {"voice": "marin", "speed": 1.0}}, "instructions": "a"}
    got = {"audio": {"output": {"voice": "echo"}}, "instructions": "a"}
    found = echo.differences(asked, got)
    assert [(each.path, each.requested, each.actual) for each in found] == [
        ("audio.output.voice", "marin", "echo"),
        ("audio.output.speed", 1.0, None),
    ]
    assert echo.differences(asked, got) == []


def test_what_the_service_adds_is_no_difference() -> None:
    tool = {"type": "function", "name": "f"}
    asked = {"tools": [tool], "tracing": None, "output_modalities": ["audio"]}
    got = {"tools": [{**tool, "strict": False}], "output_modalities": ["audio"], "id": "sess_1"}
    assert SettingsComparison().differences(asked, got) == []
    assert SettingsComparison().differences({"tools": [tool]}, {"tools": []})


async def test_the_session_that_came_is_compared_with_what_was_asked(
    caplog: pytest.LogCaptureFixture,
) -> None:
    options = StandInOptions(script=SCRIPT, faults=(parse_fault("echo-differs"),))
    async with StandIn(options) as stand_in:
        url = f"http://127.0.0.1:{stand_in.port}"
        given = {"turn_detection.silence_duration_ms": 700}
        ga = DIALECTS["openai_ga"]
        session = PluginHTTPSession([ServiceTarget(endpoint(ga, url), with_defaults(given, ga))])
        client = Client(await session.ws_connect(""))
        for _ in range(2):
            await client.send("session.update", session={"type": "realtime"})
        await client.until("session.updated", 2)
        await client.close()
    reported = [record.message for record in caplog.records if "setting_differs" in record.message]
    assert len(reported) == 2
    assert any("audio.output.voice, asked marin, got echo" in line for line in reported)
    assert any("silence_duration_ms, asked 700, got 200" in line for line in reported)
