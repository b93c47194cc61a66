"""It must never be what a benchmark measures."""

import pytest

from benchmarks.standin import measure


@pytest.mark.slow
async def test_first_audio_processor_and_memory() -> None:
    result = await measure(sessions=30, seconds=8)
    assert result["first_audio_ms"] <= 10
    assert result["cores"] <= 1
    assert result["mb_per_session"] <= 15
    assert result["replies"] >= 30 * 3
