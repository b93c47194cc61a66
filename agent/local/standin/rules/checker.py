"""Check a client event against the schema, and find the first rule that it breaks."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from agent.local.standin.rules import refusals
from agent.local.standin.rules.refusals import Refusal
from agent.local.standin.rules.schema import Node, Schema

MAX_DECIMAL_PLACES = 16
"""The limit for every number, from the recorded facts."""

_CONDITION = re.compile(r"type (?:==|in) \(?([^)]+)\)?")


class Literal(float):
    """A number that keeps its text, so that its decimal places can be counted."""

    text: str

    def __new__(cls, text: str) -> Literal:
        number = super().__new__(cls, text)
        number.text = text
        return number

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__


@dataclass(frozen=True, slots=True)
class Context:
    """What a rule may depend on other than the event."""

    model: str
    """The session's model; on Azure, the model of the deployment."""


def check_event(event: Any, schema: Schema, context: Context) -> None:
    """Raise the ``Refusal`` of the first rule that ``event`` breaks."""
    if not isinstance(event, dict) or "type" not in event:
        raise Refusal("invalid_event", "The 'type' field is missing.")
    kind = event["type"]
    if not isinstance(kind, str):
        raise refusals.wrong_type("type", "a string", kind)
    if kind not in schema.event_types:
        raise refusals.not_supported("type", kind, schema.event_types)
    for broken in _EventChecker(schema, context).check(schema.events[kind], event, ""):
        raise broken


class _EventChecker:
    def __init__(self, schema: Schema, context: Context) -> None:
        self._schema = schema
        self._context = context

    def check(self, node: Node, value: Any, param: str) -> Iterator[Refusal]:
        row = node.row
        if row.get("forbidden"):
            yield refusals.unknown_parameter(param)
        elif value is None:
            if "null" not in node.types:
                yield refusals.wrong_type(param, _expected(node), value)
        elif isinstance(value, bool):
            if "boolean" not in node.types:
                yield refusals.wrong_type(param, _expected(node), value)
        elif isinstance(value, str):
            yield from self._string(node, value, param)
        elif isinstance(value, int | float):
            yield from self._number(node, value, param)
        elif isinstance(value, list):
            yield from self._array(node, value, param)
        else:
            yield from self._object(node, value, param)

    def _string(self, node: Node, value: str, param: str) -> Iterator[Refusal]:
        row, kinds = node.row, node.types
        if "string(base64)" in kinds:
            yield from _base64(value, param, row.get("max_bytes"))
            return
        literals = [kind.strip('"') for kind in kinds if kind.startswith('"')]
        plain = any(kind in {"string", "string(uri)"} for kind in kinds)
        if not plain and value not in literals:
            if not literals or len(kinds) > len(literals) + ("null" in kinds):
                yield refusals.wrong_type(param, _expected(node), value)
            else:
                yield refusals.not_supported(param, value, literals)
            return
        supported = row.get("enum")
        if supported and not row.get("open_enum") and value not in supported:
            yield refusals.not_supported(param, value, supported)
        if "max_length" in row and len(value) > row["max_length"]:
            yield refusals.too_long(param, row["max_length"], len(value))
        if "pattern" in row and not re.search(row["pattern"], value):
            yield refusals.no_match(param, row["pattern"])

    def _number(self, node: Node, value: float, param: str) -> Iterator[Refusal]:
        row = node.row
        integer = "integer" in node.types
        if not (integer and isinstance(value, int)) and "number" not in node.types:
            yield refusals.wrong_type(param, _expected(node), value)
            return
        if "minimum" in row and value < row["minimum"]:
            yield refusals.out_of_range(param, value, row["minimum"], integer=integer, above=False)
        elif "maximum" in row and value > row["maximum"]:
            yield refusals.out_of_range(param, value, row["maximum"], integer=integer, above=True)
        elif _decimal_places(value) > MAX_DECIMAL_PLACES:
            yield refusals.too_many_decimals(param)
        elif integer and "enum" in row and value not in row["enum"]:
            supported = [str(each) for each in row["enum"]]
            yield refusals.not_supported(param, str(value), supported)

    def _array(self, node: Node, value: list[Any], param: str) -> Iterator[Refusal]:
        row = node.row
        of = next((kind[6:-1] for kind in node.types if kind.startswith("array<")), None)
        if of is None:
            yield refusals.wrong_type(param, _expected(node), value)
            return
        if len(value) < row.get("min_items", 0):
            yield refusals.empty_array(param)
        if of == "string":
            supported = row.get("items_enum")
            for index, item in enumerate(value):
                if not isinstance(item, str):
                    yield refusals.wrong_type(f"{param}[{index}]", "a string", item)
                elif supported and "allowed_values" not in row and item not in supported:
                    yield refusals.not_supported(f"{param}[{index}]", item, supported)
            if "allowed_values" in row and value not in row["allowed_values"]:
                yield refusals.modalities(param, value, row["allowed_values"])
            return
        for index, item in enumerate(value):
            yield from self.check(node.items or Node(), item, f"{param}[{index}]")

    def _object(self, node: Node, value: dict[str, Any], param: str) -> Iterator[Refusal]:
        row = node.row
        if not any(kind.startswith(("object", "{", "event")) for kind in node.types):
            yield refusals.wrong_type(param, _expected(node), value)
            return
        if "object<string>" in node.types:
            yield from _strings(value, param, row)
            return
        node = _variant(node, value)
        kind, keys = _text(value.get("type")), node.keys
        for key, part in value.items():
            place = f"{param}.{key}" if param else key
            child = keys.get(key)
            if not _allowed(node, key, kind) or (child and _forbidden_here(child, kind)):
                yield refusals.unknown_parameter(place)
            elif child is not None:
                yield from self._check_availability(child, place, value)
                yield from self.check(_for_role(child, _text(value.get("role"))), part, place)
        for key, child in keys.items():
            needed = child.row.get("required") or _holds(child.row.get("required_when"), kind)
            if needed and key not in value and _allowed(node, key, kind):
                yield refusals.missing_parameter(f"{param}.{key}" if param else key)

    def _check_availability(
        self, child: Node, place: str, siblings: dict[str, Any]
    ) -> Iterator[Refusal]:
        """Check keys that only some models support, and keys that exclude another."""
        row = child.row
        transcribes = "transcription" in place.split(".")
        model = _text(siblings.get("model")) if transcribes else self._context.model
        lacks = ("models" in row and model not in row["models"]) or model in row.get(
            "models_excluded", ()
        )
        if lacks and transcribes:
            yield refusals.unknown_parameter(place)
        elif lacks and model in self._schema.known_models:
            yield refusals.unsupported_option()
        if any(other in siblings for other in row.get("excludes", ())):
            yield refusals.unknown_parameter(place)


