"""Conversation items: what a client may create, by ``type``, ``role`` and kind of content."""

from __future__ import annotations

from agent.realtime.protocol.dialects import Dialect
from agent.realtime.protocol.rules.parameter_rules import FLAT, GA, Row, tree
from agent.realtime.protocol.rules.sources import LIVE, PACKAGE, SPEC
from agent.realtime.protocol.rules.tools import NAME, URI
from agent.realtime.protocol.rules.value_types import Audio, Flag, Group, Groups, Integer, Key, Text

MAX_ID_LENGTH = 32
"""In characters. The schema has no limit, the service has this one."""

_ID = Text(max_length=MAX_ID_LENGTH, pattern=NAME)
_MESSAGE = ("message",)
_CALL = ("function_call",)
_OUTPUT = ("function_call_output",)
_OF_FUNCTIONS = (*_MESSAGE, *_CALL, *_OUTPUT)
_MCP_TOOLS = ("mcp_list_tools",)
_MCP_CALL = ("mcp_call",)
_MCP_REQUEST = ("mcp_approval_request",)
_MCP_RESPONSE = ("mcp_approval_response",)
_TYPES = (*_OF_FUNCTIONS, *_MCP_TOOLS, *_MCP_CALL, *_MCP_REQUEST, *_MCP_RESPONSE)
_REFERENCE = "item_reference"

ITEM = (
    Row("type", Text(enum=_TYPES), SPEC, GA, required=True),
    Row("type", Text(enum=_OF_FUNCTIONS), PACKAGE, FLAT, required=True),
    Row("id", _ID, LIVE, when=(*_OF_FUNCTIONS, *_MCP_TOOLS)),
    Row("id", _ID, SPEC, required=True, when=(*_MCP_CALL, *_MCP_REQUEST)),
    Row(
        "id",
        _ID,
        SPEC,
        when=_MCP_RESPONSE,
        note="the schema requires it; OpenAI's own Agents SDK for JavaScript leaves it out",
    ),
    Row("object", Text(enum=("realtime.item",)), SPEC, when=_OF_FUNCTIONS),
    Row(
        "status",
        Text(enum=("completed", "incomplete", "in_progress")),
        SPEC,
        when=_OF_FUNCTIONS,
    ),
    Row("role", Text(enum=("system", "user", "assistant")), SPEC, required=True, when=_MESSAGE),
    Row("content", Groups(Group()), SPEC, required=True, when=_MESSAGE),
    Row("call_id", _ID, LIVE, when=_CALL),
    Row("call_id", _ID, LIVE, required=True, when=_OUTPUT),
    Row("name", Text(), SPEC, required=True, when=(*_CALL, *_MCP_CALL, *_MCP_REQUEST)),
    Row("arguments", Text(), SPEC, required=True, when=(*_CALL, *_MCP_CALL, *_MCP_REQUEST)),
    Row("output", Text(), SPEC, required=True, when=_OUTPUT),
    Row("output", Text(), SPEC, null=True, when=_MCP_CALL),
    Row(
        "server_label",
        Text(),
        SPEC,
        required=True,
        when=(*_MCP_TOOLS, *_MCP_CALL, *_MCP_REQUEST),
    ),
    Row("tools", Groups(Group()), SPEC, required=True, when=_MCP_TOOLS),
    Row("tools.name", Text(), SPEC, required=True),
    Row("tools.description", Text(), SPEC, null=True),
    Row("tools.input_schema", Group(), SPEC, required=True),
    Row("tools.annotations", Group(), SPEC, null=True),
    Row("error", Group(), SPEC, null=True, when=_MCP_CALL),
    Row(
        "error.type",
        Text(enum=("protocol_error", "tool_execution_error", "http_error")),
        SPEC,
        required=True,
    ),
    Row("error.code", Integer(), SPEC, required=True, when=("protocol_error", "http_error")),
    Row("error.message", Text(), SPEC, required=True),
    Row("approval_request_id", Text(), SPEC, null=True, when=_MCP_CALL),
    Row("approval_request_id", Text(), SPEC, required=True, when=_MCP_RESPONSE),
    Row("approve", Flag(), SPEC, required=True, when=_MCP_RESPONSE),
    Row("reason", Text(), SPEC, null=True, when=_MCP_RESPONSE),
)

_SAID = Text(max_length=256_000)
"""In characters; recorded for a user's text on gpt-realtime-2."""
_TEXTS = ("input_text", "output_text", "text")

CONTENT = (
    Row("text", _SAID, LIVE, required=True, when=_TEXTS),
    Row("audio", Audio(), SPEC, required=True, when=("input_audio",)),
    Row("transcript", Text(), SPEC, null=True, when=("input_audio", "output_audio")),
    Row("image_url", Text(url=URI), SPEC, GA, required=True, when=("input_image",)),
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
    base = tree(ITEM, dialect)
    kinds = dict(base.kinds)
    kinds["message"] = _message(kinds["message"], dialect)
    if not references:
        return Group(base.keys, kinds)
    kind = Key(Text(enum=(*kinds, _REFERENCE)), required=True)
    kinds[_REFERENCE] = Group({"type": kind, "id": Key(_ID, required=True)})
    return Group({**base.keys, "type": kind}, kinds)


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
    """Content of the ``allowed`` kinds; another kind is known by its type alone."""
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


CONTENT_INDEX = Integer(0)
"""The schema has any integer, its description 0. Which part has audio is for the conversation."""
