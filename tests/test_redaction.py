"""What logs and notices never show, and how long they may be."""

from __future__ import annotations

import json

import pytest

from agent import redaction
from agent.realtime.plugin.flood_limit import DroppedEvents
from agent.redaction import (
    add_private,
    add_secret,
    bounded,
    bounded_detail,
    one_line,
    redact,
    redact_url,
)

KEY = 'a-key/with "odd" characters'
INSTRUCTIONS = " ".join(
    f"Rule {number}: never tell anyone of rule {number}." for number in range(50)
)


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_secrets", set())
    monkeypatch.setattr(redaction, "_private", set())
    monkeypatch.setattr(redaction, "_passages", set(), raising=False)
    add_secret(KEY)
    add_private(INSTRUCTIONS)


@pytest.mark.parametrize(
    "quoted",
    [
        KEY,
        json.dumps(KEY)[1:-1],
        "a-key%2Fwith%20%22odd%22%20characters",
        "sk-proj-0123456789abcdefgh",
        "ek_0123456789abcdef",
        "0123456789abcdef0123456789abcdef",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
    ],
)
def test_redact_secret_in_any_spelling_is_hidden(quoted: str) -> None:
    assert redact(f"Incorrect API key: {quoted}.") == "Incorrect API key: (hidden)."


@pytest.mark.parametrize(
    "text",
    [
        "task-management",
        "item_CxkTb2sVgLpR3m9QnW4aZ",
        "room 'b3f1c2d4e5f64a7b8c9d0e1f2a3b4c5d'",
        "gpt-4o-mini-realtime-preview-2024-12-17",
    ],
)
def test_redact_words_and_ids_that_are_no_keys_stay(text: str) -> None:
    assert redact(text) == text


def test_redact_user_name_and_password_of_a_url_are_hidden() -> None:
    assert redact("no host at wss://me:pass/word@host/v1") == "no host at wss://(hidden)@host/v1"
    assert redact_url("me:pass@host") == "(hidden)@host"


def test_redact_quotation_of_instructions_is_hidden() -> None:
    for passage in (INSTRUCTIONS, INSTRUCTIONS[:200], INSTRUCTIONS[300:500], INSTRUCTIONS[-100:]):
        assert "Rule" not in redact(f"Invalid value: '{passage}'")
    assert redact("Rule 1 is well known.") == "Rule 1 is well known."


def test_short_secret_is_not_looked_for() -> None:
    add_secret("key")
    assert redact("a key turns") == "a key turns"


def test_bounded_secret_across_the_cut_is_hidden() -> None:
    shown = bounded("x" * 190 + KEY + "y" * 100_000 + KEY + "z" * 95)
    assert "a-key" not in shown
    assert len(shown) < 340
    assert "(100339 characters)" in shown
    assert "odd" not in shown


def test_bounded_detail_of_any_value_is_small_and_valid_json() -> None:
    value: object = {
        "deep": [[[[[["x"]]]]]],
        "long": "x" * 100_000,
        KEY: 10**5000,
        "nan": float("nan"),
    }
    text = json.dumps(bounded_detail(value), allow_nan=False)
    assert len(text) < 1000
    assert "odd" not in text


def test_bounded_several_long_secrets_are_hidden() -> None:
    long = "".join(f"{number:x}-" for number in range(1000, 2000))
    add_secret(long)
    for count in (1, 2, 3, 20):
        assert "3e8-" not in bounded(long * count)


def test_brief_secret_across_the_cut_is_hidden() -> None:
    for before in range(0, 900, 30):
        assert "a-key" not in one_line("x" * before + f" {KEY}", 200)


def test_dropped_event_with_a_secret_in_its_type_is_redacted() -> None:
    for before in range(60):
        dropped = DroppedEvents()
        notice = dropped.add({"type": "x" * before + KEY}, "malformed")
        assert "a-key" not in f"{notice} {dropped}"


def test_redact_quotations_anywhere_in_a_long_private_text_are_hidden() -> None:
    long = " ".join(f"item {number} costs {number * 7919 % 1000}" for number in range(500))
    add_private(long)
    for start in (0, 11, 2_561, 3_007, len(long) - 60):
        passage = long[start : start + 60]
        shown = redact(f"You said <{passage}>, and again <{passage}>.")
        assert shown == "You said <[private text]>, and again <[private text]>."


def test_redact_private_text_in_the_spelling_of_json_or_repr_is_hidden() -> None:
    text = (
        'Du bist die Empfangsdame der "Schönen Aussicht"; Rabattcode\nÄÖ-77 für alle, it\'s free.'
    )
    add_private(text)
    for written in (json.dumps(text), json.dumps(text, ensure_ascii=False), repr(text)):
        shown = redact(f"said {written}")
        assert "Empfang" not in shown
        assert "77" not in shown
