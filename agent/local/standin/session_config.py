"""The settings of a session, inside the stand-in always in the GA spelling."""

from __future__ import annotations

import copy
import time
from typing import Any

SESSION_SECONDS = 60 * 60
"""The service ends a session after 60 minutes and shows when in ``expires_at``."""

DEFAULT_INSTRUCTIONS = "You are a helpful assistant. Answer briefly, in the caller's language."

SERVER_VAD: dict[str, Any] = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 200,
    "idle_timeout_ms": None,
    "create_response": True,
    "interrupt_response": True,
}
SEMANTIC_VAD: dict[str, Any] = {
    "type": "semantic_vad",
    "eagerness": "auto",
    "create_response": True,
    "interrupt_response": True,
}

Config = dict[str, Any]


def default_config(
    session_id: str, model: str, *, flat: bool, seconds: float = SESSION_SECONDS
) -> Config:
    """Return the settings in ``session.created``. The session expires after ``seconds``."""
    config: Config = {
        "object": "realtime.session",
        "type": "realtime",
        "id": session_id,
        "model": model,
        "expires_at": int(time.time() + seconds),
        "output_modalities": ["audio"],
        "instructions": DEFAULT_INSTRUCTIONS,
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "tracing": None,
        "truncation": "auto",
        "prompt": None,
        "include": None,
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "transcription": None,
                "noise_reduction": None,
                "turn_detection": copy.deepcopy(SERVER_VAD),
            },
            "output": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "voice": "alloy",
                "speed": 1.0,
            },
        },
    }
    if flat:
        config["temperature"] = 0.8
    return config


def merged(config: Config, update: Config) -> Config:
    """Return ``config`` changed by ``update``; keys that ``update`` omits keep their value.

    Omitted keys of turn detection get the defaults of its type; other objects are replaced whole.
    """
    result = copy.deepcopy(config)
    for key, value in update.items():
        if key == "audio":
            for side, fields in value.items():
                result["audio"][side].update(copy.deepcopy(fields))
        else:
            result[key] = copy.deepcopy(value)
    detection = result["audio"]["input"]["turn_detection"]
    if detection is not None:
        semantic = detection.get("type") == "semantic_vad"
        defaults = SEMANTIC_VAD if semantic else SERVER_VAD
        result["audio"]["input"]["turn_detection"] = {**defaults, **detection}
    return result
