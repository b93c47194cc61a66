"""Measure the processor time of validating one client event.

The control event is a whole ``session.update`` of 1 kB: parsed, checked and serialized; and once
more with all that a connection does, which completes it and checks it against the conversation. An
append is 100 ms of 24 kHz PCM, as the plugin writes it and as other clients do. The results are
medians of several rounds, in processor time, so that other programs do not count.
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
from functools import partial
from typing import cast

from agent.errors import Violation
from agent.realtime.connection.credentials import ApiKey
from agent.realtime.connection.endpoint import openai_endpoint
from agent.realtime.connection.service_connection import ServiceConnection
from agent.realtime.connection.service_target import ServiceTarget
from agent.realtime.connection.websocket import ServiceWebSocket
from agent.realtime.protocol.dialects import OPENAI_GA
from agent.realtime.protocol.event_json import parse, serialise
from agent.realtime.protocol.parameters import with_defaults
from agent.realtime.protocol.rules import Context
from agent.realtime.validation.guard import Guard, parse_append

ROUNDS = 15
REPEATS = 2000
CONTROL_GOAL_US, APPEND_GOAL_US = 30.0, 3.0

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
AUDIO = base64.b64encode(os.urandom(4800)).decode()
_APPEND = {"type": "input_audio_buffer.append", "audio": AUDIO}
APPENDS = {
    "the plugin's": json.dumps({"audio": AUDIO, "type": "input_audio_buffer.append"}),
    "compact": json.dumps(_APPEND, separators=(",", ":")),
    "with an event_id": json.dumps({"event_id": "event_123", **_APPEND}),
    "indented": json.dumps(_APPEND, indent=2),
    "slashes escaped": json.dumps(_APPEND).replace("/", "\\/"),
}


class Sink:
    """Takes the place of the socket: what is written goes nowhere."""

    def send(self, text: str) -> None:
        self.last = text


def connection() -> tuple[ServiceConnection, Sink]:
    parameters = with_defaults({}, OPENAI_GA)
    context = Context("gpt-realtime-2.1")
    endpoint = openai_endpoint(OPENAI_GA, "https://localhost/v1", "m", ApiKey("sk"), context)
    sink = Sink()
    return ServiceConnection(
        cast(ServiceWebSocket, sink), ServiceTarget(endpoint, parameters)
    ), sink


def guarded(guard: Guard, text: str) -> None:
    """Read, judge and write an event."""
    event = parse(text)
    if (
        isinstance(event, Violation)
        or guard.check(event)
        or isinstance(serialise(event), Violation)
    ):
        raise SystemExit("the event to measure with is not valid")


def send(service_connection: ServiceConnection, text: str) -> None:
    """What a connection does with an event that is not the first, nor audio."""
    if parse_append(text) is not None or isinstance(event := parse(text), Violation):
        raise SystemExit("the event to measure with is not one")
    admitted = service_connection.admit(
        service_connection.target.complete_session_update(event, first=False)
    )
    if admitted is None or service_connection.send(admitted) is not None:
        raise SystemExit("the event to measure with is not valid")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    service_connection, _ = connection()
    guard = Guard(OPENAI_GA, Context("gpt-realtime-2.1"))
    control = parse(CONTROL)
    figures = {
        "control event, read to written": microseconds(lambda: guarded(guard, CONTROL)),
        "of that, the rules": microseconds(lambda: guard.check(control)),
        "with all a connection does": microseconds(lambda: send(service_connection, CONTROL)),
    }
    for name, text in APPENDS.items():
        chunk = parse_append(text)
        if chunk is None or chunk.size_bytes != len(AUDIO) * 3 // 4:
            raise SystemExit(f"the append {name} is not measured as it stands")
        figures[f"append of 100 ms, {name}"] = microseconds(partial(parse_append, text))
    if arguments.json:
        print(json.dumps({name: round(figure, 2) for name, figure in figures.items()}))
    else:
        for name, figure in figures.items():
            goal = APPEND_GOAL_US if name.startswith("append") else CONTROL_GOAL_US
            print(f"{name:34} {figure:6.2f} µs   (goal {goal:g})")
    return 0


def microseconds(work: Callable[[], object]) -> float:
    """The median over rounds of the processor time that one call takes."""
    figures = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(REPEATS):
            work()
        figures.append((time.process_time() - began) / REPEATS * 1e6)
    return statistics.median(figures)


if __name__ == "__main__":
    sys.exit(main())
