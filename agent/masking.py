"""Keep secrets and very long values out of what people and logs are shown. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace

from agent.errors import Problem

HIDDEN = "(hidden)"
MIN_SECRET_CHARACTERS = 8
"""A shorter secret would match ordinary words."""
MAX_PARAM_CHARACTERS = 100

_KEY = re.compile(
    r"""
      sk-[\w-]{6,}                # OpenAI
    | eyJ[\w-]{10,}(?:\.[\w-]*)*  # a JSON Web Token
    | (?<!\w)(?=[a-z0-9]*[0-9])(?=[a-z0-9]*[a-z])[a-z0-9]{20,}(?!\w)  # Azure, LiveKit
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""What a key looks like. Names of models, and ids such as ``pmpt_…``, do not."""
_USER_INFO = re.compile(r"(?<=://)[^\s'\"]*@")
_URL_USER_INFO = re.compile(r"^([^/@]*://)?.*@", re.DOTALL)


def mask(text: str, secrets: Collection[str] = ()) -> str:
    """``text`` without the ``secrets``, without what looks like a key, and without the user name
    and the password of a URL."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= MIN_SECRET_CHARACTERS:
            text = text.replace(secret, HIDDEN)
    return _KEY.sub(HIDDEN, _USER_INFO.sub(f"{HIDDEN}@", text))


def mask_url(url: str) -> str:
    """``url``, which may be malformed, without anything that could be a user name or password."""
    return mask(_URL_USER_INFO.sub(lambda match: f"{match[1] or ''}{HIDDEN}@", url))


def shorten(text: str, limit: int) -> str:
    """``text`` itself, or its beginning, its length and its end in about ``limit`` characters."""
    if len(text) <= limit:
        return text
    end = limit // 3
    return f"{text[: limit - end]} … ({len(text)} characters) … {text[-end:]}"


def presentable(problem: Problem, secrets: Collection[str], limit: int) -> Problem:
    """``problem`` as it may be shown: no secret in it, and a message of ``limit`` characters."""
    violation = problem.violation
    param = violation.param and shorten(violation.param, MAX_PARAM_CHARACTERS)
    message = shorten(mask(violation.message, secrets), limit)
    return replace(
        problem,
        violation=replace(violation, message=message, param=param),
        setting=mask(problem.setting, secrets),
        fix=mask(problem.fix, secrets),
    )
