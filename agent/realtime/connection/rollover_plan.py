"""When a session that will expire is moved to another connection. Pure; in seconds."""

from __future__ import annotations

from dataclasses import dataclass

from agent.realtime.state.call_activity import CallActivity

WINDOW = 0.25
"""Of a session's life, its last part, in which it is moved at the first quiet moment …"""
MAX_WINDOW_SECONDS = 300.0
HARD = 0.05
"""… and of which the end is left to move it whatever happens."""
MAX_HARD_SECONDS = 15.0
GRACE = 0.3
"""Of the window, its end, in which a moment need not be quiet, only the least bad."""


@dataclass(frozen=True, slots=True)
class Plan:
    window_start: float
    """From here on a quiet moment is waited for."""
    grace_start: float
    deadline: float
    """Whatever happens."""

    def worst_activity_allowed(self, now: float) -> CallActivity:
        """The worst moment that will do at ``now``."""
        if now >= self.deadline:
            return CallActivity.RESPONDING
        return CallActivity.TOOL_RUNNING if now >= self.grace_start else CallActivity.IDLE


def plan(now: float, expires: float) -> Plan:
    """For a session that begins ``now`` and ends at ``expires``, on the same clock."""
    life = max(0.0, expires - now)
    window = min(WINDOW * life, MAX_WINDOW_SECONDS)
    ends = expires - min(HARD * life, MAX_HARD_SECONDS)
    begins = expires - window
    return Plan(begins, ends - GRACE * (ends - begins), ends)
