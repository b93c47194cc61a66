"""How often a call tries to get its service back."""

from __future__ import annotations

import random

from agent.realtime.budget import (
    ATTEMPTS,
    LONGEST_PAUSE,
    OUTAGE_SECONDS,
    TOTAL_SECONDS,
    Budget,
)


def test_the_first_attempt_is_at_once_and_the_pauses_grow() -> None:
    budget = Budget(random.Random(1))
    pauses = []
    for _ in range(8):
        budget.failed(0.0)
        pauses.append(budget.pause())
    assert pauses[0] == 0.0
    assert 0.1 <= pauses[1] <= 0.2
    assert LONGEST_PAUSE / 2 <= pauses[-1] <= LONGEST_PAUSE


def test_an_outage_has_an_end() -> None:
    budget = Budget()
    budget.failed(10.0)
    assert not budget.spent(10.0 + OUTAGE_SECONDS - 1)
    assert "no connection for 8 s" in budget.spent(10.0 + OUTAGE_SECONDS)


def test_a_connection_that_was_had_ends_the_outage_and_not_the_count() -> None:
    """Upstream begins anew with every handshake (D8)."""
    budget = Budget()
    for number in range(ATTEMPTS - 1):
        budget.failed(float(number))
        budget.had(float(number))
        assert not budget.spent(number + 0.0)
        assert budget.pause() == 0.0
    budget.failed(100.0)
    assert f"{ATTEMPTS} connections of this call failed" in budget.spent(100.0)


def test_all_outages_of_a_call_count_together() -> None:
    budget = Budget()
    each = OUTAGE_SECONDS - 1
    for number in range(int(TOTAL_SECONDS // each)):
        budget.failed(number * 100.0)
        assert not budget.spent(number * 100.0 + each)
        budget.had(number * 100.0 + each)
    budget.failed(1000.0)
    assert "without a connection" in budget.spent(1000.0 + each)
