"""Is one model better than another? The same seeds on both sides, and the mean paired difference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping

import numpy as np
from scipy import stats

from her2_core.errors import BadInput


@dataclass(frozen=True)
class PairedDifference:
    """Mean over seeds of first - second, with its t interval.

    Attributes:
        mean: of the differences.
        low, high: interval from Student's t with (seeds - 1) degrees of freedom.
        p: two-sided paired t-test; NaN when all differences are equal.
        seeds: number of pairs.
    """

    mean: float
    low: float
    high: float
    p: float
    seeds: int

    @property
    def appears(self) -> bool:
        """The first is better: the whole interval lies above 0."""
        return self.low > 0


def paired_difference(
    first: Mapping[int, float], second: Mapping[int, float], *, level: float = 0.95
) -> PairedDifference:
    """Compare a metric (e.g. the C-index on one test cohort) of two models trained with the same seeds.

    Args:
        first, second: seed -> metric; both need the same seeds.
        level: coverage of the interval.

    Raises:
        BadInput: the seeds differ, there are fewer than two, or a value is not finite.

    >>> paired_difference({1: 0.74, 2: 0.76}, {1: 0.70, 2: 0.74}).mean
    0.03
    """
    if first.keys() != second.keys():
        odd = sorted(first.keys() ^ second.keys())
        raise BadInput(f"seed {odd[0]} was run for one model only", hint="Train both with the same seeds.")
    if len(first) < 2:
        raise BadInput(f"a paired difference needs at least two seeds; there are {len(first)}")
    seeds = sorted(first)
    difference = np.array([first[s] - second[s] for s in seeds])
    if not np.all(np.isfinite(difference)):
        raise BadInput("holds a value that is not a finite number", where="metric")
    error = float(stats.sem(difference))
    half = float(stats.t.ppf((1 + level) / 2, len(seeds) - 1)) * error
    mean = float(round(difference.mean(), 12))  # without the dust of binary fractions
    p = float(stats.ttest_1samp(difference, 0.0).pvalue) if error > 0 else float("nan")
    return PairedDifference(mean, mean - half, mean + half, p, len(seeds))
