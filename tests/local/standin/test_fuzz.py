"""Twenty thousand events, judged three ways.

The stand-in, by the recorded facts; the openai package, by its own types, for shapes; and the
recorded errors, for the stand-in's sentences. Where the first two disagree, the disagreement is
one of those explained below.
"""

from __future__ import annotations

import copy
import json
import random
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from openai.types import realtime
from pydantic import TypeAdapter, ValidationError

from agent.local.standin import StandInOptions
from agent.local.standin.dialects import OPENAI_GA
from agent.local.standin.faults import Faults, parse_fault
from agent.local.standin.protocol import receive
from agent.local.standin.rules.schema import FACTS
from agent.local.standin.session import Session

COUNT = 20_000
ERRORS = json.loads((FACTS / "errors.json").read_text())

Event = dict[str, Any]

TYPES: dict[str, TypeAdapter[Any]] = {
    "session.update": TypeAdapter(realtime.SessionUpdateEvent),
    "input_audio_buffer.append": TypeAdapter(realtime.InputAudioBufferAppendEvent),
    "input_audio_buffer.commit": TypeAdapter(realtime.InputAudioBufferCommitEvent),
    "input_audio_buffer.clear": TypeAdapter(realtime.InputAudioBufferClearEvent),
    "conversation.item.create": TypeAdapter(realtime.ConversationItemCreateEvent),
    "conversation.item.truncate": TypeAdapter(realtime.ConversationItemTruncateEvent),
    "conversation.item.delete": TypeAdapter(realtime.ConversationItemDeleteEvent),
    "conversation.item.retrieve": TypeAdapter(realtime.ConversationItemRetrieveEvent),
    "response.create": TypeAdapter(realtime.ResponseCreateEvent),
    "response.cancel": TypeAdapter(realtime.ResponseCancelEvent),
}

SEEDS: list[Event] = [
    {
        "type": "session.update",
        "event_id": "e1",
        "session": {
            "type": "realtime",
            "instructions": "Be brief.",
            "output_modalities": ["audio"],
            "max_output_tokens": 400,
            "tools": [{"type": "function", "name": "f", "description": "d", "parameters": {}}],
            "tool_choice": "auto",
            "tracing": {"workflow_name": "w", "group_id": "g", "metadata": {}},
            "truncation": {"type": "retention_ratio", "retention_ratio": 0.8},
            "include": ["item.input_audio_transcription.logprobs"],
            "prompt": {"id": "pmpt_1", "version": "1", "variables": {"name": "x"}},
            "audio": {
                "input": {
                    "format": {"type": "audio/pcm", "rate": 24000},
                    "noise_reduction": {"type": "near_field"},
                    "transcription": {"model": "whisper-1", "language": "de", "prompt": "p"},
                    "turn_detection": {
                        "type": "server_vad",
                        "threshold": 0.5,
                        "prefix_padding_ms": 300,
                        "silence_duration_ms": 500,
                        "create_response": True,
                        "interrupt_response": True,
                        "idle_timeout_ms": 6000,
                    },
                },
                "output": {"format": {"type": "audio/pcmu"}, "voice": "marin", "speed": 1.1},
            },
        },
    },
    {
        "type": "session.update",
        "session": {
            "type": "realtime",
            "audio": {
                "input": {"turn_detection": {"type": "semantic_vad", "eagerness": "low"}},
                "output": {"voice": {"id": "voice_1"}},
            },
            "tool_choice": {"type": "function", "name": "f"},
            "tools": [{"type": "mcp", "server_label": "s", "server_url": "https://x"}],
        },
    },
    {"type": "input_audio_buffer.append", "audio": "AAAA"},
    {"type": "input_audio_buffer.commit", "event_id": "e2"},
    {"type": "input_audio_buffer.clear"},
    {
        "type": "conversation.item.create",
        "previous_item_id": "root",
        "item": {
            "id": "item_1",
            "object": "realtime.item",
            "type": "message",
            "status": "completed",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "hello"},
                {"type": "input_audio", "audio": "AAAA", "transcript": "hello"},
                {"type": "input_image", "image_url": "data:x", "detail": "low"},
            ],
        },
    },
    {
        "type": "conversation.item.create",
        "item": {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "hello"}],
        },
    },
    {
        "type": "conversation.item.create",
        "item": {"type": "function_call", "name": "f", "arguments": "{}", "call_id": "call_1"},
    },
    {
        "type": "conversation.item.create",
        "item": {"type": "function_call_output", "call_id": "call_1", "output": "x"},
    },
    {
        "type": "conversation.item.truncate",
        "item_id": "item_1",
        "content_index": 0,
        "audio_end_ms": 100,
    },
    {"type": "conversation.item.delete", "item_id": "item_1"},
    {"type": "conversation.item.retrieve", "item_id": "item_1"},
    {
        "type": "response.create",
        "response": {
            "output_modalities": ["text"],
            "instructions": "x",
            "max_output_tokens": 50,
            "conversation": "none",
            "metadata": {"a": "b"},
            "tool_choice": "none",
            "tools": [],
            "input": [{"type": "item_reference", "id": "item_1"}],
            "audio": {"output": {"format": {"type": "audio/pcma"}, "voice": "ash"}},
        },
    },
    {"type": "response.cancel", "response_id": "resp_1"},
]

