"""The median of paired differences, with a confidence interval."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

RESAMPLES = 5000


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """The median of paired differences and its 95 % interval."""

    median: float
    low: float
    high: float


def paired_difference(ours: Sequence[float], plain: Sequence[float]) -> PairedDifference:
    """Return the median of ``ours`` minus ``plain``, pair by pair.

    The interval is a bootstrap with a fixed seed.
    """
    differences = [one - other for one, other in zip(ours, plain, strict=True)]
    draw = random.Random(0)
    medians = sorted(
        median(draw.choices(differences, k=len(differences))) for _ in range(RESAMPLES)
    )
    return PairedDifference(
        median(differences), medians[RESAMPLES * 25 // 1000], medians[RESAMPLES * 975 // 1000]
    )