def _variant(node: Node, value: dict[str, Any]) -> Node:
    """Return the node for this type of item, merged with what all types share."""
    special = node.variants.get(_text(value.get("type")) or "")
    if special is None:
        return node
    keys = {**node.keys, **special.keys}
    return Node(row={**node.row, **special.row}, keys=keys)


def _text(value: Any) -> str | None:
    """Return ``value`` if it is a string, which identifies a type or role; ``None`` if not."""
    return value if isinstance(value, str) else None


def _for_role(node: Node, role: str | None) -> Node:
    """Return the node of a content list, narrowed to what this role may hold."""
    kind = node.items.keys.get("type", Node()) if node.items else Node()
    by_role = kind.row.get("by_role")
    if not by_role or role not in by_role:
        return node
    assert node.items is not None
    narrowed = Node(row={**kind.row, "enum": by_role[role]})
    items = Node(row=node.items.row, keys={**node.items.keys, "type": narrowed})
    return Node(row=node.row, items=items)


def _allowed(node: Node, key: str, kind: str | None) -> bool:
    if not node.is_closed:
        return True
    by_type = node.row.get("allowed_keys_by_type")
    if by_type is None:
        return key in node.row["allowed_keys"]
    if kind in by_type:
        return key in by_type[kind]
    return any(key in keys for keys in by_type.values())


def _forbidden_here(child: Node, kind: str | None) -> bool:
    return _holds(child.row.get("forbidden_when"), kind)


def _holds(condition: str | None, kind: str | None) -> bool:
    """Whether a recorded condition such as ``type in (a, b)`` holds for this ``type``."""
    match = _CONDITION.search(condition or "")
    return match is not None and kind in match[1].split(", ")


def _strings(value: dict[str, Any], param: str, row: dict[str, Any]) -> Iterator[Refusal]:
    if len(value) > row.get("max_properties", len(value)):
        yield refusals.too_many_properties(param, row["max_properties"], len(value))
    for key, text in value.items():
        if len(key) > row.get("key_max_length", len(key)):
            yield refusals.name_too_long(param, key, row["key_max_length"])
        if not isinstance(text, str):
            yield refusals.wrong_type(f"{param}.{key}", "a string", text)
        elif len(text) > row.get("value_max_length", len(text)):
            yield refusals.too_long(f"{param}.{key}", row["value_max_length"], len(text))


def _base64(value: str, param: str, max_bytes: int | None) -> Iterator[Refusal]:
    try:
        size = len(binascii.a2b_base64(value, strict_mode=True))
    except ValueError:  # also for text that is not ASCII
        yield refusals.invalid_audio(param)
        return
    if max_bytes is not None and size > max_bytes:
        yield refusals.invalid_audio(param)


def _decimal_places(value: float) -> int:
    if isinstance(value, int):
        return 0
    exponent = Decimal(str(value)).as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


_WORDS = {
    "string": "a string",
    "string(base64)": "a string",
    "string(uri)": "a string",
    "integer": "an integer",
    "number": "a decimal",
    "boolean": "a boolean",
    "array<object>": "an array of objects",
    "array<string>": "an array of strings",
}


def _expected(node: Node) -> str:
    """Return the expected type: ``an object``, or for several ``one of 'inf' or integer``."""
    enum = node.row.get("enum")
    if enum and node.types in {("string",), ("string", "null")}:
        return (
            refusals.listed(enum, "or")
            if len(enum) == 1
            else f"one of {refusals.listed(enum, 'or')}"
        )
    words = []
    for kind in node.types:
        if kind.startswith('"'):
            words.append(f"'{kind.strip(chr(34))}'")
        elif kind != "null":
            words.append(_WORDS.get(kind, "an object"))
    words = list(dict.fromkeys(words))
    if len(words) == 1:
        return words[0]
    choice = sorted(words, key=lambda word: not word.startswith("'"))
    bare = [choice[0], *(word.split(" ", 1)[-1] for word in choice[1:])]
    return f"one of {refusals.listed(bare, 'or', quote='')}"
