"""Truncation: what the service keeps of an answer, beside what was played to the caller."""

from __future__ import annotations

from statistics import median

import pytest

from agent.local.livekit_server import LiveKitAddress
from benchmarks.truncation import GOAL_MS, measure_interruptions, network_path
from benchmarks.voice import LEAKED_DELTAS, measure_leak

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

COUNT = 12


@pytest.mark.parametrize(("delay_ms", "jitter_ms"), [(0.0, 0.0), (100.0, 20.0)])
async def test_a_reply_is_truncated_where_the_caller_stopped_hearing_it(
    delay_ms: float, jitter_ms: float
) -> None:
    async with network_path(delay_ms, jitter_ms) as (address, near):
        found = await measure_interruptions(address, near, COUNT)
    errors = sorted(abs(each.error_ms) for each in found)
    assert len(errors) == COUNT
    # A packet lost on a busy machine is heard by nobody, and no error of ours.
    assert errors[-3] <= GOAL_MS, found
    assert median(errors) <= GOAL_MS / 2, found


async def test_none_of_a_thousand_leaked_deltas_is_heard(livekit: LiveKitAddress) -> None:
    assert await measure_leak(livekit) == {"deltas": LEAKED_DELTAS, "frames_heard": 0}
