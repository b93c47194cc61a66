"""The session's parameters: names, defaults, and the GA session they make."""

from agent.realtime.dialects import AZURE_PREVIEW, OPENAI_GA
from agent.realtime.parameters import BY_SETTING, boolean, number, or_none, with_defaults


def test_names_in_the_environment_follow_from_the_path() -> None:
    threshold = BY_SETTING["REALTIME_TURN_DETECTION_THRESHOLD"]
    assert threshold.name == "turn_detection.threshold"
    assert threshold.path == "audio.input.turn_detection.threshold"


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


def test_azure_transcribes_once_its_deployment_is_named() -> None:
    unnamed = with_defaults({}, AZURE_PREVIEW).as_session()["audio"]["input"]
    assert "transcription" not in unnamed
    given = {"transcription.model": "my-whisper"}
    named = with_defaults(given, AZURE_PREVIEW).as_session()["audio"]["input"]
    assert named["transcription"] == {"model": "my-whisper"}


def test_semantic_vad_takes_none_of_server_vads_defaults() -> None:
    given = {"turn_detection.type": "semantic_vad", "turn_detection.eagerness": "low"}
    session = with_defaults(given, OPENAI_GA).as_session()
    detection = session["audio"]["input"]["turn_detection"]
    assert detection == {"type": "semantic_vad", "eagerness": "low"}


def test_what_is_switched_off_is_null() -> None:
    given = {
        "turn_detection.type": None,
        "transcription.model": None,
        "transcription.language": "de",
        "noise_reduction": None,
    }
    assert with_defaults(given, OPENAI_GA).as_session()["audio"]["input"] == {
        "turn_detection": None,
        "transcription": None,
        "noise_reduction": None,
    }


def test_a_noise_filter_is_an_object() -> None:
    session = with_defaults({"noise_reduction": "far_field"}, OPENAI_GA).as_session()
    assert session["audio"]["input"]["noise_reduction"] == {"type": "far_field"}


def test_text_is_read_as_what_it_spells() -> None:
    assert number("0.8") == 0.8
    assert number("300") == 300
    assert number("warm") == "warm"
    assert number("true") == "true"
    assert boolean("yes") is True
    assert boolean("Off") is False
    assert boolean("perhaps") == "perhaps"
    assert or_none("none") is None
    assert or_none("whisper-1") == "whisper-1"
