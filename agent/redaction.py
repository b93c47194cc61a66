"""Keep known secrets and the agent's instructions out of logs and notices. Pure.

A service may quote in an error what it was sent. Whoever puts a text into a log or before the
caller passes it through ``redact`` or ``bounded`` first.
"""

from __future__ import annotations

import json
import math
import re
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
_LOOKS_LIKE_A_KEY = re.compile(r"\b(?:sk|ek)[-_][A-Za-z0-9_-]{16,}")


def add_secret(secret: str) -> None:
    """Never show ``secret`` from now on, in this process. Ignores texts that are too short."""
    if len(secret) >= MIN_SECRET_CHARACTERS:
        _secrets.update({secret, quote(secret, safe=""), _in_json(secret)})


def add_private(text: str) -> None:
    """Never quote ``text``, such as the agent's instructions, from now on, in this process."""
    if len(text) >= MIN_QUOTE_CHARACTERS:
        _private.update({text, _in_json(text)})


def redact(text: str) -> str:
    """``text`` without known secrets, without what looks like an API key, and without passages
    of private texts of ``MIN_QUOTE_CHARACTERS`` and more, wherever these begin in ``text``."""
    for secret in sorted(_secrets, key=len, reverse=True):
        text = text.replace(secret, SECRET)
    text = _LOOKS_LIKE_A_KEY.sub(SECRET, text)
    for private in sorted(_private, key=len, reverse=True):
        text = _without_quotes(text, private)
    return text


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


def _without_quotes(text: str, private: str) -> str:
    """``text`` without passages of ``private``, as far as one of its blocks of
    ``MIN_QUOTE_CHARACTERS`` is among them; the blocks after the first 64 are not looked for."""
    block = MIN_QUOTE_CHARACTERS
    for start in range(0, min(len(private) - block + 1, 64 * block), block):
        at = text.find(private[start : start + block])
        if at < 0:
            continue
        first, there = at, start
        while first > 0 and there > 0 and text[first - 1] == private[there - 1]:
            first, there = first - 1, there - 1
        end, there = at + block, start + block
        while end < len(text) and there < len(private) and text[end] == private[there]:
            end, there = end + 1, there + 1
        text = f"{text[:first]}{PRIVATE}{text[end:]}"
    return text
