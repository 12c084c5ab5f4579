"""Survival losses against hand-computed batches, Therneau's example, R and lifelines."""

from __future__ import annotations

import math
from typing import Tuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines import CoxPHFitter
from lifelines.datasets import load_rossi
from scipy.optimize import minimize_scalar
from torch import Tensor

from her2_core.models.losses import (
    cox_loss,
    log_hazard,
    one_year_cross_entropy,
    one_year_label,
    published_survival_loss,
)

GOOD = torch.tensor([0.9, 0.5, 0.98, 0.99, 0.3, 0.7], dtype=torch.float64)
MONTHS = torch.tensor([10.0, 4, 22, 30, 4, 14])
EVENT = torch.tensor([True, True, False, True, True, True])
LOGITS = torch.stack([1 - GOOD, GOOD], 1).log()


def therneau() -> Tuple[Tensor, Tensor, Tensor]:
    time = torch.tensor([9, 1, 1, 6, 6, 8])
    status = torch.tensor([1, 1, 0, 1, 1, 0]).bool()
    return torch.tensor([0, 1, 1, 1, 0, 0], dtype=torch.float64), time, status


def test_the_published_loss_of_the_checked_batch_is_as_computed_by_hand() -> None:
    assert published_survival_loss(1 - GOOD, MONTHS, EVENT).item() == pytest.approx(0.831918, abs=5e-7)


def test_the_cox_loss_of_the_checked_batch_is_as_computed_by_hand() -> None:
    assert cox_loss(log_hazard(LOGITS), MONTHS, EVENT).item() == pytest.approx(0.604773, abs=5e-7)


def test_the_cross_entropy_of_the_checked_batch_is_as_computed_by_hand() -> None:
    label, known = one_year_label(MONTHS * 30.4375, EVENT)
    assert one_year_cross_entropy(LOGITS, label, known).item() == pytest.approx(0.623223, abs=5e-7)


@pytest.mark.parametrize(("ties", "beta"), [("breslow", math.log(1.5 + math.sqrt(33) / 2)), ("efron", 1.676857)])
def test_minimising_the_cox_loss_gives_therneaus_coefficient(ties: str, beta: float) -> None:
    x, time, status = therneau()
    found = minimize_scalar(
        lambda b: cox_loss(b * x, time, status, ties=ties).item(),  # type: ignore[arg-type]
        bounds=(0, 5),
        method="bounded",
        options={"xatol": 1e-9},
    )
    assert found.x == pytest.approx(beta, abs=1e-6)


def test_the_efron_loss_is_lifelines_log_likelihood_on_rossi() -> None:
    table = load_rossi()
    fitted = CoxPHFitter().fit(table, "week", "arrest")
    covariates = torch.tensor(table[fitted.params_.index].to_numpy(dtype=np.float64))
    weeks, arrest = torch.tensor(table["week"].to_numpy()), torch.tensor(table["arrest"].to_numpy()).bool()
    events = int(arrest.sum())

    at_optimum = -events * cox_loss(covariates @ torch.tensor(fitted.params_.to_numpy()), weeks, arrest)
    at_zero = -events * cox_loss(torch.zeros(len(table), dtype=torch.float64), weeks, arrest)
    assert at_optimum.item() == pytest.approx(fitted.log_likelihood_, abs=1e-6)
    assert at_optimum.item() == pytest.approx(-658.7477, abs=5e-5)  # R: coxph(Surv(week, arrest) ~ ., rossi)
    assert at_zero.item() == pytest.approx(-675.3806, abs=5e-5)


def test_without_ties_efron_and_breslow_agree() -> None:
    risk = torch.tensor([0.3, -1.0, 2.0, 0.1])
    days, event = torch.tensor([5, 3, 9, 4]), torch.tensor([True, True, False, True])
    assert cox_loss(risk, days, event, "efron").item() == pytest.approx(cox_loss(risk, days, event, "breslow").item())


def test_three_simultaneous_deaths_follow_efrons_formula() -> None:
    risk = torch.tensor([0.2, -0.5, 1.0, 0.4], dtype=torch.float64)
    days, event = torch.tensor([7, 7, 7, 12]), torch.tensor([True, True, True, False])
    deaths, everyone = risk[:3].exp().sum(), risk.exp().sum()
    expected = sum(torch.log(everyone - part / 3 * deaths) for part in range(3)) - risk[:3].sum()
    assert cox_loss(risk, days, event).item() == pytest.approx(float(expected) / 3, abs=1e-12)


