"""What the plugin leaves out, drops or makes up."""

from __future__ import annotations

from typing import Any

from agent.realtime.protocol.dialects import AZURE_PREVIEW, OPENAI_GA
from agent.realtime.validation.completion import complete_session_update

PLUGIN: dict[str, Any] = {
    "type": "realtime",
    "model": "gpt-realtime",
    "output_modalities": ["audio"],
    "max_output_tokens": "inf",
    "tracing": None,
    "audio": {
        "input": {"turn_detection": {"type": "semantic_vad", "eagerness": "medium"}},
        "output": {"voice": "marin", "speed": 1.0},
    },
}
ASKED = {
    "type": "realtime",
    "max_output_tokens": 200,
    "temperature": 0.7,
    "audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": 0.5}}},
}


def completed(session: dict[str, Any], *, first: bool, flat: bool = False) -> dict[str, Any]:
    event = {"type": "session.update", "event_id": "e1", "session": session}
    dialect = AZURE_PREVIEW if flat else OPENAI_GA
    done: dict[str, Any] = complete_session_update(
        event, ASKED, dialect, first=first, model="gpt-realtime"
    )["session"]
    return done


def test_what_was_asked_for_is_laid_over_the_first_update() -> None:
    session = completed(PLUGIN, first=True)
    assert session["max_output_tokens"] == 200
    assert session["temperature"] == 0.7
    assert session["audio"]["input"]["turn_detection"] == {"type": "server_vad", "threshold": 0.5}
    assert session["audio"]["output"]["voice"] == "marin"


def test_a_later_update_says_what_it_says() -> None:
    later = {"type": "realtime", "max_output_tokens": 50}
    assert completed(later, first=False) == later


def test_the_model_is_the_urls_affair() -> None:
    assert "model" not in completed(PLUGIN, first=True)
    assert "model" not in completed(PLUGIN, first=False)


def test_another_model_later_is_a_users_mistake_for_the_rules_to_tell() -> None:
    assert completed({"type": "realtime", "model": "m"}, first=False)["model"] == "m"


def test_what_flat_services_lack_is_left_out() -> None:
    session = completed(PLUGIN, first=True, flat=True)
    assert "tracing" not in session
    assert session["audio"]["output"] == {"voice": "marin"}


def test_a_speed_that_was_asked_for_is_left_to_the_guard() -> None:
    fast = {**PLUGIN, "audio": {"output": {"speed": 1.5}}}
    assert completed(fast, first=False, flat=True)["audio"]["output"] == {"speed": 1.5}


def test_the_plugins_event_is_not_changed_in_place() -> None:
    completed(PLUGIN, first=True, flat=True)
    assert PLUGIN["model"] == "gpt-realtime"
    assert PLUGIN["audio"]["output"]["speed"] == 1.0
