"""Keep known secrets and the agent's instructions out of logs and notices. Pure.

A service may quote in an error what it was sent. Whoever puts a text into a log or before the
caller passes it through ``redact`` or ``bounded`` first.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

MIN_SECRET_CHARACTERS = 8
"""What is shorter is a placeholder, and would be found in ordinary words."""
MIN_QUOTE_CHARACTERS = 40
"""A passage of a private text counts as a quotation from this length on."""
MAX_TEXT_CHARACTERS = 300
"""Kept of one text of a notice."""
MAX_DETAIL_ENTRIES = 20
_MAX_DEPTH = 4
_MARGIN = 4096
"""Characters read behind those that are shown, for what must be seen whole to be found."""

SECRET = "[secret]"  # noqa: S105 - what stands for one
PRIVATE = "[private text]"

_secrets: set[str] = set()
_private: set[str] = set()
_passages: set[int] = set()
"""Hashes of all passages of ``MIN_QUOTE_CHARACTERS`` of the private texts, as they are and as JSON
and Python's ``repr`` write them."""
_LOOKS_LIKE_A_KEY = re.compile(r"\b(?:sk|ek)[-_][A-Za-z0-9_-]{16,}")


def add_secret(secret: str) -> None:
    """Never show ``secret`` from now on, in this process. Ignores texts that are too short."""
    if len(secret) >= MIN_SECRET_CHARACTERS:
        _secrets.update({secret, quote(secret, safe=""), _in_json(secret)})


def add_private(text: str) -> None:
    """Never quote ``text``, such as the agent's instructions, from now on, in this process."""
    if len(text) < MIN_QUOTE_CHARACTERS or text in _private:
        return
    _private.add(text)
    for spelling in {text, _in_json(text), json.dumps(text, ensure_ascii=False)[1:-1], repr(text)}:
        _passages.update(hash(passage) for _, passage in _windows(spelling))


def redact(text: str) -> str:
    """``text`` without known secrets, without what looks like an API key, and without passages
    of private texts of ``MIN_QUOTE_CHARACTERS`` and more, wherever these begin in ``text``."""
    for secret in sorted(_secrets, key=len, reverse=True):
        text = text.replace(secret, SECRET)
    text = _LOOKS_LIKE_A_KEY.sub(SECRET, text)
    return _without_quotes(text)


def bounded(text: str, most: int = MAX_TEXT_CHARACTERS) -> str:
    """``text``, redacted, at most ``most`` characters of it and how many there were."""
    kept = redacted_beginning(text, most)
    if len(text) <= most and len(kept) <= most:
        return kept
    return f"{kept[:most]}… ({len(text)} characters)"


def redacted_beginning(text: str, characters: int) -> str:
    """The beginning of ``text``, redacted: ``characters`` of it, or somewhat more, so that it may
    be cut there. What lies far behind is not looked at."""
    longest = max((len(secret) for secret in _secrets), default=0)
    window = characters + 2 * longest + _MARGIN
    if len(text) <= window:
        return redact(text)
    # A secret across the end of the window is not found, so that its beginning is dropped.
    return redact(text[:window])[: -max(longest, _MARGIN // 2)]


def bounded_detail(value: Any, depth: int = 0) -> Any:
    """A JSON value with every text redacted and bounded, and few entries an object or list."""
    if isinstance(value, str):
        return bounded(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, int):
        return value if value.bit_length() <= 64 else "a number of more than 64 bits"
    if isinstance(value, dict | list | tuple) and depth >= _MAX_DEPTH:
        return f"{len(value)} entries"
    if isinstance(value, dict):
        entries = list(value.items())[:MAX_DETAIL_ENTRIES]
        return {bounded(str(key), 64): bounded_detail(each, depth + 1) for key, each in entries}
    if isinstance(value, list | tuple):
        return [bounded_detail(each, depth + 1) for each in value[:MAX_DETAIL_ENTRIES]]
    return bounded(str(value))


def _in_json(text: str) -> str:
    return json.dumps(text)[1:-1]


def _windows(text: str) -> Iterator[tuple[int, str]]:
    """Every passage of ``MIN_QUOTE_CHARACTERS`` in ``text``, and where it begins."""
    for start in range(len(text) - MIN_QUOTE_CHARACTERS + 1):
        yield start, text[start : start + MIN_QUOTE_CHARACTERS]


def _without_quotes(text: str) -> str:
    """``text`` without all that private texts say in ``MIN_QUOTE_CHARACTERS`` or more."""
    if not _passages:
        return text
    kept: list[str] = []
    end = 0
    for start, passage in _windows(text):
        if hash(passage) not in _passages:
            continue
        if start > end or not kept:
            kept += [text[end:start], PRIVATE]
        end = start + MIN_QUOTE_CHARACTERS
    return "".join([*kept, text[end:]])
