"""Where sentences end, in the languages that callers speak."""

from __future__ import annotations

import asyncio

import pytest

from agent.voice.sentence_splitter import SentenceSplitter

CASES = [
    (
        "Hello Dr. Smith. It costs 3.14 euros! Really? Yes.",
        ["Hello Dr. Smith.", "It costs 3.14 euros!", "Really?", "Yes."],
    ),
    ("Am 3. Mai kommt er. Gut.", ["Am 3. Mai kommt er.", "Gut."]),
    ("नमस्ते। आप कैसे हैं? अच्छा।", ["नमस्ते।", "आप कैसे हैं?", "अच्छा।"]),
    ("你好。你好吗？好！", ["你好。", "你好吗？", "好！"]),
    ('He said "no." Then he left', ['He said "no."', "Then he left"]),
    ("See example.com. It is there.", ["See example.com.", "It is there."]),
    ("J. K. Rowling wrote it. I did. So do I. Bye", None),
    ("Wait… what?! No.", ["Wait…", "what?!", "No."]),
    ("¿Qué tal? Bien.", ["¿Qué tal?", "Bien."]),
    ("هل أنت بخير؟ نعم.", ["هل أنت بخير؟", "نعم."]),
    ("z.B. heute, d.h. jetzt. Ja.", ["z.B. heute, d.h. jetzt.", "Ja."]),
    ("no end at all", ["no end at all"]),
    ("", []),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_sentences(text: str, expected: list[str] | None) -> None:
    if expected is None:
        expected = ["J. K. Rowling wrote it.", "I did.", "So do I.", "Bye"]
    assert SentenceSplitter().tokenize(text) == expected


@pytest.mark.parametrize(("text", "expected"), [case for case in CASES if case[1]])
async def test_in_a_stream_nothing_is_lost_and_nothing_ends_early(
    text: str, expected: list[str]
) -> None:
    """One character at a time, as a model may write."""
    stream = SentenceSplitter().stream()
    for character in text:
        stream.push_text(character)
    stream.end_input()
    said = [token.token async for token in stream]
    assert "".join(said).replace(" ", "") == text.replace(" ", "")
    assert said == expected


async def test_the_first_sentence_comes_before_the_second_is_complete() -> None:
    stream = SentenceSplitter().stream()
    stream.push_text("Good morning. How can I")
    first = await asyncio.wait_for(stream.__anext__(), 1)
    assert first.token == "Good morning."
    await stream.aclose()
