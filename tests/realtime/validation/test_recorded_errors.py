"""Every recorded error that a client can cause: earned from the stand-in, and through the wire not.

Each row is acted out twice, by a raw client and through a wire; what the wire answers in the
service's place is the service's own answer.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import pytest

from agent.local.standin import StandIn, StandInOptions
from agent.local.standin.rules.schema import FACTS
from agent.realtime.protocol.dialects import DIALECTS, to_service
from tests.kit.plugin_client import SCRIPT, Event, connected, refusals
from tests.kit.realtime_client import RawClient, connecting

ROWS = [row for row in json.loads((FACTS / "errors.json").read_text()) if row.get("preventable")]


@dataclass(frozen=True)
class Act:
    """What earns an error. ``{spoken}`` in a value stands for the id of what the agent said."""

    event: Event | str
    said: str
    """The sentence it earns, or how that begins."""
    dialect: str = "openai_ga"
    model: str = "gpt-realtime-2.1"
    spoken: bool = False
    """After the agent has said something."""
    busy: bool = False
    """While the agent is saying something."""
    adapted_event: bool = False
    """Through the WebSocket nobody is refused: the right thing is done instead."""


def update(**session: Any) -> Event:
    return {"type": "session.update", "session": {"type": "realtime", **session}}


def item(**body: Any) -> Event:
    return {"type": "conversation.item.create", "item": body}


def truncate(item_id: str, end_ms: int) -> Event:
    fields = {"item_id": item_id, "content_index": 0, "audio_end_ms": end_ms}
    return {"type": "conversation.item.truncate", **fields}


USER: Event = {"type": "message", "role": "user", "content": []}
ACTS = [
    Act(
        update(temperature=0),
        "Invalid 'session.temperature': decimal below minimum value. Expected a value >= 0.6, but "
        "got 0 instead.",
        "azure_preview",
    ),
    Act(
        update(audio={"output": {"speed": 99}}),
        "Invalid 'session.audio.output.speed': decimal above maximum value. Expected a value <= "
        "1.5, but got 99 instead.",
    ),
    Act(
        update(audio={"input": {"format": {"type": "audio/pcm", "rate": 16000}}}),
        "Invalid 'session.audio.input.format.rate': integer below minimum value. Expected a value "
        ">= 24000, but got 16000 instead.",
    ),
    Act(
        {"type": "response.create", "response": {"max_output_tokens": 4097}},
        "Invalid 'response.max_output_tokens': integer above maximum value. Expected a value <= "
        "4096, but got 4097 instead.",
    ),
    Act(
        update(
            audio={"input": {"turn_detection": {"type": "server_vad", "threshold": 1.0 / 3 / 10}}}
        ),
        "Invalid 'session.audio.input.turn_detection.threshold': max decimal places exceeded",
    ),
    Act(
        update(
            tools=[
                {"type": "function", "name": "a"},
                {"type": "function", "name": "b"},
                {"type": "function", "name": "c", "meta": {}},
            ]
        ),
        "Unknown parameter: 'session.tools[2].meta'.",
    ),
    Act(
        update(audio={"output": {"format": {"type": "audio/pcm"}}}),
        "Missing required parameter: 'session.audio.output.format.rate'.",
    ),
    Act(
        update(audio={"input": {"format": "pcm16"}}),
        "Invalid type for 'session.audio.input.format': expected an object, but got a string "
        "instead.",
    ),
    Act(
        update(audio={"output": {"voice": "nova"}}),
        "Invalid value: 'nova'. Supported values are: 'alloy', 'ash', 'ballad', 'coral', 'echo', "
        "'sage', 'shimmer', 'verse', 'marin', and 'cedar'.",
    ),
    Act(
        update(output_modalities=["text", "audio"]),
        "Invalid modalities: ['audio', 'text']. Supported combinations are: ['text'] and "
        "['audio'].",
    ),
    Act(
        item(id="a b", **USER),
        "Invalid 'item.id': string does not match pattern. Expected a string that matches the "
        "pattern '^[a-zA-Z0-9_-]+$'.",
    ),
    Act(truncate("{spoken}", 10**7), "Audio content of ", spoken=True, adapted_event=True),
    Act(
        update(reasoning={"effort": "low"}),
        "Unsupported option for this model",
        model="gpt-realtime",
    ),
    Act(
        item(id="x" * 39, **USER),
        "Invalid 'item.id': string too long. Expected a string with maximum length 32, but got a "
        "string with length 39 instead.",
    ),
    Act('{"type": ', "Invalid event: failed to parse JSON value."),
    Act("[]", "The 'type' field is missing."),
    Act(
        {"type": "input_audio_buffer.append", "audio": "no base64!"},
        "Invalid 'audio'. Expected base64-encoded audio bytes (mono PCM16 at 24kHz) but got an "
        "invalid value.",
    ),
    Act(
        update(audio={"output": {"voice": "ash"}}),
        "Cannot update a conversation's voice if assistant audio is present.",
        spoken=True,
    ),
    Act(
        {"type": "response.create"},
        "Conversation already has an active response in progress: ",
        busy=True,
        adapted_event=True,
    ),
    Act(
        {"type": "response.cancel"},
        "Cancellation failed: no active response found",
        adapted_event=True,
    ),
    Act(
        {"type": "input_audio_buffer.commit"},
        "Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, "
        "but buffer only has 0.00ms of audio.",
    ),
    Act(truncate("mine", 5), "Only model output audio messages can be truncated"),
    Act(truncate("x", 5), "Item with item_id not found: x"),
    Act(
        {"type": "conversation.item.delete", "item_id": "yo"},
        "Error deleting item: the item with id 'yo' does not exist.",
    ),
    Act(
        {"type": "conversation.item.retrieve", "item_id": "yo"},
        "Error retrieving item: the item with id 'yo' does not exist.",
    ),
    Act(item(id="mine", **USER), "Error adding item: an item with id 'mine' already exists."),
    Act(
        item(type="function_call_output", call_id="call_abc", output="x"),
        "Tool call ID 'call_abc' not found in conversation.",
    ),
    Act(
        {"type": "transcription_session.update", "session": {}},
        "Passing a transcription session update event to a realtime session is not allowed.",
        "azure_ga",
    ),
]
LEFT_OUT = {
    "Invalid modalities: \\['audio'\\]": "the wire's GA ['audio'] is spelt ['audio', 'text']",
    "Turn detection is not supported": "of transcription sessions",
    "array too long": "seen on other endpoints only",
    "You must not provide a model": "of transcription sessions",
    "is not supported in transcription mode": "of transcription sessions",
    "^\\.\\*$": "reported without a sentence (item_already_truncated); see test_conversation.py",
    "Realtime Beta API": "of the handshake; the header is sent to flat dialects alone",
    "Missing bearer": "of the handshake; a worker without a key does not start",
    "is not supported in realtime mode": "of the handshake; see test_parameters.py",
    "You must provide a model": "of the handshake; the address always names one",
    "is a transcription model": "of the handshake; see test_parameters.py",
    "realtime operation does not work": "of Azure's deployments, which only their owner knows",
    "Input transcription failed": "of what a caller says",
}
"""Rows without an act, by a part of their pattern, and why."""


def test_every_row_is_acted_out_or_left_out_for_a_reason() -> None:
    for row in ROWS:
        pattern = row["message_pattern"]
        acted = [act for act in ACTS if re.match(pattern, _whole(act)) and pattern != ".*"]
        why = [
            reason
            for part, reason in LEFT_OUT.items()
            if part.replace("\\", "") in f"^{pattern.lstrip('^')}$".replace("\\", "")
        ]
        assert bool(acted) != bool(why), (pattern, acted, why)


def _whole(act: Act) -> str:
    """The sentence, for those of which only the beginning is known before."""
    ends = {
        "Audio content of ": "Audio content of 37ms is already shorter than 38ms",
        "Conversation already has an active response in progress: ": (
            "Conversation already has an active response."
        ),
    }
    return ends.get(act.said, act.said)


@pytest.mark.parametrize("act", [pytest.param(act, id=act.said[:60]) for act in ACTS])
async def test_through_the_websocket_nothing_earns_it(act: Act) -> None:
    raw = await _raw(act)
    assert raw["message"].startswith(act.said)
    options = StandInOptions(script=SCRIPT, pace=50, dialects=tuple(DIALECTS))
    async with (
        StandIn(options) as stand_in,
        connected(DIALECTS[act.dialect], stand_in=stand_in, model=act.model) as (client, _),
    ):
        spoken = await _prepare(client, act)
        text = _text(act.event, spoken, "bad")
        await client.raw(text)
        if not act.adapted_event:
            error = await client.error("bad" if isinstance(act.event, dict) else None)
            assert (error["code"], error["message"], error["param"], error["type"]) == (
                raw["code"],
                raw["message"] if isinstance(act.event, dict) else error["message"],
                raw["param"],
                raw["type"],
            )
        await client.send("conversation.item.create", item={"id": "after", **USER})
        await client.until(lambda event: event.get("item", {}).get("id") == "after")
        assert refusals(stand_in) == []
        if act.adapted_event:
            assert client.errors() == []


async def _raw(act: Act) -> Event:
    """The error that the stand-in answers a raw client with."""
    options = StandInOptions(script=SCRIPT, pace=50, dialects=tuple(DIALECTS))
    async with (
        StandIn(options) as stand_in,
        connecting(stand_in, act.dialect, query=_query(act)) as client,
    ):
        await client.until("session.created")
        spoken = await _prepare(client, act)
        event = act.event
        if isinstance(event, dict):
            event = to_service(event, DIALECTS[act.dialect])
        await client.raw(_text(event, spoken, "bad"))
        return await client.error()


def _query(act: Act) -> str | None:
    return f"model={act.model}" if act.dialect == "openai_ga" else None


async def _prepare(client: Any, act: Act) -> str:
    if act.spoken or act.busy:
        await client.send("response.create")
        await client.until("response.done" if act.spoken else "response.created")
    await client.send("conversation.item.create", item={"id": "mine", **USER})
    if isinstance(client, RawClient):
        return next((e["item_id"] for e in client.events if "audio.delta" in e["type"]), "")
    await client.until(lambda event: event.get("item", {}).get("id") == "mine")
    return next((e["item_id"] for e in client.events if "audio.delta" in e["type"]), "")


def _text(event: Event | str, spoken: str, event_id: str) -> str:
    if isinstance(event, str):
        return event
    return json.dumps({**event, "event_id": event_id}).replace("{spoken}", spoken)
