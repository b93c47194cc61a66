"""The guard refuses no valid event and sends no invalid one: compared with the stand-in's checker.

The stand-in judges by the recorded parameters themselves and shares no line with the guard.
"""

from __future__ import annotations

import asyncio
import copy
import json
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.errors import Violation
from agent.local.standin import StandIn, StandInOptions
from agent.local.standin.rules import checker
from agent.local.standin.rules.refusals import Refusal
from agent.local.standin.rules.schema import schema_of
from agent.local.standin.script import Script
from agent.realtime.protocol.dialects import DIALECTS, Dialect, to_service
from agent.realtime.protocol.event_json import parse, serialise
from agent.realtime.protocol.parameters import PARAMETERS, findings, with_defaults
from agent.realtime.protocol.rules import Context
from agent.realtime.validation.guard import Guard
from tests.kit.plugin_client import Client, connected
from tests.local.standin.test_fuzz import SEEDS, _places
from tests.realtime.protocol.rules.differences import LOOSER, STRICTER

Event = dict[str, Any]

ODD: list[Any] = [
    *(0.59, 1.21, 0.55, 0.6000000000000001, True, "0.8", 10**400),
    *(float("nan"), float("inf"), -float("inf")),
    *("", None, "\ud83d", 0, -1, 1.2, 4096, 4097, "inf", 0.30000000000000004, 1e-20),
    *("x" * 33, "a b", [], {}, ["audio"], ["text", "audio"], [None], {"type": "x"}),
    *("nova", "cedar", "g711_ulaw", "none", "server_vad", "semantic_vad", {"id": "voice_1"}),
]
MCP_SEEDS: list[Event] = [
    {
        "type": "session.update",
        "session": {
            "type": "realtime",
            "tool_choice": {"type": "mcp", "server_label": "s", "name": "t"},
            "tools": [
                {
                    "type": "mcp",
                    "server_label": "s",
                    "connector_id": "connector_gmail",
                    "allowed_tools": {"tool_names": ["t"], "read_only": True},
                    "require_approval": {"always": {"tool_names": ["t"]}, "never": {}},
                }
            ],
            "prompt": {
                "id": "pmpt_1",
                "variables": {
                    "a": {"type": "input_text", "text": "x"},
                    "b": {"type": "input_image", "image_url": "https://x/y.png"},
                },
            },
        },
    },
    *(
        {"type": "conversation.item.create", "item": {"server_label": "s", **item}}
        for item in (
            {"type": "mcp_list_tools", "tools": [{"name": "t", "input_schema": {}}]},
            {
                "type": "mcp_call",
                "id": "mcp_1",
                "name": "t",
                "arguments": "{}",
                "error": {"type": "http_error", "code": 500, "message": "m"},
            },
            {"type": "mcp_approval_request", "id": "mcpr_1", "name": "t", "arguments": "{}"},
        )
    ),
    {
        "type": "response.create",
        "response": {
            "input": [
                {
                    "type": "message",
                    "role": "assistant",
                    "content": [{"type": "output_text", "text": "hello"}],
                }
            ],
            "max_output_tokens": 50,
        },
    },
]
VALUES = st.one_of(
    st.sampled_from(ODD),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
        ),
        max_leaves=6,
    ),
)
MODELS = st.sampled_from(["gpt-realtime-2.1", "gpt-realtime", "gpt-realtime-mini"])
DIALECT = st.sampled_from(list(DIALECTS.values()))


@st.composite
def mutated(draw: st.DrawFn) -> Event:
    """A valid event, in GA, with up to three places changed."""
    event: Event = copy.deepcopy(draw(st.sampled_from([*SEEDS, *MCP_SEEDS])))
    for _ in range(draw(st.integers(0, 3))):
        places = list(_places(event))
        if not places:
            break
        holder, key = places[draw(st.integers(0, len(places) - 1))]
        act = draw(st.sampled_from(["replace", "replace", "delete", "add"]))
        if act == "replace" or not isinstance(holder, dict):
            holder[key] = copy.deepcopy(draw(VALUES))
        elif act == "delete":
            del holder[key]
        else:
            name = draw(st.sampled_from(["bogus", "temperature", "strict", "id"]))
            holder[name] = copy.deepcopy(draw(VALUES))
    return event


@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mutated(), DIALECT, MODELS)
def test_guard_of_any_event_agrees_with_the_stand_in(
    event: Event, dialect: Dialect, model: str
) -> None:
    ours, theirs = guarded(event, dialect, model), judged(event, dialect, model)
    if ours is None:
        assert theirs is None or any(re.match(pattern, theirs) for pattern, _ in LOOSER), theirs
    elif theirs is None:
        assert any(re.match(pattern, ours) for pattern, _ in STRICTER), ours


@settings(max_examples=400, deadline=None)
@given(
    st.dictionaries(st.sampled_from([p.name for p in PARAMETERS if p.name != "model"]), VALUES),
    DIALECT,
    MODELS,
)
def test_session_without_findings_is_accepted(
    given: dict[str, Any], dialect: Dialect, model: str
) -> None:
    parameters = with_defaults({**given, "model": model}, dialect)
    event = {"type": "session.update", "session": parameters.as_session()}
    if not findings(parameters, dialect, Context(model)):
        assert not isinstance(serialise(event), Violation)
        assert judged(event, dialect, model) is None


