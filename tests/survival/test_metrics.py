from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lifelines.utils import concordance_index
from sklearn.metrics import roc_auc_score

from her2_core.errors import BadInput
from her2_core.survival import metrics

YEAR_DAYS = 365.25


def cohort(n: int = 60, seed: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    risk = np.round(rng.normal(size=n), 1)  # rounded, so that there are ties
    days = np.ceil(rng.exponential(600 * np.exp(-0.7 * risk)) / 30) * 30
    return days, rng.random(n) < 0.7, risk


def test_one_year_label_knows_deaths_and_long_survivors_only() -> None:
    days = [100, 100, YEAR_DAYS, YEAR_DAYS, 366, 366]
    event = [1, 0, 1, 0, 1, 0]
    label = metrics.one_year_label(days, event)
    assert label.known.tolist() == [True, False, True, False, True, True]
    assert label.poor.tolist() == [True, False, True, False, False, False]


def test_concordance_of_a_hand_counted_example() -> None:
    # Comparable: (1,2) (1,3) (1,4) (2,3) (2,4) and, censored at 3, nothing from 3. Won: 1>2, 1>4, 2>4; tied 1=3; lost 2<3.
    value = metrics.concordance([1, 2, 3, 4], [1, 1, 0, 0], [5, 2, 5, 1])
    assert value == pytest.approx(3.5 / 5)


def test_a_higher_risk_means_earlier_death() -> None:
    assert metrics.concordance([1, 2, 3], [1, 1, 1], [3, 2, 1]) == 1.0
    assert metrics.concordance([1, 2, 3], [1, 1, 1], [1, 2, 3]) == 0.0


def test_one_year_auc_leaves_out_unknown_labels() -> None:
    days, event, risk = [100, 200, 300, 400, 500], [1, 0, 1, 1, 0], [4, 99, 2, 3, 1]
    # poor: risks 4 and 2; good: 3 and 1; pairs won: 4>3, 4>1, 2>1 of 4
    assert metrics.auc_at_one_year(days, event, risk) == pytest.approx(0.75)


def test_youden_takes_the_first_maximum_from_high_to_low_thresholds() -> None:
    poor = [True, True, False, True, False, True]
    score = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4]
    # J at .9 .. .4: 1/4, 1/2, 0, 1/4, -1/4, 0
    assert metrics.youden_cutoff(poor, score) == 0.8
    tie = [True, False, True, False]  # J: 1/2, 0, 1/2, 0
    assert metrics.youden_cutoff(tie, [0.9, 0.8, 0.7, 0.6]) == 0.9


def test_youden_compares_equal_differences_exactly() -> None:
    # J = 1/3 at the 1st, 5th and 9th threshold, but 1 - 6/9 > 1/3 in floats.
    poor = np.array([1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0], dtype=bool)
    score = np.arange(12, 0, -1.0)
    assert metrics.youden_cutoff(poor, score) == 12.0


def test_youden_never_answers_infinity_when_the_score_is_worse_than_chance() -> None:
    cutoff = metrics.youden_cutoff([False, False, True], [0.9, 0.8, 0.1])
    assert cutoff == 0.1


def test_one_year_cutoff_ignores_unknown_labels() -> None:
    days, event = [100, 120, 500, 600], [1, 0, 1, 0]
    assert metrics.one_year_cutoff(days, event, [0.7, 0.99, 0.3, 0.1]) == 0.7


@pytest.mark.parametrize("statistic", ["concordance", "auc_at_one_year"])
def test_vectorised_bootstrap_equals_resampling_with_lifelines_and_sklearn(statistic: str) -> None:
    days, event, risk = cohort()
    n, resamples, seed = len(days), 40, 11
    found = metrics.bootstrap_ci(days, event, risk, statistic, resamples=resamples, seed=seed)  # type: ignore[arg-type]
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples)
    values = []
    for row in counts:
        pick = np.repeat(np.arange(n), row)
        if statistic == "concordance":
            values.append(concordance_index(days[pick], -risk[pick], event[pick]))
        else:
            known = event[pick] | (days[pick] > YEAR_DAYS)
            poor = event[pick] & (days[pick] <= YEAR_DAYS)
            values.append(roc_auc_score(poor[known], risk[pick][known]))
    assert found.resamples == resamples
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(values, [0.025, 0.975])))
    assert found.low < found.value < found.high


def test_bootstrap_is_fixed_by_its_seed() -> None:
    data = cohort()
    assert metrics.bootstrap_ci(*data, seed=1) == metrics.bootstrap_ci(*data, seed=1)
    assert metrics.bootstrap_ci(*data, seed=1) != metrics.bootstrap_ci(*data, seed=2)


def test_bootstrap_leaves_out_samples_without_a_pair() -> None:
    found = metrics.bootstrap_ci([1, 2], [1, 0], [2, 1], resamples=200, seed=0)
    assert found.value == 1.0
    assert 0 < found.resamples < 200


@given(st.floats(0.1, 10), st.floats(-5, 5))
def test_a_rising_transform_of_the_risk_changes_no_metric(scale: float, shift: float) -> None:
    days, event, risk = cohort()
    moved = scale * risk + shift
    assert metrics.concordance(days, event, np.round(moved, 9)) == metrics.concordance(days, event, risk)
    assert metrics.auc_at_one_year(days, event, np.round(moved, 9)) == metrics.auc_at_one_year(days, event, risk)


@pytest.mark.parametrize(
    ("days", "event", "risk", "message"),
    [
        ([1, 2], [1, 1], [1], "risk has shape (1,)"),
        ([1, 2], [1, 2], [1, 2], "events must be 0 or 1"),
        ([0, 2], [1, 1], [1, 2], "time[0]: survival times must be greater than 0"),
        ([1, 2], [1, 1], [1, float("nan")], "risk: holds a value that is not a finite number"),
        ([1, 2], [0, 0], [1, 2], "no two patients can be compared"),
    ],
)
def test_bad_numbers_are_refused(days: list[float], event: list[int], risk: list[float], message: str) -> None:
    with pytest.raises(BadInput) as caught:
        metrics.concordance(days, event, risk)
    assert message in str(caught.value)


def test_one_class_has_no_auc_and_no_cutoff() -> None:
    with pytest.raises(BadInput, match="there are 0 and 2"):
        metrics.auc_at_one_year([400, 500], [1, 1], [1, 2])
    with pytest.raises(BadInput, match="there are 2 poor and 0 good"):
        metrics.youden_cutoff([True, True], [1, 2])
