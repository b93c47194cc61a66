"""The telephone codecs of ITU-T G.711, 8-bit µ-law and A-law, as lookup tables."""

from __future__ import annotations

from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt

RATE = 8_000
"""Samples a second."""

Law = Literal["ulaw", "alaw"]


def decode(data: bytes, law: Law) -> bytes:
    """Decode one byte a sample to 16-bit PCM."""
    return _decoding(law)[np.frombuffer(data, np.uint8)].tobytes()


def encode(pcm: bytes, law: Law) -> bytes:
    """Encode 16-bit PCM to one byte a sample, each to the code with the nearest value."""
    return _encoding(law)[np.frombuffer(pcm, np.int16).astype(np.int32) + 32768].tobytes()


@cache
def _decoding(law: Law) -> npt.NDArray[np.int16]:
    codes = np.arange(256)
    values = _ulaw_values(codes) if law == "ulaw" else _alaw_values(codes)
    return values.astype(np.int16)


@cache
def _encoding(law: Law) -> npt.NDArray[np.uint8]:
    values = _decoding(law).astype(np.int32)
    order = np.argsort(values, kind="stable")
    ranked = values[order]
    samples = np.arange(-32768, 32768)
    above = np.searchsorted(ranked, samples).clip(1, 255)
    nearer_below = samples - ranked[above - 1] <= ranked[above] - samples
    return order[np.where(nearer_below, above - 1, above)].astype(np.uint8)


def _ulaw_values(codes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """ITU-T G.711: complemented bits; sign, three bits of exponent, four of mantissa."""
    flipped = ~codes & 0xFF
    magnitude = (((flipped & 0x0F) << 3) + 132 << (flipped >> 4 & 7)) - 132
    return np.where(flipped & 0x80, -magnitude, magnitude)


def _alaw_values(codes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """ITU-T G.711: every other bit inverted; here a set sign bit is positive."""
    flipped = codes ^ 0x55
    exponent, mantissa = flipped >> 4 & 7, flipped & 0x0F
    low = (mantissa << 4) + 8
    high = (mantissa << 4) + 264 << np.maximum(exponent - 1, 0)
    magnitude = np.where(exponent == 0, low, high)
    return np.where(flipped & 0x80, magnitude, -magnitude)
