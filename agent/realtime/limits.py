"""What a service accepts, as data: ranges, and the keys that a dialect lacks.

Each rule names its source. The recorded facts are in the project's notes on the Realtime API.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.realtime.dialects import Dialect


@dataclass(frozen=True, slots=True)
class Range:
    """Bounds of a number, both included. ``infinite`` also allows the string ``"inf"``."""

    minimum: float
    maximum: float
    source: str
    integer: bool = False
    infinite: bool = False


TEMPERATURE = Range(
    0.6, 1.2, "lower bound: a recorded decimal_below_min_value; upper: Azure's reference"
)
OUTPUT_TOKENS = Range(1, 4096, "openai-openapi's description", integer=True, infinite=True)

FLAT_SESSION = {"temperature": TEMPERATURE, "max_response_output_tokens": OUTPUT_TOKENS}
GA_SESSION = {"max_output_tokens": OUTPUT_TOKENS}
GA_SESSION_LACKS = frozenset({"temperature"})


def session_ranges(dialect: Dialect) -> dict[str, Range]:
    return FLAT_SESSION if dialect.flat else GA_SESSION


def session_lacks(dialect: Dialect) -> frozenset[str]:
    """Keys that this dialect answers with ``unknown_parameter``."""
    return frozenset() if dialect.flat else GA_SESSION_LACKS
