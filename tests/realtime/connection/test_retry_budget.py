"""How often a call tries to get its service back."""

from __future__ import annotations

import random

from agent.realtime.connection.retry_budget import (
    ATTEMPTS,
    LAST_ATTEMPT_SECONDS,
    LONGEST_PAUSE,
    OUTAGE_SECONDS,
    STEADY_SECONDS,
    TOTAL_SECONDS,
    RetryBudget,
)


def test_the_first_attempt_is_at_once_and_the_pauses_grow() -> None:
    budget = RetryBudget(random.Random(1))
    pauses = []
    for _ in range(8):
        budget.on_failure(0.0)
        pauses.append(budget.backoff_seconds(0.0))
    assert pauses[0] == 0.0
    assert 0.1 <= pauses[1] <= 0.2
    assert LONGEST_PAUSE / 2 <= pauses[-1] <= LONGEST_PAUSE


def test_an_outage_has_an_end() -> None:
    budget = RetryBudget()
    budget.on_failure(10.0)
    assert not budget.exhausted_reason(10.0 + OUTAGE_SECONDS - 1)
    assert "no connection for 8 s" in budget.exhausted_reason(10.0 + OUTAGE_SECONDS)


def test_an_outage_is_counted_from_when_a_connection_is_wanted() -> None:
    """Not from the first failure, which comes as late as an attempt may take."""
    budget = RetryBudget()
    budget.begin(10.0)
    budget.begin(12.0)
    budget.on_failure(10.0 + OUTAGE_SECONDS)
    assert budget.exhausted_reason(10.0 + OUTAGE_SECONDS)


def test_the_last_attempt_has_time_and_no_pause_goes_beyond_it() -> None:
    budget = RetryBudget(random.Random(1))
    now = 0.0
    budget.begin(now)
    while not budget.exhausted_reason(now):
        budget.on_failure(now)
        pause = budget.backoff_seconds(now)
        assert now + pause <= OUTAGE_SECONDS - LAST_ATTEMPT_SECONDS + 1e-9
        now += pause + 0.01
    assert now > OUTAGE_SECONDS - LAST_ATTEMPT_SECONDS
    assert budget.attempts < 12


def test_a_connection_that_held_ends_the_outage_and_not_the_count() -> None:
    """Upstream begins anew with every handshake (D8)."""
    budget = RetryBudget()
    for number in range(ATTEMPTS - 1):
        now = number * 2 * STEADY_SECONDS
        budget.on_failure(now)
        budget.on_success(now)
        assert not budget.exhausted_reason(now)
        assert budget.backoff_seconds(now) == 0.0
    budget.on_failure(1000.0)
    assert f"{ATTEMPTS} connections of this call failed" in budget.exhausted_reason(1000.0)


def test_a_connection_that_is_lost_at_once_is_part_of_the_outage() -> None:
    """The settings are accepted, then it closes: each time the pause is longer."""
    budget = RetryBudget(random.Random(1))
    now, pauses = 0.0, []
    budget.begin(now)
    while not budget.exhausted_reason(now):
        budget.on_success(now + 0.01)
        budget.on_failure(now + 0.02)
        pauses.append(budget.backoff_seconds(now + 0.02))
        now += pauses[-1] + 0.02
    assert pauses[:5] == sorted(pauses[:5])
    assert OUTAGE_SECONDS - LAST_ATTEMPT_SECONDS <= now <= OUTAGE_SECONDS
    assert budget.attempts < 12


def test_the_next_way_has_its_own_attempts_and_what_is_left_of_the_outage() -> None:
    first = RetryBudget(outage_seconds=OUTAGE_SECONDS / 2)
    first.begin(0.0)
    for _ in range(ATTEMPTS):
        first.on_failure(3.0)
    assert first.exhausted_reason(3.0)
    second = first.for_next_target()
    assert not second.exhausted_reason(3.0)
    assert second.left(3.0) == OUTAGE_SECONDS - 3.0


def test_all_outages_of_a_call_count_together() -> None:
    budget = RetryBudget()
    each = OUTAGE_SECONDS - 1
    for number in range(int(TOTAL_SECONDS // each)):
        budget.on_failure(number * 100.0)
        assert not budget.exhausted_reason(number * 100.0 + each)
        budget.on_success(number * 100.0 + each)
    budget.on_failure(1000.0)
    assert "without a connection" in budget.exhausted_reason(1000.0 + each)
