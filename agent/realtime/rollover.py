"""When a session that will expire is moved to another connection. Pure; in seconds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

WINDOW = 0.25
"""Of a session's life, its last part, in which it is moved at the first quiet moment …"""
MAX_WINDOW_SECONDS = 300.0
HARD = 0.05
"""… and of which the end is left to move it whatever happens."""
MAX_HARD_SECONDS = 15.0
GRACE = 0.3
"""Of the window, its end, in which a moment need not be quiet, only the least bad."""


class Moment(IntEnum):
    """What goes on, from the best moment to the worst."""

    QUIET = 0
    SENTENCE = 1
    """The caller speaks: the sentence goes along."""
    TOOL = 2
    """A tool runs: its call goes along."""
    REPLY = 3
    """The agent answers: what has not come is lost, or asked for again."""


@dataclass(frozen=True, slots=True)
class Plan:
    begins: float
    """From here on a quiet moment is waited for."""
    hurries: float
    ends: float
    """Whatever happens."""

    def allows(self, now: float) -> Moment:
        """The worst moment that will do at ``now``."""
        if now >= self.ends:
            return Moment.REPLY
        return Moment.TOOL if now >= self.hurries else Moment.QUIET


def plan(now: float, expires: float) -> Plan:
    """For a session that begins ``now`` and ends at ``expires``, on the same clock."""
    life = max(0.0, expires - now)
    window = min(WINDOW * life, MAX_WINDOW_SECONDS)
    ends = expires - min(HARD * life, MAX_HARD_SECONDS)
    begins = expires - window
    return Plan(begins, ends - GRACE * (ends - begins), ends)
