"""The two spellings: what leaves for a flat service, and what comes back as GA."""

from __future__ import annotations

from typing import Any

import pytest

from agent.realtime.protocol.dialects import AZURE_PREVIEW, OPENAI_GA, flat_path, to_ga, to_service

GA_SESSION = {
    "type": "realtime",
    "output_modalities": ["audio"],
    "instructions": "Be brief.",
    "max_output_tokens": 100,
    "tool_choice": {"type": "function", "name": "hang_up"},
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "transcription": {"model": "whisper-1"},
            "noise_reduction": {"type": "near_field"},
            "turn_detection": None,
        },
        "output": {"format": {"type": "audio/pcmu"}, "voice": "alloy", "speed": 1.2},
    },
}
FLAT_SESSION = {
    "modalities": ["audio", "text"],
    "instructions": "Be brief.",
    "max_response_output_tokens": 100,
    "tool_choice": {"type": "function", "function": {"name": "hang_up"}},
    "input_audio_format": "pcm16",
    "input_audio_transcription": {"model": "whisper-1"},
    "input_audio_noise_reduction": {"type": "near_field"},
    "turn_detection": None,
    "output_audio_format": "g711_ulaw",
    "voice": "alloy",
    "speed": 1.2,
}


def test_a_session_update_in_the_flat_spelling() -> None:
    event = {"type": "session.update", "event_id": "e1", "session": GA_SESSION}
    assert to_service(event, AZURE_PREVIEW) == {**event, "session": FLAT_SESSION}


def test_ga_leaves_as_it_is() -> None:
    event = {"type": "session.update", "session": GA_SESSION}
    assert to_service(event, OPENAI_GA) is event
    assert to_ga(event, OPENAI_GA) is event


def test_what_is_off_stays_off() -> None:
    """A null must survive: left out, the service would keep its own turn detection on (D11)."""
    session = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
    flat = to_service({"type": "session.update", "session": session}, AZURE_PREVIEW)
    assert flat["session"] == {"turn_detection": None}


def test_a_text_session() -> None:
    session = {"type": "realtime", "output_modalities": ["text"]}
    flat = to_service({"type": "session.update", "session": session}, AZURE_PREVIEW)
    assert flat["session"] == {"modalities": ["text"]}


def test_an_answer_of_a_flat_service_is_ga_again() -> None:
    event = {"type": "session.updated", "session": FLAT_SESSION}
    session = to_ga(event, AZURE_PREVIEW)["session"]
    assert session["audio"] == GA_SESSION["audio"]
    assert session["output_modalities"] == ["audio"]
    assert session["max_output_tokens"] == 100


@pytest.mark.parametrize(
    ("flat", "ga"),
    [
        ("response.audio.delta", "response.output_audio.delta"),
        ("response.audio_transcript.done", "response.output_audio_transcript.done"),
        ("response.text.delta", "response.output_text.delta"),
        ("conversation.item.created", "conversation.item.added"),
        ("response.done", "response.done"),
    ],
)
def test_names_of_server_events(flat: str, ga: str) -> None:
    assert to_ga({"type": flat}, AZURE_PREVIEW)["type"] == ga


def item(kind: str, role: str = "assistant") -> dict[str, Any]:
    content = [{"type": kind, "text": "Hello"}]
    return {"type": "message", "role": role, "content": content}


def test_assistant_content_goes_by_other_names() -> None:
    created = {"type": "conversation.item.create", "item": item("output_text")}
    assert to_service(created, AZURE_PREVIEW)["item"] == item("text")
    added = {"type": "conversation.item.created", "item": item("text")}
    assert to_ga(added, AZURE_PREVIEW)["item"] == item("output_text")
    done = {"type": "response.done", "response": {"output": [item("text")]}}
    assert to_ga(done, AZURE_PREVIEW)["response"]["output"] == [item("output_text")]


def test_a_users_content_keeps_its_name() -> None:
    created = {"type": "conversation.item.create", "item": item("input_text", "user")}
    assert to_service(created, AZURE_PREVIEW) == created


@pytest.mark.parametrize(
    ("ga", "flat"),
    [
        ("temperature", "temperature"),
        ("max_output_tokens", "max_response_output_tokens"),
        ("audio.input.turn_detection.threshold", "turn_detection.threshold"),
        ("audio.output.voice", "voice"),
    ],
)
def test_paths(ga: str, flat: str) -> None:
    assert flat_path(ga) == flat


@pytest.mark.parametrize(
    "format",
    [
        {"type": "audio/pcm", "rate": 16000},
        {"type": "audio/pcmu", "rate": 8000},
        {"type": "audio/pcm", "rate": 24000, "channels": 2},
        {"type": ["audio/pcm"]},
    ],
)
def test_a_format_that_flat_services_lack_is_kept_to_be_judged(format: Any) -> None:
    session = {"type": "realtime", "audio": {"input": {"format": format}}}
    flat = to_service({"type": "session.update", "session": session}, AZURE_PREVIEW)
    assert flat["session"] == {"input_audio_format": format}


def test_a_key_beside_its_nested_namesake_is_not_lost() -> None:
    session = {"speed": 1, "format": "x", "audio": {"input": {"format": {"type": "audio/pcm"}}}}
    flat = to_service({"type": "session.update", "session": session}, AZURE_PREVIEW)
    assert flat["session"] == {"speed": 1, "format": "x", "input_audio_format": "pcm16"}


def test_another_kind_of_session_is_kept_to_be_judged() -> None:
    event = {"type": "session.update", "session": {"type": "transcription"}}
    assert to_service(event, AZURE_PREVIEW) == event


def test_turn_detection_without_a_type_gets_the_betas_default() -> None:
    for keys, kind in (({"threshold": 0.4}, "server_vad"), ({"eagerness": "low"}, "semantic_vad")):
        session = {"audio": {"input": {"turn_detection": keys}}}
        flat = to_service({"type": "session.update", "session": session}, AZURE_PREVIEW)
        assert flat["session"]["turn_detection"] == {"type": kind, **keys}


def test_the_input_of_a_response_is_content_too() -> None:
    made = {"type": "response.create", "response": {"input": [item("output_text"), "junk"]}}
    assert to_service(made, AZURE_PREVIEW)["response"]["input"] == [item("text"), "junk"]
