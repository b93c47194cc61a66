"""Holds what the service says the session is against what was asked of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_MISSING = object()


@dataclass(frozen=True, slots=True)
class SettingDifference:
    """A value that the service did not take as it was asked to."""

    path: str
    requested: Any
    actual: Any
    """``None`` also where the service says nothing of it."""

    def __str__(self) -> str:
        return f"session.{self.path} is {self.actual!r}, not {self.requested!r} as was asked"


class SettingsComparison:
    """Finds every difference once, however often the service repeats it."""

    def __init__(self) -> None:
        self._reported: set[str] = set()

    def differences(self, asked: dict[str, Any], got: dict[str, Any]) -> list[SettingDifference]:
        new = [found for found in _compare(asked, got, "") if found.path not in self._reported]
        self._reported.update(found.path for found in new)
        return new


def _compare(asked: dict[str, Any], got: dict[str, Any], place: str) -> Iterator[SettingDifference]:
    for key, value in asked.items():
        path = f"{place}.{key}" if place else key
        echoed = got.get(key, _MISSING)
        if isinstance(value, dict) and isinstance(echoed, dict):
            yield from _compare(value, echoed, path)
        elif echoed is _MISSING:
            if value is not None:
                yield SettingDifference(path, value, None)
        elif isinstance(value, list) and isinstance(echoed, list):
            if not is_same_list(value, echoed):
                yield SettingDifference(path, value, echoed)
        elif value != echoed:
            yield SettingDifference(path, value, echoed)


def is_same_list(asked: list[Any], got: list[Any]) -> bool:
    """Whether the service took ``asked``. Tools come back with what it adds to them."""
    if len(asked) != len(got):
        return False
    return all(
        not list(_compare(a, b, "")) if isinstance(a, dict) and isinstance(b, dict) else a == b
        for a, b in zip(asked, got, strict=True)
    )
