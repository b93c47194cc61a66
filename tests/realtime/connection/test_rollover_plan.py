"""When a session that will expire is moved."""

from __future__ import annotations

import pytest

from agent.realtime.connection.rollover_plan import plan
from agent.realtime.state.call_activity import CallActivity


@pytest.mark.parametrize("life", [20.0, 300.0, 3600.0])
def test_it_begins_late_and_ends_in_time(life: float) -> None:
    found = plan(1000.0, 1000.0 + life)
    assert (
        1000.0 + life / 2 < found.window_start < found.grace_start < found.deadline < 1000.0 + life
    )
    assert found.window_start >= 1000.0 + life - 300.0


def test_the_moments_that_will_do_are_more_and_more() -> None:
    found = plan(0.0, 100.0)
    assert found.worst_activity_allowed(found.window_start) is CallActivity.IDLE
    assert found.worst_activity_allowed(found.grace_start) is CallActivity.TOOL_RUNNING
    assert found.worst_activity_allowed(found.deadline) is CallActivity.RESPONDING


def test_a_session_that_is_over_is_moved_at_once() -> None:
    assert plan(50.0, 10.0).worst_activity_allowed(50.0) is CallActivity.RESPONDING
