"""The session's parameters: names, defaults, and the GA session they make."""

from __future__ import annotations

from typing import Any

import pytest

from agent.realtime.protocol.dialects import (
    AZURE_GA,
    AZURE_PREVIEW,
    OPENAI_BETA,
    OPENAI_GA,
    to_service,
)
from agent.realtime.protocol.parameters import (
    BY_ENVIRONMENT_NAME,
    PARAMETERS,
    deprecation_warnings,
    find_parameter,
    findings,
    with_changes,
    with_defaults,
)
from agent.realtime.protocol.rules import Context

CONTEXT = Context("gpt-realtime-2.1")


def test_names_in_the_environment_follow_from_the_path() -> None:
    threshold = BY_ENVIRONMENT_NAME["REALTIME_TURN_DETECTION_THRESHOLD"]
    assert threshold.name == "turn_detection.threshold"
    assert threshold.path == "audio.input.turn_detection.threshold"


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("max_output_tokens", "max_output_tokens"),
        ("max_response_output_tokens", "max_output_tokens"),
        ("modalities", "output_modalities"),
        ("audio.output.voice", "voice"),
        ("input_audio_transcription.model", "transcription.model"),
        ("input_audio_noise_reduction.type", "noise_reduction"),
    ],
)
def test_every_spelling_finds_its_parameter(spelling: str, name: str) -> None:
    found = find_parameter(spelling)
    assert found is not None
    assert found.name == name


def test_defaults_are_sent_in_full() -> None:
    assert with_defaults({}, OPENAI_GA).as_session() == {
        "type": "realtime",
        "audio": {
            "input": {
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": 0.5,
                    "prefix_padding_ms": 300,
                    "silence_duration_ms": 500,
                },
                "transcription": {"model": "gpt-transcribe"},
            },
            "output": {"voice": "marin"},
        },
    }


@pytest.mark.parametrize("dialect", [OPENAI_GA, AZURE_GA, AZURE_PREVIEW, OPENAI_BETA])
def test_the_defaults_of_every_dialect_break_no_rule(dialect: Any) -> None:
    assert findings(with_defaults({}, dialect), dialect, CONTEXT) == []


def test_no_default_has_a_last_day() -> None:
    assert deprecation_warnings(with_defaults({}, OPENAI_GA)) == []
    (warning,) = deprecation_warnings(with_defaults({"model": "gpt-realtime"}, OPENAI_GA))
    assert "2027-01-20" in warning


def test_azure_transcribes_once_its_deployment_is_named() -> None:
    unnamed = with_defaults({}, AZURE_PREVIEW).as_session()["audio"]["input"]
    assert "transcription" not in unnamed
    given = {"transcription.model": "my-whisper"}
    named = with_defaults(given, AZURE_PREVIEW).as_session()["audio"]["input"]
    assert named["transcription"] == {"model": "my-whisper"}


def test_a_language_without_a_transcriber_is_not_lost_in_silence() -> None:
    (found,) = findings(
        with_defaults({"transcription.language": "de"}, AZURE_GA), AZURE_GA, CONTEXT
    )
    assert found.violation.code == "missing_required_parameter"
    assert found.violation.param == "session.audio.input.transcription.model"


@pytest.mark.parametrize(
    ("given", "kind", "keys"),
    [
        ({"turn_detection.type": "semantic_vad"}, "semantic_vad", {"type"}),
        ({"turn_detection.eagerness": "low"}, "semantic_vad", {"type", "eagerness"}),
        (
            {"turn_detection.threshold": 0.3},
            "server_vad",
            {"type", "threshold", "prefix_padding_ms", "silence_duration_ms"},
        ),
    ],
)
def test_the_kind_of_turn_detection_follows_from_its_settings(
    given: dict[str, Any], kind: str, keys: set[str]
) -> None:
    semantic = with_defaults({"turn_detection.type": "semantic_vad"}, OPENAI_GA)
    for session in (with_defaults(given, OPENAI_GA), with_changes(semantic, given, OPENAI_GA)):
        detection = session.as_session()["audio"]["input"]["turn_detection"]
        assert detection["type"] == kind
        assert set(detection) == keys


