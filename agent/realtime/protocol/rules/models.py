"""The models of the service: which are known, what some of them lack, which have a last day.

Source of the lists: openai-openapi at f85dbe2 and the openai package 3.52.0; of the dates: the
deprecations that OpenAI has announced (realtime.md, sections 2 and 3).
"""

from __future__ import annotations

SPEECH_MODELS = (
    "gpt-realtime",
    "gpt-realtime-1.5",
    "gpt-realtime-2",
    "gpt-realtime-2.1",
    "gpt-realtime-2.1-mini",
    "gpt-realtime-2025-08-28",
    "gpt-4o-realtime-preview",
    "gpt-4o-realtime-preview-2024-10-01",
    "gpt-4o-realtime-preview-2024-12-17",
    "gpt-4o-realtime-preview-2025-06-03",
    "gpt-4o-mini-realtime-preview",
    "gpt-4o-mini-realtime-preview-2024-12-17",
    "gpt-realtime-mini",
    "gpt-realtime-mini-2025-10-06",
    "gpt-realtime-mini-2025-12-15",
    "gpt-audio-1.5",
    "gpt-audio-mini",
    "gpt-audio-mini-2025-10-06",
    "gpt-audio-mini-2025-12-15",
)

REASONING_MODELS = frozenset({"gpt-realtime-2", "gpt-realtime-2.1", "gpt-realtime-2.1-mini"})
"""What the others answer ``reasoning`` and ``parallel_tool_calls`` with is recorded live."""

TRANSCRIPTION_MODELS = (
    "whisper-1",
    "gpt-transcribe",
    "gpt-live-transcribe",
    "gpt-4o-mini-transcribe",
    "gpt-4o-mini-transcribe-2025-12-15",
    "gpt-4o-transcribe",
    "gpt-4o-transcribe-diarize",
    "gpt-realtime-whisper",
)
HINTED_TRANSCRIPTION = frozenset({"gpt-transcribe", "gpt-live-transcribe"})
"""Those that take ``languages`` and ``keywords``."""
UNPROMPTED_TRANSCRIPTION = frozenset({"gpt-realtime-whisper", "gpt-4o-transcribe-diarize"})
"""Those that take no ``prompt``."""
DELAYED_TRANSCRIPTION = frozenset({"gpt-realtime-whisper"})
"""Section 9: clients send ``delay`` to gpt-live-transcribe too; the schema has one model only."""

SHUTDOWN = {
    **dict.fromkeys(
        (
            "gpt-realtime",
            "gpt-realtime-2025-08-28",
            "gpt-realtime-mini",
            "gpt-realtime-mini-2025-12-15",
            "gpt-audio-mini",
            "gpt-audio-mini-2025-12-15",
        ),
        "2027-01-20",
    ),
    **dict.fromkeys(
        (
            "whisper-1",
            "gpt-4o-mini-transcribe",
            "gpt-4o-mini-transcribe-2025-12-15",
            "gpt-4o-transcribe",
            "gpt-4o-transcribe-diarize",
        ),
        "2027-02-26",
    ),
}
"""The announced last day of a model, as an ISO date."""
