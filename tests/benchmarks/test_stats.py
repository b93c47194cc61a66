"""Paired differences."""

from benchmarks.stats import paired_difference


def test_the_pairs_are_what_is_compared() -> None:
    plain = [100.0, 500.0, 900.0]
    found = paired_difference([value + 10 for value in plain], plain)
    assert (found.median, found.low, found.high) == (10, 10, 10)


def test_the_interval_holds_the_median_and_repeats() -> None:
    ours, plain = [3.0, 1.0, 9.0, 4.0, 6.0], [1.0] * 5
    found = paired_difference(ours, plain)
    assert found.low <= found.median == 3 <= found.high
    assert found == paired_difference(ours, plain)
