"""What a response is billed for, counted as the service counts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from agent.local.standin.items import Conversation, Item

INPUT_AUDIO_TOKENS_PER_SECOND = 10
OUTPUT_AUDIO_TOKENS_PER_SECOND = 20
LETTERS_PER_TOKEN = 4
"""A rule of thumb for English: the stand-in has no tokenizer."""


def text_tokens(text: str | None) -> int:
    return math.ceil(len(text) / LETTERS_PER_TOKEN) if text else 0


def item_tokens(item: Item) -> tuple[int, int]:
    """Text and audio tokens of ``item`` as input."""
    if item.body.get("role") == "assistant" and item.audio_ms:
        return 0, math.ceil(item.audio_ms / 1000 * OUTPUT_AUDIO_TOKENS_PER_SECOND)
    if item.user_audio_seconds:
        return 0, math.ceil(item.user_audio_seconds * INPUT_AUDIO_TOKENS_PER_SECOND)
    texts = (item.words, item.body.get("arguments"), item.body.get("output"))
    return sum(text_tokens(text) for text in texts), 0


@dataclass(slots=True)
class Spent:
    """What a response has put out so far, and what it may."""

    limit: int | str
    """``max_output_tokens``: a number, or ``"inf"``."""
    audio_ms: float = 0.0
    text: int = 0

    def take(self, *, audio_ms: float = 0.0, text: int = 0) -> None:
        self.audio_ms += audio_ms
        self.text += text

    @property
    def audio(self) -> int:
        return math.ceil(self.audio_ms / 1000 * OUTPUT_AUDIO_TOKENS_PER_SECOND)

    @property
    def exhausted(self) -> bool:
        return isinstance(self.limit, int) and self.text + self.audio >= self.limit


def response_usage(
    conversation: Conversation, read_before: set[str], instructions: str, spent: Spent
) -> dict[str, Any]:
    """The ``usage`` object: input is the whole conversation, cached what was read before."""
    text = text_tokens(instructions)
    cached_text = text if read_before else 0
    audio = cached_audio = 0
    for item in conversation:
        item_text, item_audio = item_tokens(item)
        text, audio = text + item_text, audio + item_audio
        if item.id in read_before:
            cached_text, cached_audio = cached_text + item_text, cached_audio + item_audio
    return {
        "total_tokens": text + audio + spent.text + spent.audio,
        "input_tokens": text + audio,
        "output_tokens": spent.text + spent.audio,
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
        "output_token_details": {"text_tokens": spent.text, "audio_tokens": spent.audio},
    }