SCALARS: list[Any] = [
    *(None, True, False, 0, 1, -1, 5000, 10**30, 0.5, 1.0, 2.5, -0.1, 1e400),
    *("", "x", "inf", "auto", "audio", "a b", "x" * 40, "\ud83d", "none", "marin"),
    *([], {}, ["audio"], ["text", "audio"], [1], {"type": "x"}, {"id": "voice_2"}),
]

# What the stand-in refuses and the package's types take: the code, the place, and why.
STRICTER: list[tuple[str, str, str]] = [
    ("unknown_parameter", r".*", "the types let any further key pass"),
    ("invalid_json", r"None", "an infinity is a float to Python, and nothing to JSON"),
    ("(integer|decimal)_(below_min|above_max)_value", r".*", "the types hold no ranges"),
    ("string_above_max_length", r"item\.(id|call_id)", "the types hold no lengths"),
    (
        "missing_required_parameter",
        r"(session|response)\.audio\.(input|output)\.format\.(type|rate)",
        "the service wants a PCM rate and a type (openai/openai-openapi#513)",
    ),
    (
        "missing_required_parameter",
        r"session\.(tools\[\d+\]\.(type|name)|audio\.input\.transcription\.model)",
        "optional in the types, recorded as required",
    ),
    (
        "missing_required_parameter",
        r"item\.content\[\d+\]\.(type|text|audio|image_url)",
        "one class of the types holds all parts of content, with every key optional",
    ),
    ("invalid_type", r".*, but got null", "what may be left out may be null, to the types"),
    (
        "invalid_type",
        r"session\.(tracing\.metadata|tools\[\d+\]\.parameters): expected an object.*",
        "any value, to the types",
    ),
    ("invalid_value", r"(item\.content\[\d+\]\.)?audio", "base64 is a string to the types"),
    (
        "invalid_value",
        r"item\.(id|call_id)|session\.tools\[\d+\]\.name",
        "the types hold no patterns",
    ),
    (
        "invalid_value",
        r"(session|response)\.audio\.output\.voice",
        "the types take any string as a voice; the models have ten",
    ),
    ("invalid_value", r"content_index", "the service's items have one part of content"),
    ("invalid_value", r"session\.output_modalities", "['text'] or ['audio'], not any list"),
    ("invalid_value", r"session\.tracing", "once only: what the session was set to before"),
]
# What the package's types refuse and the stand-in takes: the type, the types' place, and why.
LAXER: list[tuple[str, str, str]] = [
    (
        "response.create",
        r"response\.input\.\d+\..*",
        "item_reference is documented, and missing from the types",
    ),
    (
        "session.update",
        r"session\.RealtimeSessionCreateRequest\.prompt\.variables\..*",
        "the recorded facts name the kinds of value without a rule for them",
    ),
    (
        "conversation.item.create",
        r"item\.RealtimeConversationItemSystemMessage\.content",
        "the output of an MCP call may be null, and shares its row with that of a function call",
    ),
]
STATE = {
    "item_create_duplicate_item_id",
    "item_create_invalid_previous_item_id",
    "item_delete_invalid_item_id",
    "item_retrieve_invalid_item_id",
    "item_truncate_invalid_item_id",
    "invalid_tool_call_id",
    "response_cancel_not_active",
    "input_audio_buffer_commit_empty",
    "unsupported_content_type",
    "conversation_already_has_active_response",
    "cannot_update_voice",
}
"""Refused for the state that the session is in, which no type knows of."""
UNRECORDED = {
    "empty_array": "recorded on other endpoints of the same API",
    "object_above_max_properties": "recorded on other endpoints of the same API",
    "item_create_invalid_previous_item_id": "documented as an error, its text is not",
}
"""Codes whose sentences cannot be held against a recorded one."""


