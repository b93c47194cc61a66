from __future__ import annotations

import json
from typing import Any

import pytest

from agent.call.attributes import bounded_json


def deep(levels: int) -> Any:
    value: Any = "the innermost"
    for _ in range(levels):
        value = {"in": value}
    return value


@pytest.mark.parametrize(
    "value",
    [
        {"message": "x" * 100_000},
        {"message": "\ud83d" * 50_000},
        {"k" * 70_000: 1},
        [{"message": "é" * 5_000, "param": None} for _ in range(5_000)],
        {f"key-{n}": "y" * 500 for n in range(10_000)},
        deep(900),
    ],
    ids=["string", "surrogates", "key", "list", "object", "depth"],
)
def test_bounded_json_of_a_huge_value_stays_within_the_bound(value: Any) -> None:
    text = bounded_json(value, 4096)
    assert len(text.encode()) <= 4096
    assert json.loads(text)


def test_bounded_json_keeps_what_fits() -> None:
    value = {"code": "rate_limit", "n": 3, "ok": None, "list": [1, "two", {"three": 3.5}]}
    assert json.loads(bounded_json(value, 4096)) == value
    cut = json.loads(bounded_json({"code": "rate_limit", "message": "x" * 100_000}, 4096))
    assert cut["code"] == "rate_limit"
    assert cut["message"].startswith("x" * 1000)
