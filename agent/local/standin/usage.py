"""Token counts of a response, by the service's rules."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from agent.local.standin.conversation import Conversation, Item

INPUT_AUDIO_TOKENS_PER_SECOND = 10
OUTPUT_AUDIO_TOKENS_PER_SECOND = 20
LETTERS_PER_TOKEN = 4
"""An estimate for English: the stand-in has no tokenizer."""


def text_tokens(text: str | None) -> int:
    return math.ceil(len(text) / LETTERS_PER_TOKEN) if text else 0


def item_tokens(item: Item) -> tuple[int, int]:
    """Return the text tokens and the audio tokens of ``item`` as input."""
    if item.body.get("role") == "assistant" and item.audio_ms:
        return 0, math.ceil(item.audio_ms / 1000 * OUTPUT_AUDIO_TOKENS_PER_SECOND)
    if item.user_audio_seconds:
        return 0, math.ceil(item.user_audio_seconds * INPUT_AUDIO_TOKENS_PER_SECOND)
    texts = (item.text, item.body.get("arguments"), item.body.get("output"))
    return sum(text_tokens(text) for text in texts), 0


@dataclass(slots=True)
class OutputUsage:
    """What a response has output so far, and its limit."""

    limit: int | str
    """``max_output_tokens``: a number, or ``"inf"``."""
    audio_ms: float = 0.0
    text_tokens: int = 0

    def add(self, *, audio_ms: float = 0.0, text_tokens: int = 0) -> None:
        self.audio_ms += audio_ms
        self.text_tokens += text_tokens

    @property
    def audio_tokens(self) -> int:
        return math.ceil(self.audio_ms / 1000 * OUTPUT_AUDIO_TOKENS_PER_SECOND)

    @property
    def total_tokens(self) -> int:
        return self.text_tokens + self.audio_tokens

    @property
    def is_exhausted(self) -> bool:
        return isinstance(self.limit, int) and self.total_tokens >= self.limit


def response_usage(
    conversation: Conversation, read_before: set[str], instructions: str, output: OutputUsage
) -> dict[str, Any]:
    """Return the ``usage`` object of a response.

    The input is the whole conversation; the items in ``read_before`` count as cached.
    """
    text = text_tokens(instructions)
    cached_text = text if read_before else 0
    audio = cached_audio = 0
    for item in conversation:
        item_text, item_audio = item_tokens(item)
        text, audio = text + item_text, audio + item_audio
        if item.id in read_before:
            cached_text, cached_audio = cached_text + item_text, cached_audio + item_audio
    return {
        "total_tokens": text + audio + output.total_tokens,
        "input_tokens": text + audio,
        "output_tokens": output.total_tokens,
        "input_token_details": {
            "text_tokens": text,
            "audio_tokens": audio,
            "image_tokens": 0,
            "cached_tokens": cached_text + cached_audio,
            "cached_tokens_details": {
                "text_tokens": cached_text,
                "audio_tokens": cached_audio,
                "image_tokens": 0,
            },
        },
        "output_token_details": {
            "text_tokens": output.text_tokens,
            "audio_tokens": output.audio_tokens,
        },
    }
