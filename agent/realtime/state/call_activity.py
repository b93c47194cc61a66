"""What is going on in a call, ordered by how well a session rollover fits in now."""

from __future__ import annotations

from enum import IntEnum


class CallActivity(IntEnum):
    """What is going on in a call, from the best moment for a rollover to the worst."""

    IDLE = 0
    CALLER_SPEAKING = 1
    """The caller speaks: the sentence goes along."""
    TOOL_RUNNING = 2
    """A tool runs: its call goes along."""
    RESPONDING = 3
    """The agent answers: what has not come is lost, or asked for again."""
