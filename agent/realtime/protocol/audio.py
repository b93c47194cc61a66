"""How much audio an event carries. Pure."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable

PCM = "audio/pcm"
BYTES_PER_MS = {PCM: 48, "audio/pcmu": 8, "audio/pcma": 8}
"""By format: 24 kHz with 16 bits; G.711's 8 kHz with 8. Mono."""


def decoded_bytes(base64: str) -> int:
    """What valid ``base64`` decodes to, without decoding it."""
    return len(base64) * 3 // 4 - base64.count("=", -2)


def concatenate_base64(pieces: Iterable[str]) -> str:
    """Pieces of base64, each valid by itself, as one."""
    return b64encode(b"".join(b64decode(piece) for piece in pieces)).decode()
