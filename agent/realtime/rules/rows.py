"""A rule at its place, and the tree that rows make together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from agent.realtime.dialects import (
    AZURE_GA,
    AZURE_PREVIEW,
    OPENAI_BETA,
    OPENAI_GA,
    Dialect,
    flat_path,
)
from agent.realtime.rules.kinds import Either, Group, Groups, Key, Rule, Text

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
    note: str = ""
    setting: Setting | None = None

    def path_in(self, dialect: Dialect) -> str:
        return flat_path(self.path) if dialect.flat else self.path


@dataclass(slots=True)
class _Place:
    row: Row | None = None
    below: dict[str, _Place] = field(default_factory=dict)


def tree(rows: Iterable[Row], dialect: Dialect) -> Group:
    """The object that ``rows`` describe, in the spelling of ``dialect``."""
    root = _Place()
    for row in rows:
        if dialect in row.dialects:
            place = root
            for step in row.path_in(dialect).split("."):
                place = place.below.setdefault(step, _Place())
            place.row = row
    return _group(root)


def _group(place: _Place) -> Group:
    every = {name: _key(part) for name, part in place.below.items() if not _when(part)}
    if not any(_when(part) for part in place.below.values()):
        return Group(every)
    kind_rule = every["type"].rule
    assert isinstance(kind_rule, Text)
    kinds = {kind: dict(every) for kind in kind_rule.enum}
    for name, part in place.below.items():
        for kind in _when(part):
            if kind in kinds:
                kinds[kind][name] = _key(part)
    return Group(every, kinds={kind: Group(keys) for kind, keys in kinds.items()})


def _when(place: _Place) -> tuple[str, ...]:
    return place.row.when if place.row else ()


def _key(place: _Place) -> Key:
    row = place.row
    if row is None:  # a path is named for what is below it
        return Key(_group(place))
    rule = row.rule
    if place.below:
        rule = _filled(rule, _group(place))
    return Key(rule, row.required, row.null, row.models, row.not_models, row.excludes)


def _filled(rule: Rule, group: Group) -> Rule:
    """``rule`` with ``group`` where it leaves an object open."""
    if isinstance(rule, Either):
        return replace(rule, second=group)
    if isinstance(rule, Groups):
        return Groups(group)
    assert isinstance(rule, Group)
    return group
