"""When a session that will expire is moved."""

from __future__ import annotations

import pytest

from agent.realtime.rollover import Moment, plan


@pytest.mark.parametrize("life", [20.0, 300.0, 3600.0])
def test_it_begins_late_and_ends_in_time(life: float) -> None:
    found = plan(1000.0, 1000.0 + life)
    assert 1000.0 + life / 2 < found.begins < found.hurries < found.ends < 1000.0 + life
    assert found.begins >= 1000.0 + life - 300.0


def test_the_moments_that_will_do_are_more_and_more() -> None:
    found = plan(0.0, 100.0)
    assert found.allows(found.begins) is Moment.QUIET
    assert found.allows(found.hurries) is Moment.TOOL
    assert found.allows(found.ends) is Moment.REPLY


def test_a_session_that_is_over_is_moved_at_once() -> None:
    assert plan(50.0, 10.0).allows(50.0) is Moment.REPLY
