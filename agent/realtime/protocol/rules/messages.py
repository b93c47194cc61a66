"""What the service would answer, in its own words.

The sentences are those of recorded errors. Where none is recorded for a rule, one is put
together after the nearest recorded pattern.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from agent.errors import Violation


def unknown(place: str) -> Violation:
    return Violation("unknown_parameter", place, f"Unknown parameter: '{place}'.")


def missing(place: str) -> Violation:
    return Violation("missing_required_parameter", place, f"Missing required parameter: '{place}'.")


def wrong_type(place: str, expected: str, value: Any) -> Violation:
    return Violation(
        "invalid_type",
        place,
        f"Invalid type for '{place}': expected {expected}, but got {kind_of(value)} instead.",
    )


def unsupported(place: str, value: str, supported: Sequence[str]) -> Violation:
    if len(supported) == 1:
        rule = f"Value must be '{supported[0]}'."
    else:
        rule = f"Supported values are: {enumerate_words(quoted(supported), 'and')}."
    return Violation("invalid_value", place, f"Invalid value: '{value}'. {rule}")


def combination(place: str, value: Sequence[Any], supported: Sequence[Sequence[str]]) -> Violation:
    distinct = sorted(
        {tuple(sorted(each)) for each in supported}, key=lambda c: (c != ("text",), c)
    )
    names = enumerate_words([_array(each) for each in distinct], "and")
    return Violation(
        "invalid_value",
        place,
        f"Invalid modalities: {_array(sorted(value))}. Supported combinations are: {names}.",
    )


def below(place: str, value: Any, minimum: float, *, integer: bool) -> Violation:
    kind = "integer" if integer else "decimal"
    return Violation(
        f"{kind}_below_min_value",
        place,
        f"Invalid '{place}': {kind} below minimum value. "
        f"Expected a value >= {minimum}, but got {plain(value)} instead.",
    )


def above(place: str, value: Any, maximum: float, *, integer: bool) -> Violation:
    kind = "integer" if integer else "decimal"
    return Violation(
        f"{kind}_above_max_value",
        place,
        f"Invalid '{place}': {kind} above maximum value. "
        f"Expected a value <= {maximum}, but got {plain(value)} instead.",
    )


def too_many_decimals(place: str) -> Violation:
    return Violation(None, place, f"Invalid '{place}': max decimal places exceeded")


def too_long(place: str, length: int, maximum: int) -> Violation:
    return Violation(
        "string_above_max_length",
        place,
        f"Invalid '{place}': string too long. Expected a string with maximum length {maximum}, "
        f"but got a string with length {length} instead.",
    )


def no_match(place: str, pattern: str) -> Violation:
    return Violation(
        "invalid_value",
        place,
        f"Invalid '{place}': string does not match pattern. "
        f"Expected a string that matches the pattern '{pattern}'.",
    )


def empty_array(place: str) -> Violation:
    return Violation(
        "empty_array",
        place,
        f"Invalid '{place}': empty array. Expected an array with minimum length 1, "
        "but got an empty array instead.",
    )


def too_many_keys(place: str, count: int, maximum: int) -> Violation:
    return Violation(
        "object_above_max_properties",
        place,
        f"Invalid '{place}': too many properties. Expected an object with at most {maximum} "
        f"properties, but got an object with {count} properties instead.",
    )


def key_too_long(place: str, key: str, maximum: int) -> Violation:
    return Violation(
        "string_above_max_length",
        f"{place}.{key}",
        f"Invalid property name in '{place}': '{key}' is too long. Expected a property name "
        f"with maximum length {maximum}, but got one with length {len(key)} instead.",
    )


def lacking_in_model(place: str) -> Violation:
    """The service names neither key nor event here; ``at`` keeps the place for people."""
    return Violation("invalid_value", None, UNSUPPORTED_BY_MODEL, at=place)


def not_audio(place: str) -> Violation:
    return Violation(
        "invalid_value",
        place,
        "Invalid 'audio'. Expected base64-encoded audio bytes (mono PCM16 at 24kHz) but got an "
        "invalid value.",
    )


def no_type() -> Violation:
    return Violation("invalid_event", None, "The 'type' field is missing.")


def not_json(reason: str) -> Violation:
    return Violation(
        "invalid_json", None, f"Invalid event: failed to parse JSON value. {reason}".rstrip()
    )


UNSUPPORTED_BY_MODEL = "Unsupported option for this model"
"""Comes with neither an event id nor a ``param``."""
LONE_SURROGATE = "The text holds half a character, a lone surrogate, which UTF-8 cannot encode."


def not_unicode(place: str) -> Violation:
    return Violation("invalid_value", place, f"Invalid '{place}'. {LONE_SURROGATE}")


def not_a_url(place: str) -> Violation:
    return Violation(
        "invalid_value",
        place,
        f"Invalid '{place}'. Expected a valid URL, but got a value with an invalid format.",
    )


def missing_one_of(place: str, names: Sequence[str]) -> Violation:
    """One of ``names``, keys of the object at ``place``, has to be there."""
    before = f"{place}." if place else ""
    wanted = enumerate_words(quoted([f"{before}{name}" for name in names]), "or")
    message = f"Missing required parameter: one of {wanted}."
    return Violation("missing_required_parameter", f"{before}{names[0]}", message)


def kind_of(value: Any) -> str:
    """What JSON calls ``value``, with its article."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int():
            return "an integer"
        case float():
            return "a decimal number"
        case str():
            return "a string"
        case list() | tuple():
            return "an array"
        case _:
            return "an object"


def quoted(values: Sequence[str]) -> list[str]:
    return [f"'{value}'" for value in values]


def enumerate_words(words: Sequence[str], last: str) -> str:
    """``a, b, and c``; two go without a comma."""
    if len(words) < 3:
        return f" {last} ".join(words)
    return f"{', '.join(words[:-1])}, {last} {words[-1]}"


def plain(value: Any) -> str:
    """A number as a person writes it, without an exponent."""
    text = str(value)
    return format(Decimal(text), "f") if "e" in text.lower() else text


def _array(values: Sequence[Any]) -> str:
    return f"[{', '.join(repr(value) for value in values)}]"
