"""The recorded parameters as a tree that an event can be held against."""

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
"""The parts of the overlay that hold for a dialect, the most particular last."""

_TREES = {"session", "response", "item"}
_STEP = re.compile(r"\[\]|\(\w+\)|[^.\[(]+")


@dataclass(slots=True)
class Node:
    """A place in an event: the row that rules it, and the places below."""

    row: dict[str, Any] = field(default_factory=dict)
    keys: dict[str, Node] = field(default_factory=dict)
    variants: dict[str, Node] = field(default_factory=dict)
    """Of a list's items, by their ``type``."""
    items: Node | None = None

    @property
    def types(self) -> tuple[str, ...]:
        """The kinds of value it takes: ``string``, ``object``, ``null``, ``"inf"`` and so on."""
        kinds = str(self.row.get("type", "object")).split("|")
        if self.row.get("nullable"):
            kinds.append("null")
        return tuple(dict.fromkeys(kinds))

    @property
    def closed(self) -> bool:
        return "allowed_keys" in self.row or "allowed_keys_by_type" in self.row


@dataclass(frozen=True, slots=True)
class Schema:
    """All client events of a dialect."""

    events: dict[str, Node]
    """An event's own fields, by its type; ``type`` and ``event_id`` are everyone's."""
    event_types: tuple[str, ...]
    known_models: frozenset[str]
    """Models of the service: what one of them lacks is refused, of others nothing is known."""


@cache
def schema_of(dialect: str) -> Schema:
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
    """Hang the three big trees where events carry them."""
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
    # Recorded once, on the session; a response takes the same objects.
    for key in ("tools", "tool_choice"):
        if key in response.keys and key in session.keys:
            response.keys[key] = session.keys[key]


def _or_reference(item: Node) -> Node:
    """What a response may be given as input: an item, or a reference to one."""
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
