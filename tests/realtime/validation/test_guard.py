"""The guard's edges: text that is no event, numbers that JSON lacks, and its own answer."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import Violation
from agent.realtime.protocol.dialects import AZURE_PREVIEW, OPENAI_GA
from agent.realtime.protocol.event_json import event_of, parse, serialise
from agent.realtime.protocol.rules import Context
from agent.realtime.validation.guard import Guard, error_event, parse_append


def update(**session: Any) -> dict[str, Any]:
    return {"type": "session.update", "event_id": "e1", "session": session}


@pytest.mark.parametrize("value", [0.6, 0.8, 1, 1.2, 0.6000000000000001])
def test_a_temperature_in_range(value: float) -> None:
    assert Guard(AZURE_PREVIEW, Context()).check(update(temperature=value)) == []


@pytest.mark.parametrize("value", [True, "0.8", None, 10**400, float("nan"), float("inf"), 0])
def test_no_temperature(value: Any) -> None:
    assert Guard(AZURE_PREVIEW, Context()).check(update(temperature=value))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "invalid_json"),
        ("{", "invalid_json"),
        ('{"type": "session.update", "x": NaN}', "invalid_json"),
        ('{"type": "session.update", "x": -Infinity}', "invalid_json"),
        ('{"type": "x", "y": "\\ud83d"}', "invalid_json"),
        ('{"type": "x", "y": "\\uD83D"}', "invalid_json"),
        ('{"type": "x", "\\uDc00": 1}', "invalid_json"),
        ('{"type": "x", "y": "\ud83d"}', "invalid_json"),
        ("[" * 100_000, "invalid_json"),
        ("[]", "invalid_event"),
        ('"text"', "invalid_event"),
        ("9" * 5000, "invalid_json"),
    ],
)
def test_text_that_is_no_event(text: str, code: str) -> None:
    violation = parse(text)
    assert isinstance(violation, Violation)
    assert violation.code == code


def test_a_pair_of_surrogates_is_a_character() -> None:
    assert parse('{"type": "x", "y": "\\ud83d\\ude00"}') == {"type": "x", "y": "😀"}


@pytest.mark.parametrize(
    "value", [None, True, -0.0, 1e-7, 10**30, 'a"\\\n\x7fé😀', [], {"a": [{}, ""]}]
)
def test_an_event_is_written_as_json_dumps_writes_it(value: Any) -> None:
    event = {"type": "x", "y": value}
    assert serialise(event) == json.dumps(event)


def test_text_in_other_scripts_is_taken() -> None:
    event = {"type": "x", "y": "\\ud83d é 漢 😀"}
    assert parse(json.dumps(event)) == parse(json.dumps(event, ensure_ascii=False)) == event
    assert serialise(event) == json.dumps(event)


@pytest.mark.parametrize("value", [1e400, "\ud83d", {"\udcff": 1}, ["ok", "\udcff"]])
def test_what_json_lacks_is_not_written(value: Any) -> None:
    assert isinstance(serialise({"type": "x", "y": value}), Violation)


@pytest.mark.parametrize(
    ("text", "answered"),
    [
        ('{"event_id": "e1", "x": NaN}', {"event_id": "e1"}),
        ('{"x": "\\ud83d", "event_id": "e1"}', {"event_id": "e1"}),
        ('{"type": "x", "event_id" : "e1", "y": ', {"event_id": "e1"}),
        ('{"event_id": 5, "x": NaN}', {}),
        ('{"event_id": "\\ud83d"}', {}),
        ('["event_id"]', {}),
        ("{", {}),
    ],
)
def test_the_event_id_is_read_from_text_that_is_no_event(text: str, answered: Any) -> None:
    assert event_of(text) == answered


def appended_bytes(text: str) -> int | None:
    chunk = parse_append(text)
    return None if chunk is None else chunk.size_bytes


@pytest.mark.parametrize(
    ("audio", "size"),
    [("", 0), ("AAAA", 3), ("AAA=", 2), ("AA==", 1), ("AAA", None), ("A Ä", None)],
)
def test_an_append_is_measured_as_it_stands(audio: str, size: int | None) -> None:
    text = json.dumps({"audio": audio, "type": "input_audio_buffer.append"})
    assert appended_bytes(text) == size


APPEND = {"type": "input_audio_buffer.append", "audio": "AA+/"}
WRITINGS = [
    json.dumps(APPEND),
    json.dumps(APPEND, separators=(",", ":")),
    json.dumps(APPEND, indent=2),
    json.dumps({**APPEND, "event_id": "e"}),
    json.dumps({"event_id": "", **APPEND}),
    json.dumps(APPEND).replace("/", "\\/"),
    json.dumps(APPEND).replace("+", "\\u002B"),
]


@pytest.mark.parametrize("text", WRITINGS)
def test_an_append_is_measured_however_it_is_written(text: str) -> None:
    assert appended_bytes(text) == 3


@pytest.mark.parametrize(
    "text",
    [
        '{"audio": ", "type": "input_audio_buffer.append"}',
        '{"audio": "AAAA", "audio": "", "type": "input_audio_buffer.append"}',
        '{"type": "x", "audio": "AAAA", "type": "input_audio_buffer.append"}',
        '{"type": "input_audio_buffer.append", "audio": "AAAA", "x": 1}',
        '{"type": "input_audio_buffer.append", "x": {"audio": "AAAA"}}',
        '{"type": "input_audio_buffer.append", "event_id": "\\"audio", "audio": "AAAA"}',
        '{"type": "input_audio_buffer.append", "event_id": "audio", "audio": "AAAA"}',
        '{"type": "input_audio_buffer.append", "audio": "AAAA\\"}',
        '{"type": "input_audio_buffer.append", "audio": "AA\\\\/"}',
        '{"type": "input_audio_buffer.append", "audio": "AAA"}',
        '{"type": "input_audio_buffer.append", "audio": "AAAA}',
        '{"type": "input_audio_buffer.append", "audio": ["AAAA"]}',
        '{"type": "input_audio_buffer.append", "event_id": "é", "audio": "AAAA"}',
        '{"type": "input_audio_buffer.commit", "audio": "AAAA"}',
        '["type", "input_audio_buffer.append", "audio", "AAAA"]',
        '{"type": "input_audio_buffer.append"}',
        '"audio"',
        '"',
        "",
    ],
)
def test_anything_else_is_left_to_the_rules(text: str) -> None:
    assert appended_bytes(text) is None


@given(st.data())
def test_what_is_measured_is_a_valid_append_of_that_size(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(WRITINGS))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        piece = data.draw(
            st.sampled_from(['"', "\\", ",", ":", "{", "}", " ", "A", '"audio"', "=", ""])
        )
        text = text[:at] + piece + text[at + data.draw(st.integers(0, 2)) :]
    size = appended_bytes(text)
    if size is not None:
        event = json.loads(text)
        assert Guard(OPENAI_GA, Context()).check(event) == []
        assert len(base64.b64decode(event["audio"])) == size
        assert len(event) == len(re.findall(r'"\s*:', text))


def test_a_long_event_id_of_an_append_is_judged() -> None:
    event = {**APPEND, "event_id": "e" * 513}
    assert appended_bytes(json.dumps(event)) is None
    assert Guard(OPENAI_GA, Context()).check(event)[0].param == "event_id"


def test_the_error_names_the_event_it_answers() -> None:
    violation = Violation("unknown_parameter", "session.x", "Unknown parameter: 'session.x'.")
    assert error_event(violation, update(x=1)) == {
        "type": "error",
        "event_id": "event_guard",
        "error": {
            "type": "invalid_request_error",
            "code": "unknown_parameter",
            "message": "Unknown parameter: 'session.x'.",
            "param": "session.x",
            "event_id": "e1",
        },
    }
