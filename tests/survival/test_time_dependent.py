"""Censoring-weighted AUC and Brier score against a hand-worked example and against torchsurv."""

from __future__ import annotations

from typing import Tuple

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchsurv.metrics.auc import Auc
from torchsurv.metrics.brier_score import BrierScore
from torchsurv.stats.ipcw import get_ipcw

from her2_core.errors import BadInput
from her2_core.survival.metrics import auc_at_one_year
from her2_core.survival.time_dependent import ONE_YEAR_DAYS, brier_score, time_dependent_auc

# Five patients, horizon 6. Under observation: 1 until one of the four still there is lost at 4: G = 3/4 from then on.
DAYS, EVENT = [2, 4, 5, 8, 9], [1, 0, 1, 1, 0]
HORIZON = 6.0


def cohort(seed: int, n: int = 120) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    risk = np.round(rng.normal(size=n), 1)  # rounded, so that risks tie
    death, lost = rng.exponential(500 * np.exp(-0.8 * risk)), rng.uniform(50, 1500, n)
    return np.minimum(death, lost) + 1, death <= lost, risk


def test_auc_of_the_hand_worked_example() -> None:
    # Deaths by 6: day 2 (weight 1, risk 3) and day 5 (weight 4/3, risk 1). Alive: risks 2 and 0.
    # Won: 1 x 2 of 2 pairs, and 4/3 x 1 of 2 pairs; all pairs (1 + 4/3) x 2.
    found = time_dependent_auc(DAYS, EVENT, [3, 9, 1, 2, 0], horizon=HORIZON, resamples=10)
    assert found.value == pytest.approx((2 + 4 / 3) / (14 / 3))


def test_brier_score_of_the_hand_worked_example() -> None:
    # (0.2^2 + 4/3 x 0.4^2 + 4/3 x (0.5^2 + 0.1^2)) / 5 = 0.6 / 5; the patient lost at 4 counts through the others.
    found = brier_score(DAYS, EVENT, [0.2, 0.7, 0.4, 0.5, 0.9], horizon=HORIZON, resamples=10)
    assert found.value == pytest.approx(0.12)


def test_a_death_on_the_day_of_a_censoring_counts_with_the_weight_before_it() -> None:
    # Weights 1 for both deaths (days 2 and 4), 4/3 for those alive: (0.04 + 0.16 + 4/3 x 0.26) / 5.
    found = brier_score([2, 4, 4, 8, 9], EVENT, [0.2, 0.7, 0.4, 0.5, 0.9], horizon=HORIZON, resamples=10)
    assert found.value == pytest.approx((0.2 + 4 / 3 * 0.26) / 5)


@pytest.mark.parametrize("seed", range(3))
def test_auc_equals_torchsurv(seed: int) -> None:
    days, event, risk = cohort(seed)
    time, flags = torch.tensor(days), torch.tensor(event)
    at = torch.tensor([ONE_YEAR_DAYS], dtype=time.dtype)
    theirs = Auc()(torch.tensor(risk), flags, time, "cumulative", get_ipcw(flags, time), at, get_ipcw(flags, time, at))
    assert time_dependent_auc(days, event, risk, resamples=5).value == pytest.approx(float(theirs[0]), abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_brier_score_equals_torchsurv(seed: int) -> None:
    days, event, risk = cohort(seed)
    survival = 1 / (1 + np.exp(risk))
    time, flags = torch.tensor(days), torch.tensor(event)
    at = torch.tensor([ONE_YEAR_DAYS], dtype=time.dtype)
    theirs = BrierScore()(
        torch.tensor(survival)[:, None], flags, time, at, get_ipcw(flags, time), get_ipcw(flags, time, at)
    )
    assert brier_score(days, event, survival, resamples=5).value == pytest.approx(float(theirs[0]), abs=1e-6)


def test_without_censoring_before_the_horizon_it_is_the_paper_s_auc() -> None:
    days, event, risk = cohort(7)
    kept = event | (days > ONE_YEAR_DAYS)
    ours = time_dependent_auc(days[kept], event[kept], risk[kept], resamples=5).value
    assert ours == pytest.approx(auc_at_one_year(days[kept], event[kept], risk[kept]))


def test_the_interval_is_that_of_single_bootstrap_samples() -> None:
    days, event, risk = cohort(1, n=40)
    found = time_dependent_auc(days, event, risk, resamples=300, seed=5)
    drawn = np.random.default_rng(5).multinomial(40, np.full(40, 1 / 40), size=300)
    one_by_one = []
    for counts in drawn:
        index = np.repeat(np.arange(40), counts)
        one_by_one.append(time_dependent_auc(days[index], event[index], risk[index], resamples=2).value)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(one_by_one, [0.025, 0.975])))
    assert found.low < found.value < found.high


@given(st.integers(0, 10_000), st.floats(0.1, 5))
def test_only_the_order_of_the_risks_matters(seed: int, power: float) -> None:
    days, event, risk = cohort(seed, n=30)
    first = time_dependent_auc(days, event, risk, resamples=2).value
    assert time_dependent_auc(days, event, np.exp(power * risk), resamples=2).value == pytest.approx(first)
    assert time_dependent_auc(days, event, -risk, resamples=2).value == pytest.approx(1 - first)


def test_the_right_probability_has_the_smallest_brier_score() -> None:
    days, event, risk = cohort(11, n=2000)
    truth = np.exp(-(ONE_YEAR_DAYS - 1) / (500 * np.exp(-0.8 * risk)))
    best = brier_score(days, event, truth, resamples=2).value
    for wrong in (np.clip(truth + 0.15, 0, 1), np.clip(truth - 0.15, 0, 1), np.full(2000, 0.5)):
        assert brier_score(days, event, wrong, resamples=2).value > best + 0.005


@pytest.mark.parametrize(
    ("days", "event", "message"),
    [
        ([100, 200, 300], [1, 1, 0], "nobody is followed beyond"),
        ([400, 500, 600], [1, 1, 0], "nobody died within"),
        ([400, 0, 600], [1, 1, 0], "greater than 0"),
        ([400, 500], [1, 1], "one value per patient"),
    ],
)
def test_what_cannot_be_computed_is_said(days: list[int], event: list[int], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        time_dependent_auc(days, event, [0.1, 0.2, 0.3])


def test_a_probability_beyond_one_is_refused() -> None:
    with pytest.raises(BadInput, match="between 0 and 1"):
        brier_score(DAYS, EVENT, [0.2, 1.2, 0.4, 0.5, 0.9], horizon=HORIZON)
