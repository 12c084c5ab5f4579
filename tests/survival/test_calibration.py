"""Calibration curve and Hosmer-Lemeshow test on examples worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from lifelines import KaplanMeierFitter
from scipy.stats import chi2

from her2_core.errors import BadInput
from her2_core.survival.calibration import calibration_curve, hosmer_lemeshow, quantile_groups
from her2_core.survival.time_dependent import ONE_YEAR_DAYS


def one_year(deaths: int, survivors: int) -> list[tuple[int, int]]:
    return [(100, 1)] * deaths + [(700, 0)] * survivors


def calibrated(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    scale = rng.uniform(200, 3000, n)
    death, lost = rng.exponential(scale), rng.uniform(200, 2000, n)
    return np.minimum(death, lost) + 1e-6, death <= lost, np.exp(-ONE_YEAR_DAYS / scale)


def test_hosmer_lemeshow_of_a_hand_worked_example() -> None:
    # Risk 0.2: 2 of 10 died as expected. 0.5: 8 of 10 instead of 5: 9 / 2.5. 0.8: 6 of 10 instead of 8: 4 / 1.6.
    outcome = np.array(one_year(2, 8) + one_year(8, 2) + one_year(6, 4))
    survival = np.repeat([0.8, 0.5, 0.2], 10)
    found = hosmer_lemeshow(outcome[:, 0], outcome[:, 1], survival, groups=3)
    assert found.statistic == pytest.approx(3.6 + 2.5)
    assert [(g.patients, g.observed) for g in found.groups] == [(10, 2), (10, 8), (10, 6)]
    assert [g.expected for g in found.groups] == pytest.approx([2, 5, 8])
    assert (found.degrees, found.p) == (3, pytest.approx(chi2.sf(6.1, 3)))
    here = hosmer_lemeshow(outcome[:, 0], outcome[:, 1], survival, groups=3, developed_here=True)
    assert (here.degrees, here.p) == (1, pytest.approx(math.erfc(math.sqrt(6.1 / 2))))  # a squared normal


def test_hosmer_lemeshow_leaves_out_who_was_lost_within_the_year_and_says_how_many() -> None:
    outcome = np.array(one_year(2, 8) + one_year(5, 5) + one_year(8, 2) + [(50, 0)] * 4)
    found = hosmer_lemeshow(outcome[:, 0], outcome[:, 1], [0.8] * 10 + [0.5] * 10 + [0.2] * 10 + [0.1] * 4, groups=3)
    assert found.left_out == 4
    assert found.statistic == pytest.approx(0)
    assert found.p == pytest.approx(1)


def test_hosmer_lemeshow_rejects_as_often_as_it_says_when_the_model_is_right() -> None:
    p = [hosmer_lemeshow(*_without_loss(seed), groups=10).p for seed in range(400)]
    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.05, abs=0.03)


def _without_loss(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    survival = rng.uniform(0.1, 0.9, 300)
    died = rng.random(300) > survival
    return np.where(died, 100, 700), died, survival


def test_calibration_points_are_kaplan_meier_per_quantile_group() -> None:
    days, event, survival = calibrated(90, seed=2)
    points = calibration_curve(days, event, survival, groups=3, resamples=200)
    order = np.argsort(survival)
    for point, inside in zip(points, np.split(order, 3)):
        kaplan_meier = KaplanMeierFitter().fit(days[inside], event[inside])
        assert point.patients == 30
        assert point.predicted == pytest.approx(survival[inside].mean())
        assert point.observed == pytest.approx(kaplan_meier.predict(ONE_YEAR_DAYS))
        assert point.low is not None
        assert point.low < point.observed < point.high


def test_a_right_model_lies_on_the_diagonal_and_a_wrong_one_does_not() -> None:
    days, event, survival = calibrated(4000, seed=3)
    for point in calibration_curve(days, event, survival, groups=5, resamples=20):
        assert point.observed == pytest.approx(point.predicted, abs=0.05)
    wrong = calibration_curve(days, event, survival**3, groups=5, resamples=20)
    assert max(abs((p.observed or 0) - p.predicted) for p in wrong) > 0.2


def test_a_group_that_nobody_follows_for_a_year_has_no_observed_survival() -> None:
    days, event = [100, 200, 300, 400, 500, 600], [1, 0, 0, 1, 0, 0]
    low, high = calibration_curve(days, event, [0.1, 0.2, 0.3, 0.7, 0.8, 0.9], groups=2, resamples=50)
    assert (low.observed, low.low) == (None, None)
    assert high.observed == 1.0


def test_equal_predictions_stay_in_one_group() -> None:
    assert quantile_groups(np.array([1.0, 1.0, 1.0, 2.0]), 4).tolist() == [0, 0, 0, 1]
    assert quantile_groups(np.array([5.0, 1.0, 3.0, 2.0, 4.0, 6.0]), 3).tolist() == [2, 0, 1, 0, 1, 2]


@pytest.mark.parametrize(
    ("survival", "message"),
    [
        ([0.5, 0.5, 0.5, 0.5], "at least 3 groups"),
        ([1.0, 1.0, 0.5, 0.2], "certainty"),
        ([0.5, 0.6, 1.5, 0.2], "0 and 1"),
    ],
)
def test_predictions_that_cannot_be_tested_are_refused(survival: list[float], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        hosmer_lemeshow([100, 200, 700, 800], [1, 1, 0, 0], survival, groups=4, developed_here=True)
