"""A rule at its place, and the tree that rows make together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from agent.realtime.protocol.dialects import (
    AZURE_GA,
    AZURE_PREVIEW,
    OPENAI_BETA,
    OPENAI_GA,
    Dialect,
    flat_path,
)
from agent.realtime.protocol.rules.value_types import (
    Either,
    Entries,
    Group,
    Groups,
    Key,
    Rule,
    Text,
)

GA = frozenset({OPENAI_GA, AZURE_GA})
FLAT = frozenset({OPENAI_BETA, AZURE_PREVIEW})
EVERYWHERE = GA | FLAT


@dataclass(frozen=True, slots=True)
class Setting:
    """A row that a user can set: what it does, and what it is where nobody says."""

    effect: str
    default: Any = None
    """``None``: left to the service."""
    alias: str = ""
    """The environment name that other software knows it by."""
    lacking: str = "Remove it, or use a dialect and model that have it."
    """What to do where the dialect or the model has no such parameter."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. ``path`` is in the GA spelling, from the top of its object; where
    sources disagree, ``note`` says which position is taken (realtime.md, section 9)."""

    path: str
    rule: Rule
    source: str
    dialects: frozenset[Dialect] = EVERYWHERE
    required: bool = False
    null: bool = False
    when: tuple[str, ...] = ()
    """Only where the ``type`` of the object that holds it is one of these."""
    models: frozenset[str] = frozenset()
    not_models: frozenset[str] = frozenset()
    excludes: str = ""
    or_else: tuple[str, ...] = ()
    """Required, unless one of these keys stands beside it."""
    flat_name: str = ""
    """Its path in the flat dialects, where it is not what a session calls it."""
    note: str = ""
    setting: Setting | None = None

    def path_in(self, dialect: Dialect) -> str:
        if not dialect.flat:
            return self.path
        return self.flat_name or flat_path(self.path)


@dataclass(slots=True)
class _Place:
    rows: list[Row] = field(default_factory=list)
    """Several where the rule depends on the ``type`` of the object that holds it."""
    below: dict[str, _Place] = field(default_factory=dict)

    @property
    def is_conditional(self) -> bool:
        return any(row.when for row in self.rows)


def tree(rows: Iterable[Row], dialect: Dialect) -> Group:
    """The object that ``rows`` describe, in the spelling of ``dialect``."""
    root = _Place()
    for row in rows:
        if dialect in row.dialects:
            place = root
            for step in row.path_in(dialect).split("."):
                place = place.below.setdefault(step, _Place())
            place.rows.append(row)
    return _group(root)


def _group(place: _Place) -> Group:
    every = {
        name: _key(part, part.rows[0] if part.rows else None)
        for name, part in place.below.items()
        if not part.is_conditional
    }
    if len(every) == len(place.below):
        return Group(every)
    kind_rule = every["type"].rule
    assert isinstance(kind_rule, Text)
    kinds = {kind: dict(every) for kind in kind_rule.enum}
    for name, part in place.below.items():
        for row in part.rows:
            for kind in row.when:
                if kind in kinds:
                    kinds[kind][name] = _key(part, row)
    return Group(every, kinds={kind: Group(keys) for kind, keys in kinds.items()})


def _key(place: _Place, row: Row | None) -> Key:
    if row is None:  # a path is named for what is below it
        return Key(_group(place))
    rule = row.rule
    if place.below:
        rule = _filled(rule, _group(place))
    return Key(rule, row.required, row.null, row.models, row.not_models, row.excludes, row.or_else)


def _filled(rule: Rule, group: Group) -> Rule:
    """``rule`` with ``group`` where it leaves an object open."""
    if isinstance(rule, Either):
        return replace(rule, second=group)
    if isinstance(rule, Groups):
        return Groups(group)
    if isinstance(rule, Entries):
        return Entries(replace(rule.of, second=group))
    assert isinstance(rule, Group)
    return group
