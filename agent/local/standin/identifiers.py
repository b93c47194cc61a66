"""Identifiers in the service's form: a prefix and 21 letters and digits."""

from __future__ import annotations

import secrets
import string

_ALPHABET = string.ascii_letters + string.digits


def new_id(prefix: str) -> str:
    """Return a new identifier, such as ``item_…`` for the prefix ``item``."""
    return f"{prefix}_{''.join(secrets.choice(_ALPHABET) for _ in range(21))}"
