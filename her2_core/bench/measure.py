"""How a ratio is measured: both sides in turn, the median of the pairwise ratios."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import Callable, List, Optional

RUNS = 7
"""Pairs that count; one more before them warms caches."""


@dataclass(frozen=True)
class Result:
    """One row of the table.

    Attributes:
        name: of the entry.
        value: ours, median.
        unit: of `value`, e.g. "s" or "bytes".
        against: what it was compared with.
        ratio: ours / theirs, median over the pairs.
        goal: the largest ratio that meets the goal.
        met: whether it does.
    """

    name: str
    value: float
    unit: str
    against: str
    ratio: float
    goal: float
    met: bool


def compare_times(
    name: str,
    against: str,
    goal: float,
    ours: Callable[[], object],
    theirs: Callable[[], object],
    runs: int = RUNS,
    tick: Optional[Callable[[], object]] = None,
) -> Result:
    """Time two callables alternately.

    Args:
        name: of the entry.
        against: what `theirs` is, in words.
        goal: the largest ratio that meets the goal.
        ours: what we do.
        theirs: the reference.
        runs: counted pairs, >= 1.
        tick: called after each pair, for a progress bar.
    """
    seconds: List[float] = []
    ratios: List[float] = []
    for run in range(runs + 1):
        mine, other = _seconds(ours), _seconds(theirs)
        if run:
            seconds.append(mine)
            ratios.append(mine / other)
        if tick:
            tick()
    ratio = statistics.median(ratios)
    return Result(name, statistics.median(seconds), "s", against, ratio, goal, ratio <= goal)


def compare_sizes(name: str, against: str, goal: float, ours: int, theirs: int) -> Result:
    """Compare two sizes in bytes."""
    ratio = ours / theirs
    return Result(name, float(ours), "bytes", against, ratio, goal, ratio <= goal)


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