def test_the_published_loss_leaves_out_events_without_a_later_patient_and_keeps_its_epsilon() -> None:
    risk, days = torch.tensor([-20.0, -20.0, 0.5], dtype=torch.float64), torch.tensor([1, 2, 2])
    event = torch.tensor([True, True, True])
    # Patients 2 and 3 die last, together: their strict risk set is empty. Only patient 1 counts.
    expected = math.log(math.exp(-20) + math.exp(0.5) + 1e-6) + 20
    assert published_survival_loss(risk, days, event).item() == pytest.approx(expected, abs=1e-12)
    small = torch.tensor([-20.0, -20.0], dtype=torch.float64)
    alone = published_survival_loss(small, torch.tensor([1, 2]), torch.tensor([True, False]))
    assert alone.item() == pytest.approx(math.log(math.exp(-20) + 1e-6) + 20, abs=1e-12)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_the_gradient_of_the_cox_loss_is_right(ties: str) -> None:
    risk = torch.randn(6, dtype=torch.float64, generator=torch.Generator().manual_seed(2)).requires_grad_()
    assert torch.autograd.gradcheck(lambda r: cox_loss(r, MONTHS, EVENT, ties), risk)  # type: ignore[arg-type]


def test_the_gradient_of_the_published_loss_is_right() -> None:
    risk = (1 - GOOD).clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda r: published_survival_loss(r, MONTHS, EVENT), risk)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_extreme_log_hazards_stay_finite(ties: str) -> None:
    risk = torch.tensor([200.0, -200.0, 200.0, -200.0, 0.0, 200.0], requires_grad=True)
    loss = cox_loss(risk, MONTHS, EVENT, ties)  # type: ignore[arg-type]
    loss.backward()
    assert torch.isfinite(loss)
    assert loss > 50
    assert risk.grad is not None
    assert bool(risk.grad.isfinite().all())


@pytest.mark.parametrize("loss", [cox_loss, published_survival_loss])
def test_a_batch_without_an_event_contributes_nothing(loss: object) -> None:
    risk = torch.tensor([0.3, math.inf, -1.0], requires_grad=True)
    value = loss(risk, torch.tensor([1, 2, 3]), torch.zeros(3, dtype=torch.bool))  # type: ignore[operator]
    value.backward()
    assert value.item() == 0
    assert risk.grad is not None
    assert risk.grad.tolist() == [0, 0, 0]


def test_without_a_known_label_the_cross_entropy_contributes_nothing() -> None:
    logits = torch.randn(3, 2, requires_grad=True)
    value = one_year_cross_entropy(logits, torch.zeros(3, dtype=torch.int64), torch.zeros(3, dtype=torch.bool))
    value.backward()
    assert value.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_unknown_labels_do_not_enter_the_cross_entropy() -> None:
    logits = torch.tensor([[1.0, 0.0], [math.nan, 5.0]])
    value = one_year_cross_entropy(logits, torch.tensor([0, 1]), torch.tensor([True, False]))
    assert value.item() == pytest.approx(math.log(1 + math.exp(-1)), abs=1e-6)


def test_labels_turn_at_twelve_months_and_early_censoring_is_unknown() -> None:
    days = torch.tensor([365, 366, 365, 366, 365.25])  # 12 months are 365.25 days
    label, known = one_year_label(days, torch.tensor([True, True, False, False, False]))
    assert label.tolist() == [0, 1, 0, 1, 0]
    assert known.tolist() == [True, True, False, True, False]


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(6)))
def test_the_order_of_the_patients_does_not_matter(order: list[int]) -> None:
    risk = 1 - GOOD
    assert cox_loss(risk[order], MONTHS[order], EVENT[order]).item() == pytest.approx(
        cox_loss(risk, MONTHS, EVENT).item(), abs=1e-12
    )
    assert published_survival_loss(risk[order], MONTHS[order], EVENT[order]).item() == pytest.approx(
        published_survival_loss(risk, MONTHS, EVENT).item(), abs=1e-12
    )


def test_the_cox_loss_ignores_a_common_shift_of_the_log_hazard() -> None:
    risk = 1 - GOOD
    assert cox_loss(risk + 7, MONTHS, EVENT).item() == pytest.approx(cox_loss(risk, MONTHS, EVENT).item(), abs=1e-12)


def test_event_numbers_instead_of_booleans_are_refused() -> None:
    with pytest.raises(ValueError, match="bool"):
        cox_loss(torch.zeros(2), torch.tensor([1, 2]), torch.tensor([1, 2]))
