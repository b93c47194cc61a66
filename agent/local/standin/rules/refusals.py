"""The ``error`` events of the service, with its recorded messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any


class Refusal(Exception):
    """A client event breaks a rule. The event changes nothing, and the session continues."""

    def __init__(
        self,
        code: str | None,
        message: str,
        *,
        param: str | None = None,
        type: str = "invalid_request_error",
        echo_event_id: bool = True,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param
        self.type = type
        self.echo_event_id = echo_event_id
        """Whether ``error.event_id`` is set: for some rules the service leaves it null."""

    def as_error(self, event: Any) -> dict[str, Any]:
        """Return the ``error`` object that answers ``event``."""
        event_id = event.get("event_id") if isinstance(event, dict) else None
        return {
            "type": self.type,
            "code": self.code,
            "message": self.message,
            "param": self.param,
            "event_id": event_id if self.echo_event_id else None,
        }


def unknown_parameter(param: str) -> Refusal:
    return Refusal("unknown_parameter", f"Unknown parameter: '{param}'.", param=param)


def missing_parameter(param: str) -> Refusal:
    return Refusal(
        "missing_required_parameter", f"Missing required parameter: '{param}'.", param=param
    )


def wrong_type(param: str, expected: str, value: Any) -> Refusal:
    message = f"Invalid type for '{param}': expected {expected}, but got {kind(value)} instead."
    return Refusal("invalid_type", message, param=param)


def not_supported(param: str, value: str, supported: Sequence[str]) -> Refusal:
    if len(supported) == 1:
        rule = f"Value must be '{supported[0]}'."
    else:
        rule = f"Supported values are: {listed(supported, 'and')}."
    return Refusal("invalid_value", f"Invalid value: '{value}'. {rule}", param=param)


def modalities(param: str, value: Sequence[Any], allowed: Iterable[Sequence[str]]) -> Refusal:
    # ['text', 'audio'] in either order is one combination; text alone is named first.
    distinct = {tuple(sorted(each)) for each in allowed}
    ordered = sorted(distinct, key=lambda each: (each != ("text",), each))
    names = listed([_quoted(each) for each in ordered], "and", quote="")
    message = f"Invalid modalities: {_quoted(sorted(value))}. Supported combinations are: {names}."
    return Refusal("invalid_value", message, param=param)


def out_of_range(param: str, value: Any, bound: Any, *, integer: bool, above: bool) -> Refusal:
    """``bound`` is the minimum that ``value`` is below, or the maximum that it is above."""
    name = "integer" if integer else "decimal"
    side, end, sign = ("above", "maximum", "<=") if above else ("below", "minimum", ">=")
    message = (
        f"Invalid '{param}': {name} {side} {end} value. "
        f"Expected a value {sign} {bound}, but got {_plain(value)} instead."
    )
    return Refusal(f"{name}_{side}_{end[:3]}_value", message, param=param)


def too_many_decimals(param: str) -> Refusal:
    return Refusal(None, f"Invalid '{param}': max decimal places exceeded", param=param)


def too_long(param: str, maximum: int, length: int) -> Refusal:
    message = (
        f"Invalid '{param}': string too long. Expected a string with maximum length {maximum}, "
        f"but got a string with length {length} instead."
    )
    return Refusal("string_above_max_length", message, param=param)


def no_match(param: str, pattern: str) -> Refusal:
    message = (
        f"Invalid '{param}': string does not match pattern. "
        f"Expected a string that matches the pattern '{pattern}'."
    )
    return Refusal("invalid_value", message, param=param)


def empty_array(param: str) -> Refusal:
    message = (
        f"Invalid '{param}': empty array. Expected an array with minimum length 1, "
        "but got an empty array instead."
    )
    return Refusal("empty_array", message, param=param)


def too_many_properties(param: str, maximum: int, count: int) -> Refusal:
    message = (
        f"Invalid '{param}': too many properties. Expected an object with at most {maximum} "
        f"properties, but got an object with {count} properties instead."
    )
    return Refusal("object_above_max_properties", message, param=param)


def name_too_long(param: str, name: str, maximum: int) -> Refusal:
    message = (
        f"Invalid property name in '{param}': '{name}' is too long. Expected a property name "
        f"with maximum length {maximum}, but got one with length {len(name)} instead."
    )
    return Refusal("string_above_max_length", message, param=f"{param}.{name}")


def unsupported_option() -> Refusal:
    """Return the refusal of anything the model lacks. It names neither event nor key."""
    return Refusal("invalid_value", "Unsupported option for this model", echo_event_id=False)


def invalid_audio(param: str) -> Refusal:
    message = (
        "Invalid 'audio'. Expected base64-encoded audio bytes (mono PCM16 at 24kHz) but got an "
        "invalid value."
    )
    return Refusal("invalid_value", message, param=param)


def kind(value: Any) -> str:
    """Return the JSON type of ``value``, with its article."""
    names: dict[type, str] = {
        bool: "a boolean",
        int: "an integer",
        str: "a string",
        list: "an array",
        dict: "an object",
        type(None): "null",
    }
    return names.get(type(value), "a decimal number")


def listed(items: Sequence[str], last: str, *, quote: str = "'") -> str:
    """Join ``items``: ``'a', 'b', and 'c'``; two without a comma."""
    quoted = [f"{quote}{item}{quote}" for item in items]
    if len(quoted) < 3:
        return f" {last} ".join(quoted)
    return f"{', '.join(quoted[:-1])}, {last} {quoted[-1]}"


def _quoted(values: Sequence[Any]) -> str:
    return f"[{', '.join(repr(value) for value in values)}]"


def _plain(value: Any) -> str:
    """Format a number without an exponent, with only the places it has."""
    text = str(value)
    return format(Decimal(text), "f") if "e" in text.lower() else text
