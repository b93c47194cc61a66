"""The dialects of the Realtime API and their URL paths."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dialect:
    """A variant of the Realtime API that one service speaks."""

    name: str
    path: str
    is_flat: bool
    """Whether events use the flat spelling of the beta, not the GA one."""
    is_azure: bool
    example: str
    """An example of the query string of a connection."""


OPENAI_GA = Dialect(
    "openai_ga", "/v1/realtime", is_flat=False, is_azure=False, example="model=gpt-realtime-2.1"
)
AZURE_GA = Dialect(
    "azure_ga",
    "/openai/v1/realtime",
    is_flat=False,
    is_azure=True,
    example="model=gpt-realtime-2.1",
)
AZURE_PREVIEW = Dialect(
    "azure_preview",
    "/openai/realtime",
    is_flat=True,
    is_azure=True,
    example="api-version=2025-04-01-preview&deployment=gpt-realtime",
)
OPENAI_BETA = Dialect(
    "openai_beta",
    "/v1/realtime",
    is_flat=True,
    is_azure=False,
    example="model=gpt-4o-realtime-preview",
)

DIALECTS = {dialect.name: dialect for dialect in (OPENAI_GA, AZURE_GA, AZURE_PREVIEW, OPENAI_BETA)}
DEFAULT_DIALECTS = ("openai_ga", "azure_ga", "azure_preview")
"""The dialects served by default. OpenAI closed its beta on 2026-05-12: the service refuses a
client that sends the beta header."""
