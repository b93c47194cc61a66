"""The modes of taking turns, and presets of numbers for them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SERVER_VAD = "server_vad"
SEMANTIC_VAD = "semantic_vad"
LOCAL = "local"
PUSH_TO_TALK = "push_to_talk"
MODES = (SERVER_VAD, SEMANTIC_VAD, LOCAL, PUSH_TO_TALK)

WORKER_MODES = frozenset({LOCAL, PUSH_TO_TALK})
"""Modes in which the worker says when a turn ends, and the service's own detection is off."""


@dataclass(frozen=True, slots=True)
class Preset:
    """Numbers for one kind of surroundings.

    Those for a service's own detection are starting points that nobody has verified on it; those
    for ``local`` are measured (docs/turn-taking.md).
    """

    threshold: float
    """How sure of speech the detector must be, 0 to 1."""
    prefix_padding_ms: int
    silence_duration_ms: int
    eagerness: str
    """Of ``semantic_vad``."""
    min_speech_seconds: float
    """``local``: speech shorter than this is none."""
    min_interruption_seconds: float
    """``local``: speech shorter than this does not stop the agent: a cough, an "mm-hm"."""
    margin_db: float = 0.0
    """``local``: how far a voice must stand out from the surroundings; 0 for any speech."""

    @property
    def min_silence_seconds(self) -> float:
        return self.silence_duration_ms / 1000


PRESETS = {
    "quiet": Preset(0.4, 300, 400, "high", 0.05, 0.3),
    "office": Preset(0.5, 300, 500, "medium", 0.1, 0.5),
    "noisy": Preset(0.75, 300, 600, "low", 0.25, 0.7, 3.0),
    "phone": Preset(0.6, 300, 600, "medium", 0.15, 0.5),
}
DEFAULT = "office"


def get_preset(name: str) -> Preset:
    return PRESETS[name or DEFAULT]


def session_parameters(mode: str, preset_name: str) -> Mapping[str, Any]:
    """What the session says of turn detection in ``mode``; empty where neither is chosen."""
    if mode in WORKER_MODES:
        return {"turn_detection.type": None}
    values: dict[str, Any] = {"turn_detection.type": mode} if mode else {}
    if not preset_name:
        return values
    numbers = PRESETS[preset_name]
    if mode == SEMANTIC_VAD:
        return {**values, "turn_detection.eagerness": numbers.eagerness}
    return {
        **values,
        "turn_detection.threshold": numbers.threshold,
        "turn_detection.prefix_padding_ms": numbers.prefix_padding_ms,
        "turn_detection.silence_duration_ms": numbers.silence_duration_ms,
    }
