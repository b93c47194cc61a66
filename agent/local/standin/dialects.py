"""The dialects: where each is served, how it is spelled, and what it says of itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dialect:
    name: str
    path: str
    flat: bool
    azure: bool
    example: str
    """A query that a client could connect with."""


OPENAI_GA = Dialect(
    "openai_ga", "/v1/realtime", flat=False, azure=False, example="model=gpt-realtime-2.1"
)
AZURE_GA = Dialect(
    "azure_ga", "/openai/v1/realtime", flat=False, azure=True, example="model=gpt-realtime-2.1"
)
AZURE_PREVIEW = Dialect(
    "azure_preview",
    "/openai/realtime",
    flat=True,
    azure=True,
    example="api-version=2025-04-01-preview&deployment=gpt-realtime",
)
OPENAI_BETA = Dialect(
    "openai_beta",
    "/v1/realtime",
    flat=True,
    azure=False,
    example="model=gpt-4o-realtime-preview",
)

DIALECTS = {dialect.name: dialect for dialect in (OPENAI_GA, AZURE_GA, AZURE_PREVIEW, OPENAI_BETA)}
SERVED = ("openai_ga", "azure_ga", "azure_preview")
"""What is served unless one is named. OpenAI closed its beta on 2026-05-12: there, a client that
sends the beta's header is told so."""
