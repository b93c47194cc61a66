"""Where a sentence ends, in the languages that callers speak. Pure.

The first sentence is spoken before the reply is complete, so its end has to be found as soon as
it is there and not before: "Dr." and "3.14" end nothing.
"""

from __future__ import annotations

import re
import unicodedata

from livekit.agents.tokenize import SentenceStream, SentenceTokenizer
from livekit.agents.tokenize.token_stream import BufferedSentenceStream

_ENDS = ".?!…।॥。！？؟۔։።"
_WIDE = frozenset("।॥。！？؟۔։።")
"""Marks that end a sentence whatever follows; the others want a space after them."""
_CLOSING = "\"'”’»)]}」』】）"
_ABBREVIATIONS = frozenset(
    {
        *("mr", "mrs", "ms", "dr", "prof", "st", "jr", "sr", "vs", "etc", "nr", "dept"),
        *("e.g", "i.e", "a.m", "p.m", "u.s", "approx", "fig", "inc", "ltd", "co", "hr", "fr"),
        *("bzw", "z.b", "d.h", "usw", "ca", "vgl", "str", "tel", "sra", "srta", "ud", "uds"),
        *("mme", "mlle", "dott", "sig", "ing"),
    }
)
"""As they are written before a name, a number or another word, not at an end."""
_END = re.compile(rf"[{re.escape(_ENDS)}]+[{re.escape(_CLOSING)}]*")


def sentences(text: str) -> list[tuple[str, int, int]]:
    """``text`` in sentences, each with where it starts and ends. What follows the last end is
    the last of them, complete or not."""
    found: list[tuple[str, int, int]] = []
    start = 0
    for match in _END.finditer(text):
        if match.start() < start or not _is_end(text, match):
            continue
        _add(found, text, start, match.end())
        start = match.end()
    _add(found, text, start, len(text))
    return found


def _is_end(text: str, match: re.Match[str]) -> bool:
    mark, after = match.group()[0], text[match.end() : match.end() + 1]
    if mark in _WIDE:
        return True
    if after and not after.isspace():
        return False  # 3.14, example.com
    if mark != ".":
        return True
    word = re.search(r"[^\s(\"“«]*$", text[: match.start()])
    before = word.group() if word else ""
    if before.lower() in _ABBREVIATIONS or _is_initial(before):
        return False
    # "am 3. Mai": better two sentences as one than a date as two.
    return not (before.isdigit() and len(before) < 3)


def _is_initial(word: str) -> bool:
    return len(word) == 1 and unicodedata.category(word) == "Lu" and word != "I"


def _add(found: list[tuple[str, int, int]], text: str, start: int, end: int) -> None:
    piece = text[start:end]
    if piece.strip():
        found.append((piece.strip(), start, end))


class SentenceSplitter(SentenceTokenizer):
    """The tokenizer that a LiveKit TTS takes."""

    def tokenize(self, text: str, *, language: str | None = None) -> list[str]:
        return [sentence for sentence, _, _ in sentences(text)]

    def stream(self, *, language: str | None = None) -> SentenceStream:
        return BufferedSentenceStream(tokenizer=sentences, min_token_len=1, min_ctx_len=1)
