"""Tools and the choice of one: alike in a session and in a response."""

from __future__ import annotations

import re

from agent.realtime.protocol.rules.parameter_rules import FLAT, GA, Row, Setting
from agent.realtime.protocol.rules.sources import AZURE, BETA, LIVE, SPEC
from agent.realtime.protocol.rules.value_types import (
    Either,
    Flag,
    Group,
    Groups,
    Labels,
    Literals,
    Text,
    Texts,
)

CONNECTORS = (
    *("dropbox", "gmail", "googlecalendar", "googledrive"),
    *("microsoftteams", "outlookcalendar", "outlookemail", "sharepoint"),
)
NAME = re.compile(r"[a-zA-Z0-9_-]+")
_URI_CHARACTERS = r"(?:[!#$&-;=?-\[\]_a-z~]++|%[0-9A-Fa-f]{2})*+"
"""Those of RFC 3986."""
URI = re.compile(rf"[A-Za-z][A-Za-z0-9+.-]*:(?!$){_URI_CHARACTERS}")
WEB_ADDRESS = re.compile(rf"(?i:https?)://[A-Za-z0-9\[]{_URI_CHARACTERS}")

_FUNCTION = ("function",)
_MCP = ("mcp",)


def _filter(path: str) -> tuple[Row, ...]:
    """Which of a server's tools: by name, or those that only read."""
    return (
        Row(f"{path}.tool_names", Texts(), SPEC, GA),
        Row(f"{path}.read_only", Flag(), SPEC, GA),
    )


TOOLS = (
    Row("tools", Groups(Group()), SPEC),
    Row("tools.type", Text(enum=("function", "mcp")), SPEC, GA, True),
    Row("tools.type", Text(enum=("function",)), BETA, FLAT, True),
    Row(
        "tools.name",
        Text(pattern=NAME),
        LIVE,
        required=True,
        when=_FUNCTION,
        note="the schema has it optional, the service wants it",
    ),
    Row("tools.description", Text(), SPEC, when=_FUNCTION),
    Row("tools.parameters", Group(), SPEC, when=_FUNCTION),
    Row("tools.server_label", Text(), SPEC, GA, True, when=_MCP),
    Row(
        "tools.server_url",
        Text(url=WEB_ADDRESS),
        f"{SPEC}, description",
        GA,
        when=_MCP,
        or_else=("connector_id", "tunnel_id"),
    ),
    Row(
        "tools.connector_id",
        Text(enum=tuple(f"connector_{name}" for name in CONNECTORS)),
        SPEC,
        GA,
        when=_MCP,
    ),
    Row("tools.tunnel_id", Text(pattern=re.compile("tunnel_[a-z0-9]{32}")), SPEC, GA, when=_MCP),
    Row("tools.authorization", Text(), SPEC, GA, when=_MCP),
    Row("tools.server_description", Text(), SPEC, GA, when=_MCP),
    Row("tools.headers", Labels(), SPEC, GA, null=True, when=_MCP),
    Row("tools.allowed_tools", Either(Texts(), Group()), SPEC, GA, null=True, when=_MCP),
    *_filter("tools.allowed_tools"),
    Row(
        "tools.allowed_callers",
        Texts(enum=("direct", "programmatic"), min_items=1),
        SPEC,
        GA,
        null=True,
        when=_MCP,
    ),
    Row(
        "tools.require_approval",
        Either(Literals(("always", "never")), Group()),
        SPEC,
        GA,
        null=True,
        when=_MCP,
    ),
    Row("tools.require_approval.always", Group(), SPEC, GA),
    *_filter("tools.require_approval.always"),
    Row("tools.require_approval.never", Group(), SPEC, GA),
    *_filter("tools.require_approval.never"),
    Row("tools.defer_loading", Flag(), SPEC, GA, when=_MCP),
)

TOOL_CHOICE = (
    Row(
        "tool_choice",
        Either(Text(enum=("none", "auto", "required")), Group()),
        SPEC,
        setting=Setting("Whether the model may, must or must not call a tool."),
    ),
    Row("tool_choice.type", Text(enum=("function", "mcp")), SPEC, GA, True),
    Row("tool_choice.name", Text(), SPEC, GA, True, when=_FUNCTION),
    Row("tool_choice.server_label", Text(), SPEC, GA, True, when=_MCP),
    Row("tool_choice.name", Text(), SPEC, GA, null=True, when=_MCP),
    Row("tool_choice.type", Text(enum=("function",)), AZURE, FLAT, True),
    Row("tool_choice.function", Group(), AZURE, FLAT, or_else=("name",)),
    Row("tool_choice.function.name", Text(), AZURE, FLAT, True),
    Row(
        "tool_choice.name",
        Text(),
        SPEC,
        FLAT,
        note="nested in Azure's reference, side by side in the schema: both are taken",
    ),
)
