"""The rules, family by family, in the service's recorded sentences."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest

from agent.local.standin.rules import Context, Refusal, check_event, schema_of
from agent.local.standin.rules.checker import Literal
from agent.local.standin.rules.schema import FACTS, GROUPS

ERRORS = json.loads((FACTS / "errors.json").read_text())
GA = ("openai_ga", "azure_ga")
FLAT = ("openai_beta", "azure_preview")

Event = dict[str, Any]


def refusal(dialect: str, event: Event | str, model: str = "gpt-realtime") -> Refusal | None:
    """Return the refusal of ``event``; text is parsed like a frame."""
    read = json.loads(event, parse_float=Literal) if isinstance(event, str) else event
    try:
        check_event(read, schema_of(dialect), Context(model))
    except Refusal as found:
        return found
    return None


def update(**session: Any) -> Event:
    return {"type": "session.update", "session": session}


def ga(**session: Any) -> Event:
    return update(type="realtime", **session)


def audio_input(**settings: Any) -> Event:
    return ga(audio={"input": settings})


def audio_output(**settings: Any) -> Event:
    return ga(audio={"output": settings})


def vad(**settings: Any) -> Event:
    return audio_input(turn_detection={"type": "server_vad", **settings})


def transcription(**settings: Any) -> Event:
    return audio_input(transcription=settings)


def item(**body: Any) -> Event:
    return {"type": "conversation.item.create", "item": body}


def message(role: str, *content: Event) -> Event:
    return item(type="message", role=role, content=list(content))


def response(**settings: Any) -> Event:
    return {"type": "response.create", "response": settings}


def tool(**settings: Any) -> Event:
    return ga(tools=[{"type": "function", "name": "a"}, settings])


VOICES = (
    "Supported values are: 'alloy', 'ash', 'ballad', 'coral', 'echo', 'sage', 'shimmer', "
    "'verse', 'marin', and 'cedar'."
)
TD = "session.audio.input.turn_detection"
BELOW = "integer below minimum value. Expected a value >="
ABOVE = "integer above maximum value. Expected a value <="

# Dialect, event, code, param, sentence.
CASES: list[tuple[str, Event | str, str | None, str | None, str]] = [
    # Closed key sets, at every level.
    ("openai_ga", ga(temperature=0.8), "unknown_parameter", "session.temperature", "Unknown"),
    ("openai_ga", ga(bogus_field=1), "unknown_parameter", "session.bogus_field", "Unknown"),
    ("azure_ga", ga(modalities=["text"]), "unknown_parameter", "session.modalities", "Unknown"),
    ("azure_preview", update(type="realtime"), "unknown_parameter", "session.type", "Unknown"),
    ("azure_preview", update(tracing="auto"), "unknown_parameter", "session.tracing", "Unknown"),
    ("azure_preview", update(audio={}), "unknown_parameter", "session.audio", "Unknown"),
    (
        "openai_beta",
        update(max_output_tokens=1),
        "unknown_parameter",
        "session.max_output_tokens",
        "Unknown",
    ),
    (
        "openai_ga",
        audio_input(turn_detection={"type": "semantic_vad", "threshold": 0.5}),
        "unknown_parameter",
        f"{TD}.threshold",
        f"Unknown parameter: '{TD}.threshold'.",
    ),
    (
        "azure_preview",
        update(turn_detection={"type": "server_vad", "idle_timeout_ms": 6000}),
        "unknown_parameter",
        "session.turn_detection.idle_timeout_ms",
        "Unknown",
    ),
    (
        "openai_ga",
        ga(tools=[{"type": "function", "name": "a"}] * 2 + [{"type": "function", "meta": {}}]),
        "unknown_parameter",
        "session.tools[2].meta",
        "Unknown parameter: 'session.tools[2].meta'.",
    ),
    (
        "openai_ga",
        audio_input(format={"type": "audio/pcmu", "rate": 8000}),
        "unknown_parameter",
        "session.audio.input.format.rate",
        "Unknown",
    ),
    (
        "azure_ga",
        transcription(model="my-whisper", delay="low"),
        "unknown_parameter",
        "session.audio.input.transcription.delay",
        "Unknown",
    ),
    (
        "openai_ga",
        response(max_response_output_tokens=5),
        "unknown_parameter",
        "response.max_response_output_tokens",
        "Unknown",
    ),
    (
        "openai_ga",
        {"type": "input_audio_buffer.commit", "extra": 1},
        "unknown_parameter",
        "extra",
        "Unknown",
    ),
    (
        "openai_ga",
        message("user", {"type": "input_audio", "audio": "", "sample_rate_hz": 1}),
        "unknown_parameter",
        "item.content[0].sample_rate_hz",
        "Unknown",
    ),
    # Required keys.
    (
        "openai_ga",
        update(),
        "missing_required_parameter",
        "session.type",
        "Missing required parameter: 'session.type'.",
    ),
    (
        "openai_ga",
        audio_output(format={"type": "audio/pcm"}),
        "missing_required_parameter",
        "session.audio.output.format.rate",
        "Missing required parameter: 'session.audio.output.format.rate'.",
    ),
    (
        "openai_ga",
        audio_input(turn_detection={"threshold": 0.5}),
        "missing_required_parameter",
        f"{TD}.type",
        "Missing",
    ),
    (
        "openai_beta",
        update(input_audio_transcription={}),
        "missing_required_parameter",
        "session.input_audio_transcription.model",
        "Missing",
    ),
    (
        "openai_ga",
        tool(type="function"),
        "missing_required_parameter",
        "session.tools[1].name",
        "Missing",
    ),
    (
        "openai_ga",
        message("user", {"type": "input_text"}),
        "missing_required_parameter",
        "item.content[0].text",
        "Missing",
    ),
    (
        "azure_preview",
        message("assistant", {"type": "text"}),
        "missing_required_parameter",
        "item.content[0].text",
        "Missing",
    ),
    (
        "openai_ga",
        item(type="function_call_output", output="x"),
        "missing_required_parameter",
        "item.call_id",
        "Missing",
    ),
    (
        "openai_ga",
        {"type": "conversation.item.truncate", "item_id": "x", "content_index": 0},
        "missing_required_parameter",
        "audio_end_ms",
        "Missing",
    ),
    ("openai_ga", {"type": "session.update"}, "missing_required_parameter", "session", "Missing"),
    # Types.
    (
        "openai_ga",
        audio_input(format="pcm16"),
        "invalid_type",
        "session.audio.input.format",
        "Invalid type for 'session.audio.input.format': expected an object, "
        "but got a string instead.",
    ),
    (
        "openai_beta",
        update(input_audio_noise_reduction="near_field"),
        "invalid_type",
        "session.input_audio_noise_reduction",
        "expected an object, but got a string instead.",
    ),
    (
        "azure_ga",
        transcription(model="m", language=["de"]),
        "invalid_type",
        "session.audio.input.transcription.language",
        "expected a string, but got an array instead.",
    ),
    (
        "openai_beta",
        update(output_audio_format={}),
        "invalid_type",
        "session.output_audio_format",
        "expected one of 'pcm16', 'g711_ulaw', or 'g711_alaw', but got an object instead.",
    ),
    (
        "azure_preview",
        update(temperature="0.8"),
        "invalid_type",
        "session.temperature",
        "expected a decimal, but got a string instead.",
    ),
    (
        "azure_preview",
        update(temperature=True),
        "invalid_type",
        "session.temperature",
        "expected a decimal, but got a boolean instead.",
    ),
    (
        "openai_ga",
        '{"type": "session.update", "session": {"type": "realtime", "audio": {"input": '
        '{"turn_detection": {"type": "server_vad", "silence_duration_ms": 500.0}}}}}',
        "invalid_type",
        f"{TD}.silence_duration_ms",
        "expected an integer, but got a decimal number instead.",
    ),
    (
        "openai_ga",
        ga(max_output_tokens="many"),
        "invalid_type",
        "session.max_output_tokens",
        "expected one of 'inf' or integer, but got a string instead.",
    ),
    (
        "openai_ga",
        ga(max_output_tokens=None),
        "invalid_type",
        "session.max_output_tokens",
        "but got null instead.",
    ),
    ("openai_ga", ga(tools={}), "invalid_type", "session.tools", "expected an array of objects"),
    ("openai_ga", ga(instructions=None), "invalid_type", "session.instructions", "but got null"),
    ("openai_ga", {"type": 5}, "invalid_type", "type", "expected a string, but got an integer"),
    (
        "openai_ga",
        response(metadata={"a": 1}),
        "invalid_type",
        "response.metadata.a",
        "expected a string, but got an integer instead.",
    ),
    # Values.
    (
        "openai_ga",
        audio_output(voice="nova"),
        "invalid_value",
        "session.audio.output.voice",
        f"Invalid value: 'nova'. {VOICES}",
    ),
    ("openai_ga", {"type": "nope"}, "invalid_value", "type", "Invalid value: 'nope'. Supported"),
    (
        "openai_beta",
        update(input_audio_format="g711-ulaw"),
        "invalid_value",
        "session.input_audio_format",
        "Invalid value: 'g711-ulaw'. Supported values are: 'pcm16', 'g711_ulaw', and 'g711_alaw'.",
    ),
    ("openai_beta", update(voice="marin"), "invalid_value", "session.voice", "Invalid value"),
    (
        "openai_ga",
        message("system", {"type": "text", "text": "x"}),
        "invalid_value",
        "item.content[0].type",
        "Invalid value: 'text'. Value must be 'input_text'.",
    ),
    (
        "openai_ga",
        message("assistant", {"type": "input_text", "text": "x"}),
        "invalid_value",
        "item.content[0].type",
        "Supported values are: 'output_text' and 'output_audio'.",
    ),
    ("openai_ga", ga(reasoning={"effort": "auto"}), "invalid_value", None, "Unsupported option"),
    ("openai_ga", update(type="transcription"), "invalid_value", "session.type", "'realtime'."),
    (
        "openai_ga",
        ga(output_modalities=["text", "audio"]),
        "invalid_value",
        "session.output_modalities",
        "Invalid modalities: ['audio', 'text']. "
        "Supported combinations are: ['text'] and ['audio'].",
    ),
    (
        "azure_preview",
        update(modalities=["audio"]),
        "invalid_value",
        "session.modalities",
        "Invalid modalities: ['audio']. "
        "Supported combinations are: ['text'] and ['audio', 'text'].",
    ),
    # Ranges.
    (
        "azure_preview",
        update(temperature=0),
        "decimal_below_min_value",
        "session.temperature",
        "Invalid 'session.temperature': decimal below minimum value. "
        "Expected a value >= 0.6, but got 0 instead.",
    ),
    (
        "openai_ga",
        vad(threshold=1.2),
        "decimal_above_max_value",
        f"{TD}.threshold",
        "Expected a value <= 1, but got 1.2 instead.",
    ),
    (
        "openai_ga",
        audio_input(format={"type": "audio/pcm", "rate": 16000}),
        "integer_below_min_value",
        "session.audio.input.format.rate",
        f"Invalid 'session.audio.input.format.rate': {BELOW} 24000, but got 16000 instead.",
    ),
    ("openai_ga", vad(idle_timeout_ms=10), "integer_below_min_value", None, f"{BELOW} 5000"),
    (
        "openai_ga",
        response(max_output_tokens=4097),
        "integer_above_max_value",
        "response.max_output_tokens",
        f"Invalid 'response.max_output_tokens': {ABOVE} 4096, but got 4097 instead.",
    ),
    ("openai_ga", ga(max_output_tokens=10**400), "integer_above_max_value", None, f"{ABOVE} 4096"),
    (
        "openai_ga",
        audio_output(speed=99),
        "decimal_above_max_value",
        None,
        "Expected a value <= 1.5",
    ),
    (
        "openai_ga",
        '{"type": "session.update", "session": {"type": "realtime", "audio": {"input": '
        '{"turn_detection": {"type": "server_vad", "threshold": 0.30000000000000004}}}}}',
        None,
        f"{TD}.threshold",
        f"Invalid '{TD}.threshold': max decimal places exceeded",
    ),
    # Lengths, patterns, emptiness.
    (
        "openai_ga",
        item(type="message", role="user", content=[], id="x" * 39),
        "string_above_max_length",
        "item.id",
        "Invalid 'item.id': string too long. Expected a string with maximum length 32, "
        "but got a string with length 39 instead.",
    ),
    (
        "openai_ga",
        item(type="message", role="user", content=[], id="a b"),
        "invalid_value",
        "item.id",
        "Invalid 'item.id': string does not match pattern. "
        "Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.",
    ),
    (
        "openai_ga",
        tool(type="function", name="a b"),
        "invalid_value",
        "session.tools[1].name",
        "pat",
    ),
    (
        "openai_ga",
        transcription(model="whisper-1", prompt="x" * 1025),
        "string_above_max_length",
        "session.audio.input.transcription.prompt",
        "maximum length 1024",
    ),
    (
        "openai_ga",
        transcription(model="gpt-transcribe", languages=[]),
        "empty_array",
        "session.audio.input.transcription.languages",
        "empty array",
    ),
    (
        "openai_ga",
        response(metadata={str(n): "x" for n in range(17)}),
        "object_above_max_properties",
        "response.metadata",
        "at most 16 properties",
    ),
    (
        "openai_ga",
        {"type": "input_audio_buffer.append", "audio": "not base64"},
        "invalid_value",
        "audio",
        "Invalid 'audio'. Expected base64-encoded audio bytes (mono PCM16 at 24kHz) but got an "
        "invalid value.",
    ),
    # Models, and what excludes what.
    (
        "openai_ga",
        ga(parallel_tool_calls=True),
        "invalid_value",
        None,
        "Unsupported option for this model",
    ),
    (
        "openai_ga",
        transcription(model="whisper-1", delay="low"),
        "unknown_parameter",
        "session.audio.input.transcription.delay",
        "Unknown",
    ),
    (
        "openai_ga",
        transcription(model="gpt-transcribe", language="de", languages=["de"]),
        "unknown_parameter",
        "session.audio.input.transcription.language",
        "Unknown",
    ),
    ("openai_ga", {}, "invalid_event", None, "The 'type' field is missing."),
]


@pytest.mark.parametrize(("dialect", "event", "code", "param", "sentence"), CASES)
def test_a_broken_rule(
    dialect: str, event: Event | str, code: str | None, param: str | None, sentence: str
) -> None:
    found = refusal(dialect, event)
    assert found is not None
    assert found.code == code
    assert param is None or found.param == param
    assert sentence in found.message


@pytest.mark.parametrize(("dialect", "event", "code", "param", "sentence"), CASES)
def test_every_sentence_is_one_that_was_recorded(
    dialect: str, event: Event | str, code: str | None, param: str | None, sentence: str
) -> None:
    """But for two that were recorded on other endpoints only."""
    found = refusal(dialect, event)
    assert found is not None
    rows = [row for row in ERRORS if row["code"] == found.code]
    if found.code in {"empty_array", "object_above_max_properties"}:
        assert not rows
        return
    assert any(re.search(row["message_pattern"], found.message) for row in rows), found.message


VALID = [
    *((dialect, ga()) for dialect in GA),
    *((dialect, update()) for dialect in FLAT),
    ("openai_ga", audio_input(turn_detection=None, transcription=None, noise_reduction=None)),
    ("openai_ga", vad(threshold=0.5, prefix_padding_ms=300, idle_timeout_ms=None)),
    ("openai_ga", audio_input(turn_detection={"type": "semantic_vad", "eagerness": "low"})),
    ("openai_ga", audio_output(format={"type": "audio/pcma"}, voice={"id": "voice_1"}, speed=1.5)),
    ("openai_ga", ga(max_output_tokens="inf", tracing="auto", truncation="disabled")),
    ("openai_ga", ga(truncation={"type": "retention_ratio", "retention_ratio": 0.8})),
    ("openai_ga", ga(tool_choice={"type": "function", "name": "a"}, tools=[])),
    ("openai_ga", ga(prompt={"id": "pmpt_1", "version": None, "variables": {"a": "b"}})),
    ("openai_ga", ga(include=["item.input_audio_transcription.logprobs"])),
    ("openai_ga", ga(tools=[{"type": "mcp", "server_label": "x", "server_url": "https://x"}])),
    ("openai_ga", transcription(model="gpt-realtime-whisper", delay="high")),
    ("openai_ga", transcription(model="gpt-transcribe", languages=["de"], keywords=["a"])),
    ("openai_ga", transcription(model="something-new")),
    ("openai_ga", response(conversation="none", input=[{"type": "item_reference", "id": "a"}])),
    ("openai_ga", response(instructions=None, metadata={"client_event_id": "x"})),
    ("openai_ga", {"type": "response.create"}),
    ("openai_ga", {"type": "response.cancel", "event_id": "e" * 512}),
    ("openai_ga", message("user", {"type": "input_image", "image_url": "data:"})),
    ("openai_ga", item(type="function_call", name="a", arguments="{}", call_id="c")),
    ("openai_ga", item(type="mcp_approval_response", approval_request_id="a", approve=True)),
    ("azure_preview", update(temperature=0.6, max_response_output_tokens=4096)),
    ("azure_preview", update(modalities=["text", "audio"], turn_detection=None)),
    ("azure_preview", update(tool_choice={"type": "function", "function": {"name": "a"}})),
    ("openai_beta", update(turn_detection={"type": "server_vad", "idle_timeout_ms": 5000})),
    ("azure_preview", message("assistant", {"type": "text", "text": "Hello."})),
    (
        "openai_ga",
        {"type": "input_audio_buffer.append", "audio": base64.b64encode(bytes(480)).decode()},
    ),
]


@pytest.mark.parametrize(("dialect", "event"), VALID)
def test_what_is_valid_is_not_refused(dialect: str, event: Event) -> None:
    found = refusal(dialect, event)
    assert found is None, found.message if found else ""


def test_options_that_a_model_lacks_are_refused() -> None:
    gated = ga(reasoning={"effort": "high"}, parallel_tool_calls=False)
    assert refusal("openai_ga", gated, model="gpt-realtime-2.1") is None
    assert refusal("openai_ga", gated, model="gpt-realtime-mini") is not None
    assert refusal("azure_ga", gated, model="my-deployment") is None


@pytest.mark.parametrize("dialect", GROUPS)
def test_every_recorded_parameter_has_its_place(dialect: str) -> None:
    """The tree holds each row of the facts: none is lost on a spelling of its path."""
    recorded = json.loads((FACTS / "parameters.json").read_text())[dialect]
    schema = schema_of(dialect)
    placed = [row for node in schema.events.values() for row in _rows(node)]
    lost = [
        path
        for path, row in recorded.items()
        if row["type"] not in {"event", "text JSON frame", "absent"}
        and not any(_same(row, each) for each in placed)
        and not _changed_by_overlay(dialect, path)
    ]
    # Held by the trees themselves, or shared with the session's.
    held = {"session.update.session", "conversation.item.create.item"}
    held |= {"response.tools", "response.tool_choice"}
    unsent = "conversation.item.retrieve.item_id"  # not an event of azure_preview's
    assert set(lost) - held - ({unsent} if dialect == "azure_preview" else set()) == set()


def _rows(node: Any, seen: set[int] | None = None) -> list[dict[str, Any]]:
    seen = seen if seen is not None else set()
    if id(node) in seen:
        return []
    seen.add(id(node))
    below = [*node.keys.values(), *node.variants.values(), *([node.items] if node.items else [])]
    return [node.row, *(row for child in below for row in _rows(child, seen))]


def _same(recorded: dict[str, Any], placed: dict[str, Any]) -> bool:
    return all(placed.get(key) == value for key, value in recorded.items() if key != "required")


def _changed_by_overlay(dialect: str, path: str) -> bool:
    overlay = json.loads((FACTS / "overlay.json").read_text())
    return any(path in overlay[group] for group in GROUPS[dialect])
