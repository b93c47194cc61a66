"""Holds a value against its rule and says everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pybase64

from agent.errors import Violation
from agent.realtime.protocol.rules import messages
from agent.realtime.protocol.rules.expected import expected
from agent.realtime.protocol.rules.models import SPEECH_MODELS, TRANSCRIPTION_MODELS
from agent.realtime.protocol.rules.value_types import (
    Audio,
    Either,
    Entries,
    Flag,
    Group,
    Groups,
    Integer,
    Key,
    Labels,
    Literals,
    Number,
    Rule,
    Text,
    Texts,
)

Found = list[Violation]

MAX_DECIMALS = 16
"""Of a number, as written. Recorded for a threshold (realtime.md, section 0, point 6)."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a rule depends on besides the event."""

    model: str = ""
    """The model in use, where it is one whose options are known; else nothing is gated."""
    closed: bool = True
    """The service is OpenAI's or Azure's own: its lists of voices and models hold."""


def violations(rule: Rule, value: Any, place: str, context: Context) -> list[Violation]:
    """What is wrong with ``value`` at ``place``, in the order of its own keys.

    ``value`` is what ``json.loads`` gives; ``null`` is the business of the key that holds it.
    """
    found: list[Violation] = []
    _JUDGES[type(rule)](rule, value, place, context, found)
    return found


def _group(group: Group, value: Any, place: str, context: Context, found: Found) -> None:
    if not isinstance(value, dict):
        found.append(messages.wrong_type(place, expected(group), value))
        return
    known: Container[str] = ()
    while group.chooser:
        name = value.get(group.chooser)
        kind = group.chosen.get(name) if isinstance(name, str) else None
        if kind is None:
            known = group.known_keys
            break
        group = kind
    keys = group.keys
    known = known or keys
    for name, item in value.items():
        key = keys.get(name)
        if key is not None:
            if type(item) is key.quick_type and key.quick(item):
                continue
            at = f"{place}.{name}" if place else name
            if key.conditional:
                _conditions(key, at, value, context, found)
            if item is not None:
                rule = key.rule
                _JUDGES[type(rule)](rule, item, at, context, found)
            elif not key.null:
                found.append(messages.wrong_type(at, expected(key.rule), None))
        elif known and name not in known:
            found.append(messages.unknown(f"{place}.{name}" if place else name))
    for name in group.required:
        if name not in value:
            found.append(messages.missing(f"{place}.{name}" if place else name))
    for names in group.alternatives:
        if not any(name in value for name in names):
            found.append(messages.missing_one_of(place, names))


def _conditions(
    key: Key, place: str, siblings: dict[str, Any], context: Context, found: Found
) -> None:
    """What the key's being there at all depends on: what stands beside it, and the model. A
    transcription's options depend on its own model, all others on the session's."""
    if key.excludes and key.excludes in siblings:
        found.append(messages.unknown(place))
    if not key.models and not key.not_models:
        return
    transcribes = "transcription" in place.split(".")
    model = siblings.get("model") if transcribes else context.model
    if not isinstance(model, str) or not _gated(model, transcribes, context):
        return
    if (key.models and model not in key.models) or model in key.not_models:
        found.append(messages.unknown(place) if transcribes else messages.lacking_in_model(place))


def _gated(model: str, transcribes: bool, context: Context) -> bool:
    """Whether it is known what ``model`` lacks."""
    if transcribes:
        return model in TRANSCRIPTION_MODELS or context.closed
    return model in SPEECH_MODELS


def _text(rule: Text, value: Any, place: str, context: Context, found: Found) -> None:
    if not isinstance(value, str):
        found.append(messages.wrong_type(place, expected(rule), value))
        return
    if not is_encodable(value):
        found.append(messages.not_unicode(place))
        return
    supported = rule.enum or (rule.known if context.closed else ())
    if supported and value not in supported:
        found.append(messages.unsupported(place, value, supported))
    if rule.max_length is not None and len(value) > rule.max_length:
        found.append(messages.too_long(place, len(value), rule.max_length))
    if rule.pattern is not None and not rule.pattern.fullmatch(value):
        found.append(messages.no_match(place, f"^{rule.pattern.pattern}$"))
    if rule.url is not None and not rule.url.fullmatch(value):
        found.append(messages.not_a_url(place))


