"""What the guard costs: ``python -m benchmarks.guard [--json]``.

A control event is a whole ``session.update`` of 1 kB, read from text and judged; an append is
100 ms of 24 kHz PCM in the plugin's own writing. Medians of several rounds.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import statistics
import sys
import time
from collections.abc import Callable

from agent.realtime.dialects import OPENAI_GA
from agent.realtime.guard import Guard, appended_bytes, parse
from agent.realtime.rules import Context

ROUNDS = 15
REPEATS = 2000
GOALS_US = {"control event of 1 kB": 30.0, "append of 100 ms": 3.0}

CONTROL = json.dumps(
    {
        "type": "session.update",
        "event_id": "session_update_1",
        "session": {
            "type": "realtime",
            "instructions": "Be brief and kind. " * 15,
            "output_modalities": ["audio"],
            "max_output_tokens": 4096,
            "tool_choice": "auto",
            "tools": [
                {
                    "type": "function",
                    "name": "book_table",
                    "description": "Book a table.",
                    "parameters": {"type": "object", "properties": {}},
                }
            ],
            "audio": {
                "input": {
                    "format": {"type": "audio/pcm", "rate": 24000},
                    "noise_reduction": {"type": "near_field"},
                    "transcription": {"model": "gpt-transcribe", "language": "en"},
                    "turn_detection": {
                        "type": "server_vad",
                        "threshold": 0.5,
                        "prefix_padding_ms": 300,
                        "silence_duration_ms": 500,
                    },
                },
                "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marin"},
            },
        },
    }
)
APPEND = json.dumps(
    {"audio": base64.b64encode(os.urandom(4800)).decode(), "type": "input_audio_buffer.append"}
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    guard = Guard(OPENAI_GA, Context("gpt-realtime-2.1"))
    if guard.check(parse(CONTROL)) or appended_bytes(APPEND) is None:
        raise SystemExit("the events to measure with are not valid")
    figures = {
        "control event of 1 kB": microseconds(lambda: guard.check(parse(CONTROL))),
        "append of 100 ms": microseconds(lambda: appended_bytes(APPEND)),
    }
    if arguments.json:
        print(json.dumps({name: round(figure, 2) for name, figure in figures.items()}))
    else:
        for name, figure in figures.items():
            print(f"{name:24} {figure:6.2f} µs   (at most {GOALS_US[name]:g})")
    return 0


def microseconds(work: Callable[[], object]) -> float:
    """The median over rounds of what one call takes."""
    figures = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(REPEATS):
            work()
        figures.append((time.perf_counter() - began) / REPEATS * 1e6)
    return statistics.median(figures)


if __name__ == "__main__":
    sys.exit(main())
