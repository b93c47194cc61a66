"""What a value may be: the few kinds of rule that the Realtime API's schema is made of.

A rule says nothing of its place. Rows (``rows.py``) put rules at places, and say where from.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property


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
    values: tuple[int, ...] = ()
    """Where only these will do."""


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


@dataclass(frozen=True)
class Group:
    """An object. Its keys are a closed set, unless it has none: then any will do."""

    keys: Mapping[str, Key] = field(default_factory=dict)
    kinds: Mapping[str, Group] = field(default_factory=dict)
    """Where its ``type`` decides: the group for each."""
    roles: Mapping[str, Group] = field(default_factory=dict)
    """Where its ``role`` decides."""

    @cached_property
    def required(self) -> tuple[str, ...]:
        return tuple(name for name, key in self.keys.items() if key.required)

    @cached_property
    def alternatives(self) -> tuple[tuple[str, ...], ...]:
        """Keys of which at least one has to be there."""
        return tuple((name, *key.or_else) for name, key in self.keys.items() if key.or_else)

    @cached_property
    def known_keys(self) -> frozenset[str]:
        """The keys of all kinds together: for an object whose kind is not known."""
        parts = (*self.kinds.values(), *self.roles.values())
        return frozenset(self.keys).union(*(part.known_keys for part in parts))


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

    def __post_init__(self) -> None:
        conditional = bool(self.models or self.not_models or self.excludes)
        object.__setattr__(self, "conditional", conditional)
