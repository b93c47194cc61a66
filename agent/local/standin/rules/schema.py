"""The recorded parameters of a dialect, as a tree for each client event."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

FACTS = Path(__file__).resolve().parent.parent / "facts"

GROUPS = {
    "openai_ga": ("all", "ga", "openai_ga"),
    "azure_ga": ("all", "ga", "azure_ga"),
    "openai_beta": ("all", "flat", "openai_beta"),
    "azure_preview": ("all", "flat", "azure_preview"),
}
"""The parts of the overlay that apply to a dialect, the most specific last."""

_TREES = {"session", "response", "item"}
_STEP = re.compile(r"\[\]|\(\w+\)|[^.\[(]+")


@dataclass(slots=True)
class Node:
    """A value in an event: the row with its rules, and the values within it."""

    row: dict[str, Any] = field(default_factory=dict)
    keys: dict[str, Node] = field(default_factory=dict)
    variants: dict[str, Node] = field(default_factory=dict)
    """For the items of a list: the node of each ``type``."""
    items: Node | None = None

    @property
    def types(self) -> tuple[str, ...]:
        """The accepted types: ``string``, ``object``, ``null``, ``"inf"`` and so on."""
        kinds = str(self.row.get("type", "object")).split("|")
        if self.row.get("nullable"):
            kinds.append("null")
        return tuple(dict.fromkeys(kinds))

    @property
    def is_closed(self) -> bool:
        return "allowed_keys" in self.row or "allowed_keys_by_type" in self.row


@dataclass(frozen=True, slots=True)
class Schema:
    """All client events of a dialect."""

    events: dict[str, Node]
    """The node of each event, by its type; ``type`` and ``event_id`` are added to all."""
    event_types: tuple[str, ...]
    known_models: frozenset[str]
    """The service's models: options that one of them lacks are refused; others are not checked."""


@cache
def schema_of(dialect: str) -> Schema:
    """Return the schema of ``dialect``, from the facts and the overlay."""
    rows = _rows(dialect)
    types = tuple(rows["event.type"]["enum"])
    trees = {name: Node() for name in _TREES}
    events = {name: Node() for name in types}
    for path, row in rows.items():
        event = max((name for name in types if path.startswith(f"{name}.")), key=len, default="")
        root, _, rest = path.partition(".")
        if event and rest and path != "session.update":
            _place(events[event], path[len(event) + 1 :], row)
        elif root in trees:
            _place(trees[root], rest, row)
    for name, node in events.items():
        node.row["allowed_keys"] = ["type", "event_id", *_own_keys(name, node)]
        for field_name in ("type", "event_id"):
            node.keys[field_name] = Node(row=rows[f"event.{field_name}"])
    _attach(events, trees)
    models = _rows("openai_ga")["session.model"]["enum_known"]
    return Schema(events, types, frozenset(models))


def _own_keys(event: str, node: Node) -> list[str]:
    extra = {
        "response.create": ["response"],
        "conversation.item.create": ["item"],
        "transcription_session.update": ["session"],
    }
    return list(dict.fromkeys([*node.keys, *extra.get(event, [])]))


def _attach(events: dict[str, Node], trees: dict[str, Node]) -> None:
    """Attach the trees of session, response and item to the events that hold them."""
    for event, key in (
        ("session.update", "session"),
        ("response.create", "response"),
        ("conversation.item.create", "item"),
    ):
        tree = trees[key]
        required = events[event].keys.get(key, Node()).row.get("required", False)
        tree.row = {"type": "object", **tree.row, "required": required}
        events[event].keys[key] = tree
    response, session = trees["response"], trees["session"]
    response.keys["input"].items = _or_reference(trees["item"])
    # The facts record these once, for the session; a response takes the same objects.
    for key in ("tools", "tool_choice"):
        if key in response.keys and key in session.keys:
            response.keys[key] = session.keys[key]


def _or_reference(item: Node) -> Node:
    """Return the node of a response's input: an item, or a reference to one."""
    by_type = {**item.row["allowed_keys_by_type"], "item_reference": ["type", "id"]}
    kind = item.keys["type"]
    named = Node(row={**kind.row, "enum": [*kind.row["enum"], "item_reference"]})
    return Node(
        row={**item.row, "allowed_keys_by_type": by_type}, keys={**item.keys, "type": named}
    )


def _rows(dialect: str) -> dict[str, dict[str, Any]]:
    recorded = json.loads((FACTS / "parameters.json").read_text(encoding="utf-8"))[dialect]
    overlay = json.loads((FACTS / "overlay.json").read_text(encoding="utf-8"))
    rows = {path: dict(row) for path, row in recorded.items()}
    for group in GROUPS[dialect]:
        for path, change in overlay[group].items():
            rows.setdefault(path, {}).update(change)
    return rows


def _place(node: Node, path: str, row: dict[str, Any]) -> None:
    for step in _steps(path):
        if step == "[]":
            node.items = node.items or Node(row={"type": "object"})
            node = node.items
        elif step.startswith("("):
            node = node.variants.setdefault(step[1:-1], Node(row={"type": "object"}))
        else:
            node = node.keys.setdefault(step, Node())
    node.row = {**node.row, **row}


def _steps(path: str) -> Iterator[str]:
    return (match[0] for match in _STEP.finditer(path) if match[0])