def is_encodable(text: str) -> bool:
    """Whether ``text`` is whole characters; one with a lone surrogate cannot be sent."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _number(rule: Number, value: Any, place: str, context: Context, found: Found) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        found.append(messages.wrong_type(place, expected(rule), value))
    elif rule.minimum is not None and not value >= rule.minimum:  # NaN is neither
        found.append(messages.below(place, value, rule.minimum, integer=False))
    elif rule.maximum is not None and value > rule.maximum:
        found.append(messages.above(place, value, rule.maximum, integer=False))
    elif isinstance(value, float) and decimals(value) > MAX_DECIMALS:
        found.append(messages.too_many_decimals(place))


def _integer(rule: Integer, value: Any, place: str, context: Context, found: Found) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        found.append(messages.wrong_type(place, expected(rule), value))
    elif rule.minimum is not None and value < rule.minimum:
        found.append(messages.below(place, value, rule.minimum, integer=True))
    elif rule.maximum is not None and value > rule.maximum:
        found.append(messages.above(place, value, rule.maximum, integer=True))


def decimals(value: float) -> int:
    """The decimal places of ``value`` as JSON has it; 0 for a number that JSON has not."""
    text = repr(value)
    if "e" not in text:
        return len(text.partition(".")[2])
    exponent = Decimal(text).as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _either(rule: Either, value: Any, place: str, context: Context, found: Found) -> None:
    first, second = rule.first, rule.second
    if isinstance(value, _PYTHON[type(second)]) and not isinstance(value, bool):
        _JUDGES[type(second)](second, value, place, context, found)
    elif isinstance(first, Literals):
        if not isinstance(value, str) or value not in first.values:
            found.append(messages.wrong_type(place, expected(rule), value))
    elif isinstance(value, _PYTHON[type(first)]):
        _JUDGES[type(first)](first, value, place, context, found)
    else:
        found.append(messages.wrong_type(place, expected(rule), value))


_PYTHON: dict[type[Any], type] = {Text: str, Texts: list, Integer: int, Group: dict}


def _texts(rule: Texts, value: Any, place: str, context: Context, found: Found) -> None:
    if not isinstance(value, list):
        found.append(messages.wrong_type(place, expected(rule), value))
        return
    if len(value) < rule.min_items:
        found.append(messages.empty_array(place))
    strings = True
    for index, item in enumerate(value):
        if not isinstance(item, str):
            strings = False
            found.append(messages.wrong_type(f"{place}[{index}]", "a string", item))
        elif not is_encodable(item):
            strings = False
            found.append(messages.not_unicode(f"{place}[{index}]"))
        elif rule.enum and item not in rule.enum:
            found.append(messages.unsupported(f"{place}[{index}]", item, rule.enum))
    if rule.combinations and strings and tuple(value) not in rule.combinations:
        found.append(messages.combination(place, value, rule.combinations))


def _audio(rule: Audio, value: Any, place: str, context: Context, found: Found) -> None:
    if not isinstance(value, str):
        found.append(messages.wrong_type(place, expected(rule), value))
    elif not is_audio(value, rule.max_bytes):
        found.append(messages.not_audio(place))


def is_audio(text: str, max_bytes: int | None) -> bool:
    """Whether ``text`` is base64, of no more than ``max_bytes`` once decoded."""
    try:
        size = len(pybase64.b64decode(text, validate=True))
    except ValueError:  # also for text that is not ASCII
        return False
    return max_bytes is None or size <= max_bytes


def _labels(rule: Labels, value: Any, place: str, context: Context, found: Found) -> None:
    if not isinstance(value, dict):
        found.append(messages.wrong_type(place, expected(rule), value))
        return
    if rule.max_keys is not None and len(value) > rule.max_keys:
        found.append(messages.too_many_keys(place, len(value), rule.max_keys))
    for name, item in value.items():
        if rule.max_key_length is not None and len(name) > rule.max_key_length:
            found.append(messages.key_too_long(place, name, rule.max_key_length))
        if not isinstance(item, str):
            found.append(messages.wrong_type(f"{place}.{name}", "a string", item))
        elif not is_encodable(item):
            found.append(messages.not_unicode(f"{place}.{name}"))
        elif rule.max_length is not None and len(item) > rule.max_length:
            found.append(messages.too_long(f"{place}.{name}", len(item), rule.max_length))


def _flag(rule: Flag, value: Any, place: str, context: Context, found: Found) -> None:
    if not isinstance(value, bool):
        found.append(messages.wrong_type(place, expected(rule), value))


def _literals(rule: Literals, value: Any, place: str, context: Context, found: Found) -> None:
    if not isinstance(value, str):
        found.append(messages.wrong_type(place, expected(rule), value))
    elif value not in rule.values:
        found.append(messages.unsupported(place, value, rule.values))


def _entries(rule: Entries, value: Any, place: str, context: Context, found: Found) -> None:
    if not isinstance(value, dict):
        found.append(messages.wrong_type(place, expected(rule), value))
        return
    of = rule.of
    for name, item in value.items():
        _JUDGES[type(of)](of, item, f"{place}.{name}", context, found)


def _groups(rule: Groups, value: Any, place: str, context: Context, found: Found) -> None:
    if not isinstance(value, list):
        found.append(messages.wrong_type(place, expected(rule), value))
        return
    for index, item in enumerate(value):
        _group(rule.of, item, f"{place}[{index}]", context, found)


_JUDGES: dict[type[Any], Callable[[Any, Any, str, Context, Found], None]] = {
    Text: _text,
    Number: _number,
    Integer: _integer,
    Flag: _flag,
    Literals: _literals,
    Audio: _audio,
    Texts: _texts,
    Labels: _labels,
    Group: _group,
    Groups: _groups,
    Either: _either,
    Entries: _entries,
}
