from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from her2_core.errors import BadInput
from her2_core.study.compare import paired_difference


def test_interval_by_hand() -> None:
    # Differences .04, .02, .06: mean .04, standard error .02 / sqrt(3), t(2 df, 97.5 %) = 4.302653.
    found = paired_difference({1: 0.74, 2: 0.76, 3: 0.80}, {1: 0.70, 2: 0.74, 3: 0.74})
    assert found.mean == pytest.approx(0.04)
    assert found.high - found.mean == pytest.approx(4.302653 * 0.02 / np.sqrt(3), abs=1e-6)
    assert found.mean - found.low == pytest.approx(found.high - found.mean)
    assert not found.appears


def test_agrees_with_scipy_s_paired_t_test_whatever_the_order_of_seeds() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(0.75, 0.02, 6), rng.normal(0.70, 0.02, 6)
    theirs = stats.ttest_rel(first, second)
    backwards = range(5, -1, -1)
    found = paired_difference(dict(enumerate(first)), {k: second[k] for k in backwards})
    assert found.p == pytest.approx(theirs.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(theirs.confidence_interval()))
    assert found.appears
    assert found.seeds == 6


def test_the_same_difference_every_time_has_no_width() -> None:
    found = paired_difference({1: 0.5, 2: 0.75}, {1: 0.25, 2: 0.5})
    assert (found.low, found.mean, found.high) == (0.25, 0.25, 0.25)
    assert np.isnan(found.p)


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ({1: 0.7, 2: 0.7}, {1: 0.7, 3: 0.7}, "seed 2 was run for one model only"),
        ({1: 0.7}, {1: 0.6}, "at least two seeds"),
        ({1: 0.7, 2: float("nan")}, {1: 0.6, 2: 0.6}, "not a finite number"),
    ],
)
def test_runs_that_do_not_pair_are_refused(first: dict[int, float], second: dict[int, float], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        paired_difference(first, second)