def test_what_is_switched_off_is_null_on_every_dialect() -> None:
    given = {
        "turn_detection.type": None,
        "transcription.model": None,
        "transcription.language": "de",
        "noise_reduction": None,
    }
    session = with_defaults(given, OPENAI_GA).as_session()
    assert session["audio"]["input"] == {
        "turn_detection": None,
        "transcription": None,
        "noise_reduction": None,
    }
    flat = to_service({"session": session}, AZURE_PREVIEW)["session"]
    assert flat["turn_detection"] is flat["input_audio_transcription"] is None


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("temperature", "0.8", 0.8),
        ("turn_detection.silence_duration_ms", "300", 300),
        ("temperature", "warm", "warm"),
        ("temperature", "true", "true"),
        ("temperature", "NaN", "NaN"),
        ("max_output_tokens", "inf", "inf"),
        ("max_output_tokens", "9" * 5000, "9" * 5000),
        ("turn_detection.create_response", "yes", True),
        ("turn_detection.create_response", "Off", False),
        ("turn_detection.create_response", "perhaps", "perhaps"),
        ("turn_detection.type", "none", None),
        ("transcription.model", "whisper-1", "whisper-1"),
        ("noise_reduction", "off", None),
        ("output_modalities", "audio", ["audio"]),
        ("output_modalities", '["text"]', ["text"]),
        ("transcription.keywords", "Berlin, Bonn", ["Berlin", "Bonn"]),
        ("voice", "cedar", "cedar"),
        ("voice", '{"id": "voice_1"}', {"id": "voice_1"}),
        ("truncation", "{broken", "{broken"),
        ("tool_choice", "none", "none"),
    ],
)
def test_text_is_read_as_what_it_spells(name: str, text: str, value: Any) -> None:
    parameter = find_parameter(name)
    assert parameter is not None
    assert parameter.parse(text) == value


def test_a_value_that_only_names_is_put_where_it_belongs() -> None:
    given = {"prompt": "pmpt_1", "noise_reduction": "far_field", "reasoning.effort": "low"}
    session = with_defaults(given, OPENAI_GA).as_session()
    assert session["prompt"] == {"id": "pmpt_1"}
    assert session["audio"]["input"]["noise_reduction"] == {"type": "far_field"}
    assert session["reasoning"] == {"effort": "low"}
    assert findings(with_defaults(given, OPENAI_GA), OPENAI_GA, CONTEXT) == []


@pytest.mark.parametrize(
    ("name", "value", "dialect", "model", "message"),
    [
        ("temperature", 0.8, OPENAI_GA, "", "Unknown parameter: 'session.temperature'."),
        ("speed", 1.1, AZURE_PREVIEW, "", "Unknown parameter: 'session.speed'."),
        ("prompt", "pmpt_1", OPENAI_BETA, "", "Unknown parameter: 'session.prompt'."),
        ("reasoning.effort", "low", OPENAI_GA, "gpt-realtime", "Unsupported option for this model"),
        (
            "parallel_tool_calls",
            True,
            OPENAI_GA,
            "gpt-realtime-1.5",
            "Unsupported option for this model",
        ),
        (
            "transcription.keywords",
            ["a"],
            OPENAI_GA,
            "",
            "Unknown parameter: 'session.audio.input.transcription.keywords'.",
        ),
    ],
)
def test_what_a_dialect_or_model_lacks_is_reported_apart(
    name: str, value: Any, dialect: Any, model: str, message: str
) -> None:
    given = {name: value, "model": model or "gpt-realtime-2.1"}
    if name.startswith("transcription"):
        given["transcription.model"] = "whisper-1"
    found = findings(with_defaults(given, dialect), dialect, Context(model or "gpt-realtime-2.1"))
    (finding,) = found
    assert finding.violation.message == message
    assert finding.parameter is not None
    assert finding.parameter.name == name
    assert finding.lacking


def test_a_mistake_is_not_a_lack() -> None:
    given = {"turn_detection.type": "server_vad", "turn_detection.eagerness": "low"}
    (finding,) = findings(with_defaults(given, OPENAI_GA), OPENAI_GA, CONTEXT)
    assert finding.violation.code == "unknown_parameter"
    assert not finding.lacking


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("gpt-nope", 'Model "gpt-nope" is not supported in realtime mode.'),
        ("gpt-4o-transcribe", "is a transcription model and cannot be used"),
    ],
)
def test_a_model_that_cannot_speak(model: str, said: str) -> None:
    parameters = with_defaults({"model": model}, OPENAI_GA)
    (finding,) = findings(parameters, OPENAI_GA, Context(model))
    assert said in finding.violation.message
    assert findings(parameters, OPENAI_GA, Context(model, closed=False)) == []


def test_every_parameter_has_an_effect_and_a_source() -> None:
    for parameter in PARAMETERS:
        assert parameter.setting.effect.endswith("."), parameter.name
        assert all(row.source for row in parameter.rows)
