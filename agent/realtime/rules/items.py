"""Conversation items: what a client may create, by ``type``, ``role`` and kind of content."""

from __future__ import annotations

from dataclasses import replace

from agent.realtime.dialects import Dialect
from agent.realtime.rules.kinds import Audio, Flag, Group, Groups, Integer, Key, Text
from agent.realtime.rules.rows import FLAT, GA, Row, tree
from agent.realtime.rules.sources import LIVE, PACKAGE, SPEC
from agent.realtime.rules.tools import NAME

MAX_ID_LENGTH = 32
"""In characters. The schema has no limit, the service has this one."""

_ID = Text(max_length=MAX_ID_LENGTH, pattern=NAME)
_MESSAGE = ("message",)
_CALL = ("function_call",)
_OUTPUT = ("function_call_output",)
_TYPES = (
    "message",
    "function_call",
    "function_call_output",
    "mcp_list_tools",
    "mcp_call",
    "mcp_approval_request",
    "mcp_approval_response",
)
_REFERENCE = "item_reference"

ITEM = (
    Row("type", Text(enum=_TYPES), SPEC, required=True),
    Row("id", _ID, LIVE),
    Row("object", Text(enum=("realtime.item",)), SPEC, when=_TYPES[:3]),
    Row(
        "status",
        Text(enum=("completed", "incomplete", "in_progress")),
        SPEC,
        when=_TYPES[:3],
    ),
    Row("role", Text(enum=("system", "user", "assistant")), SPEC, required=True, when=_MESSAGE),
    Row("content", Groups(Group()), SPEC, required=True, when=_MESSAGE),
    Row("call_id", _ID, LIVE, when=_CALL),
    Row("name", Text(), SPEC, required=True, when=(*_CALL, "mcp_call", "mcp_approval_request")),
    Row(
        "arguments",
        Text(),
        SPEC,
        required=True,
        when=(*_CALL, "mcp_call", "mcp_approval_request"),
    ),
    Row("server_label", Text(), SPEC, when=("mcp_list_tools", "mcp_call", "mcp_approval_request")),
    Row("tools", Groups(Group()), SPEC, when=("mcp_list_tools",)),
    Row("error", Group(), SPEC, null=True, when=("mcp_call",)),
    Row("approve", Flag(), SPEC, required=True, when=("mcp_approval_response",)),
    Row("reason", Text(), SPEC, null=True, when=("mcp_approval_response",)),
)
_OUTPUT_ROWS = (
    Row("call_id", _ID, LIVE, required=True),
    Row("output", Text(), SPEC, required=True),
)
_MCP_CALL_ROWS = (
    Row("output", Text(), SPEC, null=True),
    Row("approval_request_id", Text(), SPEC, null=True),
)
_APPROVAL_ROWS = (Row("approval_request_id", Text(), SPEC, required=True),)

_SAID = Text(max_length=256_000)
"""In characters; recorded for a user's text on gpt-realtime-2."""
_TEXTS = ("input_text", "output_text", "text")

CONTENT = (
    Row("text", _SAID, LIVE, required=True, when=_TEXTS),
    Row("audio", Audio(), SPEC, required=True, when=("input_audio",)),
    Row("transcript", Text(), SPEC, null=True, when=("input_audio", "output_audio")),
    Row("image_url", Text(), SPEC, GA, required=True, when=("input_image",)),
    Row("detail", Text(enum=("auto", "low", "high")), SPEC, GA, when=("input_image",)),
)
CONTENT_TYPES = (
    Row("system", Text(enum=("input_text",)), LIVE),
    Row("user", Text(enum=("input_text", "input_audio", "input_image")), LIVE, GA),
    Row("user", Text(enum=("input_text", "input_audio")), LIVE, FLAT),
    Row("assistant", Text(enum=("output_text", "output_audio")), LIVE, GA),
    Row("assistant", Text(enum=("text",)), PACKAGE, FLAT),
)
"""The kinds of content that a message may hold, by its ``role``."""


def item_group(dialect: Dialect, *, references: bool = False) -> Group:
    """An item, or also a reference to one where ``references`` are taken."""
    rows = [replace(ITEM[0], rule=Text(enum=(*_TYPES, _REFERENCE))), *ITEM[1:]]
    base = tree(rows if references else ITEM, dialect)
    extra = {
        "function_call_output": _OUTPUT_ROWS,
        "mcp_call": _MCP_CALL_ROWS,
        "mcp_approval_response": _APPROVAL_ROWS,
    }
    kinds = dict(base.kinds)
    for kind, rows_of_kind in extra.items():
        kinds[kind] = Group({**kinds[kind].keys, **tree(rows_of_kind, dialect).keys})
    kinds["message"] = _message(kinds["message"], dialect)
    if references:
        keys = base.keys
        kinds[_REFERENCE] = Group({"type": keys["type"], "id": replace(keys["id"], required=True)})
    return Group(base.keys, kinds)


def _message(message: Group, dialect: Dialect) -> Group:
    roles = tree(CONTENT_TYPES, dialect).keys
    kinds = tuple(
        dict.fromkeys(
            kind for key in roles.values() if isinstance(key.rule, Text) for kind in key.rule.enum
        )
    )
    keys = {**message.keys, "content": _content(kinds, kinds, dialect)}
    by_role = {
        role: Group({**keys, "content": _content(key.rule.enum, kinds, dialect)})
        for role, key in roles.items()
        if isinstance(key.rule, Text)
    }
    return Group(keys, roles=by_role)


def _content(allowed: tuple[str, ...], kinds: tuple[str, ...], dialect: Dialect) -> Key:
    """Content of the ``allowed`` kinds; another kind is told by its type alone."""
    rows = [Row("type", Text(enum=kinds), LIVE, required=True), *CONTENT]
    group = tree(rows, dialect)
    kind = Key(Text(enum=allowed), required=True)
    assistant_audio = {"audio": Key(Audio())}
    by_kind = {
        name: Group(
            {**part.keys, "type": kind, **(assistant_audio if name == "output_audio" else {})}
        )
        for name, part in group.kinds.items()
    }
    return Key(Groups(Group({**group.keys, "type": kind}, by_kind)), required=True)


CONTENT_INDEX = Integer(values=(0,))