@pytest.mark.timeout(300)
async def test_twenty_thousand_events() -> None:
    rng = random.Random(20261121)
    verdicts: Counter[tuple[bool, bool]] = Counter()
    unexplained: list[str] = []
    used: set[str] = set()
    for number in range(COUNT):
        if number % 200 == 0:
            standin = StandIn()
        event = mutated(rng)
        error, package = standin.error(event), package_refuses(event)
        verdicts[error is not None, package is not None] += 1
        if error is not None:
            _assert_recorded(error, event)
        why = _explanation(event, error, package)
        if why is None:
            unexplained.append(f"{error or package}: {json.dumps(event)[:300]}")
        used.add(why or "")
    assert not unexplained, f"{len(unexplained)} of {COUNT}: " + "\n".join(unexplained[:12])
    assert {why for *_, why in (*STRICTER, *LAXER)} <= used, "explained, and not met"
    assert min(verdicts.values()) > 100, verdicts


def _explanation(event: Event, error: Event | None, package: str | None) -> str | None:
    """Why the two judge alike or apart; ``None`` where nobody knows."""
    if (error is None) == (package is None):
        return "alike"
    if error is None:
        assert package is not None
        return _first(LAXER, event["type"], package)
    if error["code"] in STATE:
        return "state"
    expected = re.search(r": expected .*but got \w+", error["message"])
    return _first(STRICTER, error["code"], f"{error['param']}{expected[0] if expected else ''}")


def _first(rows: list[tuple[str, str, str]], what: str, where: str) -> str | None:
    return next(
        (why for a, b, why in rows if re.fullmatch(a, what) and re.fullmatch(b, where)), None
    )


def _assert_recorded(error: Event, event: Event) -> None:
    """The sentence is one of the service's, as far as any is recorded."""
    names_nothing = "" in (event.get("item_id"), event.get("response_id"))
    if error["code"] in UNRECORDED or "tracing" in str(error["param"]) or names_nothing:
        return
    rows = [row for row in ERRORS if row["code"] == error["code"]]
    assert any(re.search(row["message_pattern"], error["message"]) for row in rows), error


def mutated(rng: random.Random) -> Event:
    """A valid event with up to three places changed."""
    event = copy.deepcopy(rng.choice(SEEDS))
    for _ in range(rng.randint(0, 3)):
        places = list(_places(event))
        if not places:
            break
        holder, key = rng.choice(places)
        act = rng.random()
        if act < 0.55:
            holder[key] = copy.deepcopy(rng.choice(SCALARS))
        elif act < 0.8:
            del holder[key]
        elif isinstance(holder, dict):
            name = rng.choice(["bogus", "temperature", "strict", "type", "id"])
            holder[name] = copy.deepcopy(rng.choice(SCALARS))
    return event


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every holder and key below ``value``."""
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key])


def package_refuses(event: Event) -> str | None:
    """Where the package's types do not hold, strictly; ``None`` where they do."""
    kind = event.get("type")
    if not isinstance(kind, str) or kind not in TYPES:
        return "type"
    try:
        TYPES[kind].validate_python(event, strict=True)
    except ValidationError as error:
        return ".".join(str(part) for part in error.errors()[0]["loc"])
    return None


class StandIn:
    """A session that has said nothing yet, its handlers included, without a socket."""

    def __init__(self) -> None:
        self._sent: list[str] = []
        self._session = Session(
            dialect=OPENAI_GA,
            model="gpt-realtime",
            options=StandInOptions(recognise=False),
            recognizer=None,
            faults=Faults({"stall": parse_fault("stall")}),  # no replies: events only
            outbox=self._sent.append,
            hang_up=lambda *_: None,
        )

    def error(self, event: Event) -> Event | None:
        """The ``error`` that answers ``event``; ``None`` where it is taken."""
        self._sent.clear()
        receive(self._session, json.dumps(event))
        events = [json.loads(text) for text in self._sent]
        return next((event["error"] for event in events if event["type"] == "error"), None)
