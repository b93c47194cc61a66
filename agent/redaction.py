"""Keep secrets, the agent's instructions and very long values out of what people are shown. Pure.

A service may quote in an error what it was sent, and a person may paste a key into any setting.
Whoever shows a text passes it through ``redact`` or ``bounded`` first.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from agent.errors import Problem

MIN_SECRET_CHARACTERS = 8
"""What is shorter is a placeholder, and would be found in ordinary words."""
MIN_QUOTE_CHARACTERS = 40
"""A passage of a private text counts as a quotation from this length on."""
MAX_TEXT_CHARACTERS = 300
"""Kept of one text of a notice."""
MAX_PARAM_CHARACTERS = 100
MAX_DETAIL_ENTRIES = 20
_MAX_DEPTH = 4
_MARGIN = 4096
"""Characters read behind those that are shown, for what must be seen whole to be found."""

HIDDEN = "(hidden)"
PRIVATE = "[private text]"

_secrets: set[str] = set()
_private: set[str] = set()
_KEY = re.compile(
    r"""
      (?<![\w-])(?:sk|ek)[-_][\w-]{6,}   # OpenAI, for servers and for browsers
    | (?<!\w)eyJ[\w-]{10,}(?:\.[\w-]+)*  # a JSON Web Token
    | (?<!\w)                            # Azure, LiveKit; not the hex digits of a UUID
      (?![0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}(?!\w))
      (?=[a-z0-9]*[0-9])(?=[a-z0-9]*[a-z])[a-z0-9]{20,}(?!\w)
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""What a key looks like. Names of models, and ids such as ``pmpt_…``, do not."""
_USER_INFO = re.compile(r"(?<=://)[^\s'\"]*@")
_URL_USER_INFO = re.compile(r"^([^/@]*://)?.*@", re.DOTALL)
_passages: set[int] = set()
"""Hashes of all passages of ``MIN_QUOTE_CHARACTERS`` of the private texts, as they are and as JSON
and Python's ``repr`` write them."""


def add_secret(secret: str) -> None:
    """Never show ``secret`` from now on, in this process. Ignores texts that are too short."""
    _secrets.update(_spellings(secret))


def add_private(text: str) -> None:
    """Never quote ``text``, such as the agent's instructions, from now on, in this process."""
    if len(text) < MIN_QUOTE_CHARACTERS or text in _private:
        return
    _private.add(text)
    for spelling in {text, _in_json(text), json.dumps(text, ensure_ascii=False)[1:-1], repr(text)}:
        _passages.update(hash(passage) for _, passage in _windows(spelling))


def redact(text: str, secrets: Collection[str] = ()) -> str:
    """``text`` without known secrets and the ``secrets``, without what looks like a key, without
    the user name and the password of a URL, and without passages of private texts of
    ``MIN_QUOTE_CHARACTERS`` and more, wherever these begin in ``text``."""
    known = _secrets.union(*map(_spellings, secrets))
    for secret in sorted(known, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    text = _KEY.sub(HIDDEN, _USER_INFO.sub(f"{HIDDEN}@", text))
    return _without_quotes(text)


def redact_url(url: str) -> str:
    """``url``, which may be malformed, without anything that could be a user name or password."""
    return redact(_URL_USER_INFO.sub(lambda match: f"{match[1] or ''}{HIDDEN}@", url))


def shorten(text: str, limit: int) -> str:
    """``text`` itself, or its beginning, its length and its end in about ``limit`` characters."""
    if len(text) <= limit:
        return text
    return _joined(text, text, len(text), limit)


def bounded(text: str, limit: int = MAX_TEXT_CHARACTERS, secrets: Collection[str] = ()) -> str:
    """``text``, redacted and shortened, at a cost by ``limit`` and not by its length."""
    longest = max(map(len, [*_secrets, *secrets]), default=0)
    window = limit + 2 * longest + _MARGIN
    if len(text) <= 2 * window:
        kept = redact(text, secrets)
        return kept if len(kept) <= limit else _joined(kept, kept, len(text), limit)
    # A secret across the edge of a window is not found, so that the edge is dropped.
    edge = max(longest, _MARGIN // 2)
    start, end = redact(text[:window], secrets)[:-edge], redact(text[-window:], secrets)[edge:]
    return _joined(start, end, len(text), limit)


def one_line(text: str, limit: int) -> str:
    """``text`` redacted and shortened to about ``limit`` characters, in a line."""
    return " ".join(bounded(text, limit).split())


def presentable(problem: Problem, secrets: Collection[str], limit: int) -> Problem:
    """``problem`` as it may be shown: no secret in it, and a message of ``limit`` characters."""
    violation = problem.violation
    param = violation.param and bounded(violation.param, MAX_PARAM_CHARACTERS, secrets)
    message = bounded(violation.message, limit, secrets)
    return replace(
        problem,
        violation=replace(violation, message=message, param=param),
        setting=redact(problem.setting, secrets),
        fix=redact(problem.fix, secrets),
    )


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


def _joined(start: str, end: str, length: int, limit: int) -> str:
    kept = limit // 3
    return f"{start[: limit - kept]} … ({length} characters) … {end[-kept:]}"


def _spellings(secret: str) -> set[str]:
    """How ``secret`` may be quoted; none where it is too short to be looked for."""
    if len(secret) < MIN_SECRET_CHARACTERS:
        return set()
    return {secret, quote(secret, safe=""), _in_json(secret)}


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
