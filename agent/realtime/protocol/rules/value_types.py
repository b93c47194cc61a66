"""What a value may be: the few kinds of rule that the Realtime API's schema is made of.

A rule says nothing of its place. Rows (``parameter_rules.py``) put rules at places, and say where
from.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Text:
    """A string. ``known`` is a list that only the services themselves hold to, such as voices;
    ``enum`` one that every server of the protocol does."""

    enum: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    max_length: int | None = None
    """In characters."""
    pattern: re.Pattern[str] | None = None
    url: re.Pattern[str] | None = None
    """What a URL in its place looks like."""


NOT_EMPTY = Text(pattern=re.compile(".+", re.DOTALL))
"""A name, which no service looks up when it is empty."""


@dataclass(frozen=True, slots=True)
class Number:
    """A decimal number, an integer among them; bounds included."""

    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number; bounds included."""

    minimum: int | None = None
    maximum: int | None = None


@dataclass(frozen=True, slots=True)
class Flag:
    """``true`` or ``false``."""


@dataclass(frozen=True, slots=True)
class Literals:
    """One of a few strings, where something that is no string may stand instead."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Audio:
    """Audio in base64."""

    max_bytes: int | None = None
    """Decoded."""


@dataclass(frozen=True, slots=True)
class Texts:
    """An array of strings."""

    enum: tuple[str, ...] = ()
    combinations: tuple[tuple[str, ...], ...] = ()
    """Where only these will do, in this order of theirs."""
    min_items: int = 0


@dataclass(frozen=True, slots=True)
class Labels:
    """An object with strings for values."""

    max_keys: int | None = None
    max_key_length: int | None = None
    max_length: int | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """An object. Its keys are a closed set, unless it has none: then any will do."""

    keys: Mapping[str, Key] = field(default_factory=dict)
    kinds: Mapping[str, Group] = field(default_factory=dict)
    """Where its ``type`` decides: the group for each."""
    roles: Mapping[str, Group] = field(default_factory=dict)
    """Where its ``role`` decides."""

    # Made of those, once.
    chooser: str = field(init=False, repr=False, compare=False)
    """The key whose value decides which group it is; empty if none does."""
    chosen: Mapping[str, Group] = field(init=False, repr=False, compare=False)
    known_keys: frozenset[str] = field(init=False, repr=False, compare=False)
    """The keys of all kinds together: for an object whose kind is not known."""
    required: tuple[str, ...] = field(init=False, repr=False, compare=False)
    alternatives: tuple[tuple[str, ...], ...] = field(init=False, repr=False, compare=False)
    """Keys of which at least one has to be there."""

    def __post_init__(self) -> None:
        parts = (*self.kinds.values(), *self.roles.values())
        keys = self.keys.items()
        for name, value in {
            "chooser": "type" if self.kinds else "role" if self.roles else "",
            "chosen": self.kinds or self.roles,
            "known_keys": frozenset(self.keys).union(*(part.known_keys for part in parts)),
            "required": tuple(name for name, key in keys if key.required),
            "alternatives": tuple((name, *key.or_else) for name, key in keys if key.or_else),
        }.items():
            object.__setattr__(self, name, value)


@dataclass(frozen=True, slots=True)
class Entries:
    """An object with any keys, whose values are all held to one rule."""

    of: Either


@dataclass(frozen=True, slots=True)
class Groups:
    """An array of objects."""

    of: Group


@dataclass(frozen=True, slots=True)
class Either:
    """A value of one JSON type by the first rule, or of another by the second."""

    first: Literals | Text | Texts
    second: Integer | Group


Rule = (
    Text
    | Number
    | Integer
    | Flag
    | Literals
    | Audio
    | Texts
    | Labels
    | Group
    | Groups
    | Either
    | Entries
)


@dataclass(frozen=True, slots=True)
class Key:
    """A rule at its place in an object."""

    rule: Rule
    required: bool = False
    null: bool = False
    """``null`` is allowed too."""
    models: frozenset[str] = frozenset()
    """Only these models have it; empty for all."""
    not_models: frozenset[str] = frozenset()
    """These models have it not."""
    excludes: str = ""
    """The key beside it that it cannot stand with."""
    or_else: tuple[str, ...] = ()
    """The keys beside it of which one has to be there if it is not."""

    conditional: bool = field(init=False, default=False)
    """Whether its being there depends on the model or on what stands beside it."""
    quick_type: type[Any] | None = field(init=False, default=None)
    quick: Callable[[Any], object] = field(init=False, default=bool)
    """True for most values of ``quick_type`` that are right, false for all that are wrong: most of
    what events hold is judged in one call."""

    def __post_init__(self) -> None:
        conditional = bool(self.models or self.not_models or self.excludes)
        object.__setattr__(self, "conditional", conditional)
        quick = None if conditional else _quick(self.rule)
        if quick is not None:
            object.__setattr__(self, "quick_type", quick[0])
            object.__setattr__(self, "quick", quick[1])


def _quick(rule: Rule) -> tuple[type[Any], Callable[[Any], object]] | None:
    match rule:
        case Text(max_length=None, pattern=None, url=None):
            names = rule.enum or rule.known
            return str, frozenset(names).__contains__ if names else str.isascii
        case Either(first=Literals(values=values)):
            return str, frozenset(values).__contains__
        case Either(first=Text() as first) if first.enum or first.known:
            return str, frozenset(first.enum or first.known).__contains__
        case Flag():
            return bool, frozenset({True, False}).__contains__
        case Integer():
            low, high = _bounds(rule)
            return int, lambda value: low <= value <= high
        case Number():
            low, high = _bounds(rule)
            return float, lambda value: low <= value <= high and _SHORT.fullmatch(repr(value))
    return None


_SHORT = re.compile(r"-?\d+\.\d{1,4}")
"""A decimal number far from the limit on decimal places."""


def _bounds(rule: Integer | Number) -> tuple[float, float]:
    low = -math.inf if rule.minimum is None else rule.minimum
    return low, math.inf if rule.maximum is None else rule.maximum
