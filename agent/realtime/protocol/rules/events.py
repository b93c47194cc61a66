"""Every client event of the conversation API, and the one question asked of it."""

from __future__ import annotations

from functools import cache
from typing import Any

from agent.errors import Violation
from agent.realtime.protocol.dialects import (
    AZURE_GA,
    AZURE_PREVIEW,
    OPENAI_BETA,
    OPENAI_GA,
    Dialect,
)
from agent.realtime.protocol.rules import messages
from agent.realtime.protocol.rules.checker import Context, violations
from agent.realtime.protocol.rules.items import CONTENT_INDEX, item_group
from agent.realtime.protocol.rules.parameter_rules import tree
from agent.realtime.protocol.rules.response import RESPONSE
from agent.realtime.protocol.rules.session import SESSION
from agent.realtime.protocol.rules.value_types import Audio, Group, Groups, Integer, Key, Text

MAX_APPEND_BYTES = 15 * 1024 * 1024
"""Of audio in one event, decoded (openai-openapi, description)."""

EVENT_TYPES = {
    # As the service itself lists them, live. Transcription sessions are no part of this.
    OPENAI_GA: (
        "session.update",
        "session.close",
        "input_audio_buffer.append",
        "session.input_audio_buffer.append",
        "input_audio_buffer.commit",
        "input_audio_buffer.clear",
        "conversation.item.create",
        "conversation.item.truncate",
        "conversation.item.delete",
        "conversation.item.retrieve",
        "response.create",
        "response.cancel",
    ),
    AZURE_GA: (
        "session.update",
        "transcription_session.update",
        "session.close",
        "input_audio_buffer.append",
        "input_audio_buffer.commit",
        "input_audio_buffer.clear",
        "conversation.item.create",
        "conversation.item.truncate",
        "conversation.item.delete",
        "conversation.item.retrieve",
        "response.create",
        "response.cancel",
    ),
    # The types of the openai package 3.52.0.
    OPENAI_BETA: (
        "session.update",
        "transcription_session.update",
        "input_audio_buffer.append",
        "input_audio_buffer.commit",
        "input_audio_buffer.clear",
        "output_audio_buffer.clear",
        "conversation.item.create",
        "conversation.item.retrieve",
        "conversation.item.truncate",
        "conversation.item.delete",
        "response.create",
        "response.cancel",
    ),
    # Azure's realtime reference.
    AZURE_PREVIEW: (
        "session.update",
        "input_audio_buffer.append",
        "input_audio_buffer.commit",
        "input_audio_buffer.clear",
        "conversation.item.create",
        "conversation.item.delete",
        "conversation.item.truncate",
        "response.create",
        "response.cancel",
    ),
}
_TRANSCRIPTION_UPDATE = "transcription_session.update"
_EVENT_ID = Key(Text(max_length=512), null=True)  # the schema alone says 512; it is held to


def check_event(event: Any, dialect: Dialect, context: Context) -> list[Violation]:
    """What the service would refuse ``event`` for, whatever the conversation; ``event`` is in
    the spelling of ``dialect``."""
    if not isinstance(event, dict) or "type" not in event:
        return [messages.no_type()]
    events = _events(dialect)
    kind = event["type"]
    if not isinstance(kind, str):
        return [messages.wrong_type("type", "a string", kind)]
    if kind not in events:
        return [messages.unsupported("type", kind, EVENT_TYPES[dialect])]
    if kind == _TRANSCRIPTION_UPDATE or _transcribes(event):
        message = (
            "Passing a transcription session update event to a realtime session is not allowed."
        )
        return [Violation("invalid_parameter", None, message, at="session.type")]
    return violations(events[kind], event, "", context)


def _transcribes(event: dict[str, Any]) -> bool:
    session = event.get("session")
    return (
        event["type"] == "session.update"
        and isinstance(session, dict)
        and session.get("type") == "transcription"
    )


@cache
def _events(dialect: Dialect) -> dict[str, Group]:
    audio = Key(Audio(MAX_APPEND_BYTES), required=True)
    item_id = Key(Text(), required=True)
    response = tree(RESPONSE, dialect)
    inputs = Key(Groups(item_group(dialect, references=True)))
    response = Group({**response.keys, "input": inputs})
    own: dict[str, dict[str, Key]] = {
        "session.update": {"session": Key(tree(SESSION, dialect), required=True)},
        "input_audio_buffer.append": {"audio": audio},
        "session.input_audio_buffer.append": {"audio": audio},
        "conversation.item.create": {
            "previous_item_id": Key(Text(), null=True),
            "item": Key(item_group(dialect), required=True),
        },
        "conversation.item.truncate": {
            "item_id": item_id,
            "content_index": Key(CONTENT_INDEX, required=True),
            "audio_end_ms": Key(Integer(0), required=True),
        },
        "conversation.item.delete": {"item_id": item_id},
        "conversation.item.retrieve": {"item_id": item_id},
        "response.create": {"response": Key(response)},
        "response.cancel": {"response_id": Key(Text())},
    }
    types = EVENT_TYPES[dialect]
    kind = Key(Text(enum=types), required=True)
    return {
        name: Group({"type": kind, "event_id": _EVENT_ID, **own.get(name, {})}) for name in types
    }
