from __future__ import annotations

import numpy as np
from lifelines import KaplanMeierFitter

from her2_core.survival.product_limit import bootstrap_counts, product_limit


def test_curve_equals_lifelines_with_ties_and_censoring() -> None:
    rng = np.random.default_rng(4)
    time, died = np.ceil(rng.exponential(10, 80)), rng.random(80) < 0.6
    at = np.arange(0.0, 45.0, 0.5)
    expected = KaplanMeierFitter().fit(time, died).predict(at)
    assert np.allclose(product_limit(time, died, np.ones((1, 80)), at)[0], expected)


def test_a_bootstrap_sample_is_the_cohort_with_repeated_patients() -> None:
    time, died = np.array([1.0, 2.0, 3.0, 4.0]), np.array([True, False, True, True])
    counts = np.array([[2.0, 0.0, 1.0, 1.0]])
    repeated = product_limit(np.array([1.0, 1.0, 3.0, 4.0]), np.ones(4, bool), np.ones((1, 4)), time)
    assert np.allclose(product_limit(time, died, counts, time), repeated)


def test_before_means_without_what_happens_on_that_day() -> None:
    time, died = np.array([1.0, 2.0]), np.array([True, True])
    assert product_limit(time, died, np.ones((1, 2)), time, before=True).tolist() == [[1.0, 0.5]]


def test_row_0_is_the_cohort_and_every_sample_has_as_many_patients() -> None:
    counts = bootstrap_counts(7, 50, seed=1)
    assert counts.shape == (51, 7)
    assert counts[0].tolist() == [1.0] * 7
    assert set(counts.sum(axis=1)) == {7.0}
    assert np.array_equal(counts, bootstrap_counts(7, 50, seed=1))
