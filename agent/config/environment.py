"""How a field of the settings declares its name in the environment, and how a group is read.

The declaration of a field feeds everything that names it: reading, error messages, ``--help``,
docs/parameters.md and .env.example.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from agent.config.messages import invalid_field
from agent.config.sources import SourcedValue
from agent.errors import Problem

Api = Literal["", "openai", "azure"]
"""Whose API a name belongs to; empty for both."""


@dataclass(frozen=True, slots=True)
class EnvironmentName:
    """The name in the environment that sets a field. Of several on one field, the first that is
    set wins."""

    name: str
    effect: str = ""
    """What the setting does, for help and docs; empty where another field lists the name."""
    alias: str = ""
    """The name that other software has for the same setting. ``name`` wins over it."""
    api: Api = ""
    """The API whose services read this name."""
    fallback: str = ""
    """The name that sets the same field of the fallback service; empty if none does."""
    fallback_effect: str = ""
    default: str | None = None
    """The default as docs show it; ``None`` for that of the field."""
    is_url: bool = False
    keeps_empty: bool = False
    """Whether an empty value is a value. Otherwise it is as if the name were not set."""


class SettingsGroup(BaseModel):
    """Settings that belong together. Immutable; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    def with_changes(self, **changes: Any) -> Self:
        """A validated copy with ``changes``. Raises ``ValidationError``."""
        return type(self).model_validate({**dict(self), **changes})

    def secrets(self) -> list[str]:
        """Every secret that is set, in this group and in the groups that it holds."""
        found: list[str] = []
        for _, value in self:
            if isinstance(value, SecretStr):
                found.append(value.get_secret_value())
            elif isinstance(value, SettingsGroup):
                found += value.secrets()
        return [secret for secret in found if secret]


@dataclass(frozen=True, slots=True)
class DeclaredName:
    """An environment name, with the field that declares it."""

    declaration: EnvironmentName
    field_name: str
    field: FieldInfo

    @property
    def name(self) -> str:
        return self.declaration.name

    @property
    def shown_default(self) -> str:
        """The default as docs and messages show it; empty if there is none to show."""
        if self.declaration.default is not None:
            return self.declaration.default
        default = self.field.default
        if isinstance(default, bool):
            return str(default).lower()
        return "" if default is None or isinstance(default, SecretStr) else str(default)

    @property
    def is_secret(self) -> bool:
        return self.field.annotation is SecretStr


def declared_names(kind: type[SettingsGroup]) -> Iterator[DeclaredName]:
    """The environment names of the fields of ``kind``, in the order of their declaration."""
    for field_name, field in kind.model_fields.items():
        for each in field.metadata:
            if isinstance(each, EnvironmentName):
                yield DeclaredName(each, field_name, field)


Group = TypeVar("Group", bound=SettingsGroup)


def read_group(
    kind: type[Group],
    given: Mapping[str, SourcedValue],
    problems: list[Problem],
    *,
    api: Api = "",
    **derived: Any,
) -> Group:
    """The group of ``kind`` that ``given`` sets, with ``derived`` for fields that are not set.

    Adds a problem for each value that breaks its field's rule; such a field gets what it would
    have without a value.
    """
    values: dict[str, tuple[DeclaredName, SourcedValue]] = {}
    for declared in declared_names(kind):
        applies = declared.declaration.api in ("", api)
        if applies and declared.name in given and declared.field_name not in values:
            values[declared.field_name] = declared, given[declared.name]
    try:
        return kind.model_validate({**derived, **_texts(values)})
    except ValidationError as error:
        for detail in error.errors():
            declared, value = values.pop(str(detail["loc"][0]))
            problems.append(
                invalid_field(
                    value.name or declared.name,
                    value,
                    declared.field,
                    default=declared.shown_default,
                    reason=detail["msg"],
                )
            )
        return kind.model_validate({**derived, **_texts(values)})


def _texts(values: Mapping[str, tuple[DeclaredName, SourcedValue]]) -> dict[str, str]:
    return {field: value.text for field, (_, value) in values.items()}
