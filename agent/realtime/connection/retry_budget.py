"""How often, and for how long, a call tries to get its service back. Pure; in seconds."""

from __future__ import annotations

import random

ATTEMPTS = 20
"""Connections lost and connections refused by one service in one call, together."""
OUTAGE_SECONDS = 8.0
"""Of one outage: a caller who hears nothing for longer hangs up."""
TOTAL_SECONDS = 30.0
"""Of all outages of one service in a call."""
STEADY_SECONDS = 5.0
"""A connection that held for so long ends an outage; one that is lost sooner was part of it, and
neither its time without a connection nor its pauses begin anew."""
LAST_ATTEMPT_SECONDS = 1.0
"""The least that an attempt is given. With less than this left there is no other."""
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 3.0


class RetryBudget:
    """One for each service of a call. A connection counts as made once the service has taken its
    settings."""

    def __init__(
        self, chance: random.Random | None = None, *, outage_seconds: float | None = None
    ) -> None:
        """``outage_seconds``, ``OUTAGE_SECONDS`` if ``None``, is how long an outage may last."""
        self._random = chance or random.Random()  # noqa: S311
        self._outage_seconds = OUTAGE_SECONDS if outage_seconds is None else outage_seconds
        self._attempts = 0
        self._total_outage_seconds = 0.0
        """Without a connection, in all outages that are over, and in this one before its last
        connection."""
        self._outage = 0.0
        """Of that, in this outage."""
        self._outage_began: float | None = None
        self._had_at: float | None = None
        self._failures = 0
        """In a row."""

    @property
    def attempts(self) -> int:
        """Failed so far."""
        return self._attempts

    def begin(self, now: float) -> None:
        """There is no connection, and one is wanted: the clock runs from here, not from the first
        failure, since the caller has been waiting."""
        if self._outage_began is None:
            self._outage_began = now

    def on_failure(self, now: float) -> None:
        """A connection was lost or not had."""
        if self._had_at is not None and now - self._had_at >= STEADY_SECONDS:
            self._failures, self._outage = 0, 0.0
        self._had_at = None
        self._attempts += 1
        self._failures += 1
        self.begin(now)

    def on_success(self, now: float) -> None:
        """There is a connection."""
        if self._outage_began is not None:
            self._total_outage_seconds += now - self._outage_began
            self._outage += now - self._outage_began
            self._outage_began, self._had_at = None, now

    def left(self, now: float) -> float:
        """How long this outage may go on."""
        out = self._out(now)
        return min(
            self._outage_seconds - self._outage - out,
            TOTAL_SECONDS - self._total_outage_seconds - out,
        )

    def exhausted_reason(self, now: float) -> str:
        """Why there is to be no other attempt; empty while there may be."""
        out = self._out(now)
        if self._attempts >= ATTEMPTS:
            return f"{self._attempts} connections of this call failed"
        if self.left(now) >= LAST_ATTEMPT_SECONDS:
            return ""
        if self._outage_seconds - self._outage - out < LAST_ATTEMPT_SECONDS:
            return f"no connection for {self._outage + out:.0f} s"
        return f"{self._total_outage_seconds + out:.0f} s of this call without a connection"

    def backoff_seconds(self, now: float) -> float:
        """To wait before the next attempt: none after the first failure, then twice as long each
        time, less up to half by chance, so that not all calls of a worker try at once; and not so
        long that there is no time left for it."""
        if self._failures <= 1:
            return 0.0
        longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (self._failures - 2))
        pause = longest * self._random.uniform(0.5, 1.0)
        return max(0.0, min(pause, self.left(now) - LAST_ATTEMPT_SECONDS))

    def for_fallback(self) -> RetryBudget:
        """The budget of the service that takes over while this outage goes on.

        It has all its attempts and its total time: a first service that has spent its own is a
        reason to take the fallback, not to give it none.
        """
        budget = RetryBudget(self._random)
        budget._outage, budget._outage_began = self._outage, self._outage_began
        return budget

    def _out(self, now: float) -> float:
        return now - self._outage_began if self._outage_began is not None else 0.0
