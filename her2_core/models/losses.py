"""Training losses on a mini-batch of B patients: survival (two variants) and one-year cross-entropy (paper, Methods).

Directions: class 0 = OS <= 12 months, class 1 = OS > 12 months; a high log-hazard or risk = poor survival.
"""

from __future__ import annotations

from typing import Literal, Tuple

import torch
from torch import Tensor
from torch.nn import functional

DAYS_PER_MONTH = 30.4375
"""365.25 / 12."""
ONE_YEAR_DAYS = 12 * DAYS_PER_MONTH
_EPSILON = 1e-6
"""Inside the logarithm of the published loss."""

Ties = Literal["efron", "breslow"]


def log_hazard(logits: Tensor) -> Tensor:
    """(B, 2) logits -> (B,) log-hazard z0 - z1, the log-odds of dying within a year."""
    return logits[:, 0] - logits[:, 1]


def one_year_label(days: Tensor, event: Tensor) -> Tuple[Tensor, Tensor]:
    """Class per patient.

    Args:
        days: (B,) overall survival or follow-up, days.
        event: (B,) bool, death observed.

    Returns:
        label (B,) int64, 1 = OS > 12 months (months of 30.4375 days); and known (B,) bool, false for patients
        censored at or before 12 months.
    """
    long = days > ONE_YEAR_DAYS
    return long.long(), long | event


def cox_loss(log_hazard: Tensor, days: Tensor, event: Tensor, ties: Ties = "efron") -> Tensor:
    """Negative Cox partial log-likelihood, mean over the events; risk set T_j >= T_i.

    Args:
        log_hazard: (B,) of any size; stable by log-sum-exp.
        days: (B,) survival or censoring times.
        event: (B,) bool, death observed.
        ties: how simultaneous deaths count: Efron 1977 or Breslow 1974.

    Returns:
        scalar; 0 (with zero gradient) without an event.
    """
    _check(log_hazard, days, event)
    if not bool(event.any()):
        return _zero(log_hazard)
    time = days[event]  # (E,)
    weight = (days[None, :] >= time[:, None]).to(log_hazard.dtype)  # (E, B): share of j in the risk set of event i
    if ties == "efron":
        tied = (time[:, None] == time[None, :]).to(weight.dtype)  # (E, E)
        earlier = tied.tril(-1).sum(1)  # the l-th of d deaths at one time, l = 0 .. d - 1, removes l / d of each
        weight[:, event] = weight[:, event] - tied * (earlier / tied.sum(1))[:, None]
    # A weight inside the sum keeps every term positive: no difference of large numbers.
    log_risk = torch.logsumexp(log_hazard[None, :] + weight.log(), 1)  # (E,)
    return (log_risk - log_hazard[event]).mean()


def published_survival_loss(risk: Tensor, days: Tensor, event: Tensor) -> Tensor:
    """The survival loss of the published code: risk set T_j > T_i (strict), 1e-6 inside the logarithm.

    -1/|D*| sum over D* of [ r_i - log( sum over T_j > T_i of exp(r_j) + 1e-6 ) ]; D* = events with a non-empty risk set.

    Args:
        risk: (B,) softmax probability of the poor-OS class.
        days: (B,) survival or censoring times.
        event: (B,) bool, death observed.

    Returns:
        scalar; 0 (with zero gradient) when no event has a risk set.
    """
    _check(risk, days, event)
    later = days[None, :] > days[:, None]  # (B, B)
    usable = event & later.any(1)
    if not bool(usable.any()):
        return _zero(risk)
    terms = risk[None, :].masked_fill(~later[usable], -torch.inf)  # (D*, B)
    log_risk = torch.logaddexp(torch.logsumexp(terms, 1), risk.new_tensor(_EPSILON).log())
    return (log_risk - risk[usable]).mean()


def one_year_cross_entropy(logits: Tensor, label: Tensor, known: Tensor) -> Tensor:
    """Cross-entropy, mean over the patients whose one-year state is known.

    Args:
        logits: (B, 2).
        label: (B,) int64, 1 = OS > 12 months; any value where not known.
        known: (B,) bool.

    Returns:
        scalar; 0 (with zero gradient) when no label is known.
    """
    if not bool(known.any()):
        return _zero(logits)
    return functional.cross_entropy(logits[known], label[known])


def _zero(values: Tensor) -> Tensor:
    """0 that still hangs in the autograd graph; an empty sum, since 0 x infinity would be NaN."""
    return values[:0].sum()


def _check(values: Tensor, days: Tensor, event: Tensor) -> None:
    if not (values.ndim == 1 and values.shape == days.shape == event.shape and event.dtype == torch.bool):
        shapes = ", ".join(str(tuple(t.shape)) for t in (values, days, event))
        raise ValueError(f"expected three vectors of one length, the last one bool; got {shapes}, {event.dtype}")