def guarded(event: Event, dialect: Dialect, model: str) -> str | None:
    """Why the guard holds ``event`` back."""
    try:
        text = json.dumps(event)
    except ValueError:
        return "not JSON"
    read = parse(text)
    if isinstance(read, Violation):
        return "not JSON"
    said = to_service(read, dialect)
    found = Guard(dialect, Context(model)).check(said)
    if found:
        return found[0].message
    return "not JSON" if isinstance(serialise(said), Violation) else None


def judged(event: Event, dialect: Dialect, model: str) -> str | None:
    """Why the stand-in refuses it."""
    try:
        text = json.dumps(to_service(event, dialect), allow_nan=False, ensure_ascii=False)
        text.encode()
    except (ValueError, UnicodeEncodeError):
        return "not JSON"
    read = json.loads(text, parse_float=checker.Literal)
    try:
        checker.check_event(read, schema_of(dialect.name), checker.Context(model))
    except Refusal as refusal:
        return refusal.message
    return None


ANSWER_SECONDS = 0.01
"""Answers of the stand-in take as long at this pace: what follows may be sent during or after one.
Nothing is asserted of when."""
IDS = st.sampled_from(["a", "b", "c", "last", "", "x y", "z" * 33])
EVENTS = st.one_of(
    st.builds(lambda ms: ("append", ms), st.integers(0, 250)),
    st.just({"type": "input_audio_buffer.commit"}),
    st.just({"type": "input_audio_buffer.clear"}),
    st.builds(
        lambda item_id, previous: {
            "type": "conversation.item.create",
            "previous_item_id": previous,
            "item": {
                "id": item_id,
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "hello"}],
            },
        },
        IDS,
        st.none() | IDS,
    ),
    st.builds(
        lambda call_id: {
            "type": "conversation.item.create",
            "item": {"type": "function_call", "call_id": call_id, "name": "f", "arguments": "{}"},
        },
        IDS,
    ),
    st.builds(
        lambda call_id: {
            "type": "conversation.item.create",
            "item": {"type": "function_call_output", "call_id": call_id, "output": "x"},
        },
        IDS,
    ),
    st.builds(lambda item_id: {"type": "conversation.item.delete", "item_id": item_id}, IDS),
    st.builds(lambda item_id: {"type": "conversation.item.retrieve", "item_id": item_id}, IDS),
    st.builds(
        lambda item_id, end_ms: {
            "type": "conversation.item.truncate",
            "item_id": item_id,
            "content_index": 0,
            "audio_end_ms": end_ms,
        },
        IDS,
        st.sampled_from([-1, 0, 1, 50, 10**7]),
    ),
    st.just({"type": "response.create"}),
    st.just({"type": "response.create", "response": {"conversation": "none"}}),
    st.just({"type": "response.cancel"}),
    st.just({"type": "response.cancel", "response_id": "resp_1"}),
    st.builds(
        lambda voice: {
            "type": "session.update",
            "session": {"type": "realtime", "audio": {"output": {"voice": voice}}},
        },
        st.sampled_from(["ash", "echo", "nova"]),
    ),
    st.just({"type": "session.update", "session": {"type": "realtime", "tracing": "auto"}}),
    st.just({"type": "session.update", "session": {"type": "realtime", "tracing": None}}),
    st.just("answer"),
    mutated(),
)


@pytest.mark.slow
@pytest.mark.timeout(300)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(EVENTS, max_size=25), DIALECT)
def test_any_sequence_of_events_is_sent_without_refusal(
    events: list[Any], dialect: Dialect
) -> None:
    refused = asyncio.run(_refusals(events, dialect))
    # An answer may end while its cancellation is on the way; the response queue hides that refusal.
    raced = [error for error in refused if error["code"] == "response_cancel_not_active"]
    assert refused == raced
    assert len(raced) <= sum(event == {"type": "response.cancel"} for event in events)


async def _refusals(events: list[Any], dialect: Dialect) -> list[Event]:
    """The stand-in's refusals of ``events``, sent through the plugin's WebSocket."""
    options = StandInOptions(
        script=Script(greeting="Hi.", turns=(), otherwise="So."),
        pace=500,
        recognise=False,
        dialects=tuple(DIALECTS),
    )
    async with StandIn(options) as stand_in, connected(dialect, stand_in=stand_in) as (client, _):
        for event in events:
            await _send(client, event)
        marker = {"id": "marker", "type": "message", "role": "user", "content": []}
        await client.send("conversation.item.create", item=marker)
        await client.until(lambda event: event.get("item", {}).get("id") == "marker")
        (seen,) = stand_in.record.sessions.values()
        return list(seen.errors)


async def _send(client: Client, event: Any) -> None:
    if event == "answer":
        await asyncio.sleep(ANSWER_SECONDS)
    elif isinstance(event, tuple):
        await client.append(bytes(48 * event[1]))
    else:
        for key, value in list(event.items()):
            if value == "last":
                spoken = [e["item_id"] for e in client.events if e["type"].endswith("audio.delta")]
                event = {**event, key: spoken[-1] if spoken else "a"}
        await client.raw(json.dumps(event))
