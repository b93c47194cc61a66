"""How often, and for how long, a call tries to get its service back. Pure; in seconds."""

from __future__ import annotations

import random

ATTEMPTS = 20
"""Connections lost and connections refused in one call, together."""
OUTAGE_SECONDS = 8.0
"""Of one outage: a caller who hears nothing for longer hangs up."""
TOTAL_SECONDS = 30.0
"""Of all outages of a call."""
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 3.0


class Budget:
    """One for a call. A connection counts as had once the service has taken its settings."""

    def __init__(self, chance: random.Random | None = None) -> None:
        self._chance = chance or random.Random()  # noqa: S311
        self._attempts = 0
        self._spent = 0.0
        self._out_since: float | None = None
        self._failures = 0
        """In a row."""

    @property
    def attempts(self) -> int:
        """Failed so far."""
        return self._attempts

    def failed(self, now: float) -> None:
        """A connection was lost or not had."""
        self._attempts += 1
        self._failures += 1
        if self._out_since is None:
            self._out_since = now

    def had(self, now: float) -> None:
        """There is a connection."""
        if self._out_since is not None:
            self._spent += now - self._out_since
        self._out_since, self._failures = None, 0

    def spent(self, now: float) -> str:
        """Why there is to be no other attempt; empty while there may be."""
        out = now - self._out_since if self._out_since is not None else 0.0
        if self._attempts >= ATTEMPTS:
            return f"{self._attempts} connections of this call failed"
        if out >= OUTAGE_SECONDS:
            return f"no connection for {out:.0f} s"
        if self._spent + out >= TOTAL_SECONDS:
            return f"{self._spent + out:.0f} s of this call without a connection"
        return ""

    def pause(self) -> float:
        """To wait before the next attempt: none after the first failure, then twice as long each
        time, less up to half by chance, so that not all calls of a worker try at once."""
        if self._failures <= 1:
            return 0.0
        longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (self._failures - 2))
        return longest * self._chance.uniform(0.5, 1.0)
