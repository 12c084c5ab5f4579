"""Discrimination and accuracy at one time, with censored patients accounted for by weights.

The paper's one-year AUC leaves out patients censored within the year. Here they count through the others: everyone
who is observed carries the weight 1 / G, G the Kaplan-Meier probability of still being under observation (IPCW).
A death at T has G just before T, a patient alive at the horizon G at the horizon (Graf et al., Stat Med 1999; Uno et
al., JASA 2007).
"""

from __future__ import annotations

from typing import NamedTuple, Tuple

import numpy as np
import numpy.typing as npt

from her2_core.errors import BadInput
from her2_core.survival.metrics import DAYS_PER_MONTH, ONE_YEAR_MONTHS, Estimate, checked_risk
from her2_core.survival.product_limit import BoolArray, FloatArray, bootstrap_counts, product_limit

ONE_YEAR_DAYS = ONE_YEAR_MONTHS * DAYS_PER_MONTH
"""365.25."""


class _Weights(NamedTuple):
    """Per bootstrap sample: (R, n) weights of the deaths by the horizon and of those alive then."""

    dead: FloatArray
    alive: FloatArray


def time_dependent_auc(
    days: npt.ArrayLike,
    event: npt.ArrayLike,
    risk: npt.ArrayLike,
    *,
    horizon: float = ONE_YEAR_DAYS,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """Cumulative/dynamic AUC: deaths at or before the horizon against patients alive beyond it.

    Args:
        days: (n,) survival or follow-up, > 0.
        event: (n,) True or 1 = death observed.
        risk: (n,) high = poor; ties count one half.
        horizon: in the unit of `days`.
        resamples: bootstrap samples of patients; the weights are estimated anew in each.
        level: coverage of the percentile interval.
        seed: same seed, same interval.

    Raises:
        BadInput: lengths differ, a value is not finite, or there is no death by the horizon or nobody beyond it.
    """
    time, died, score = checked_risk(days, event, risk)
    weights = _weights(time, died, horizon, resamples, seed)
    if not weights.dead[0].any():
        raise BadInput(f"nobody died within {horizon:g} days: there is no time-dependent AUC")
    difference = score[:, None] - score[None, :]
    credit: FloatArray = (difference > 0).astype(np.float64) + 0.5 * (difference == 0)  # (n, n)
    won: FloatArray = np.einsum("rj,rj->r", weights.dead @ credit, weights.alive)
    pairs: FloatArray = weights.dead.sum(axis=1) * weights.alive.sum(axis=1)
    return _estimate(won, pairs, level)


def brier_score(
    days: npt.ArrayLike,
    event: npt.ArrayLike,
    survival: npt.ArrayLike,
    *,
    horizon: float = ONE_YEAR_DAYS,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """Mean squared distance between the predicted survival probability at the horizon and what happened.

    0 is perfect; 0.25 is what a constant 0.5 gets.

    Args:
        days: (n,) survival or follow-up, > 0.
        event: (n,) True or 1 = death observed.
        survival: (n,) predicted probability to be alive at the horizon, 0 to 1.
        horizon: in the unit of `days`.
        resamples, level, seed: see `time_dependent_auc`.

    Raises:
        BadInput: lengths differ, a value is no probability, or nobody is followed beyond the horizon.
    """
    time, died, probability = checked_risk(days, event, survival)
    if probability.min() < 0 or probability.max() > 1:
        raise BadInput("survival probabilities lie between 0 and 1", where="survival")
    weights = _weights(time, died, horizon, resamples, seed)
    lost = np.asarray(weights.dead @ probability**2 + weights.alive @ (1 - probability) ** 2, dtype=np.float64)
    return _estimate(lost, np.full(len(lost), float(len(time))), level)


def _weights(time: FloatArray, died: BoolArray, horizon: float, resamples: int, seed: int) -> _Weights:
    beyond = time > horizon
    if not beyond.any():
        raise BadInput(f"nobody is followed beyond {horizon:g} days", hint="Choose an earlier horizon.")
    counts = bootstrap_counts(len(time), resamples, seed)
    seen_until = product_limit(time, ~died, counts, time, before=True)  # (R, n)
    seen_at_horizon = product_limit(time, ~died, counts, np.array([horizon]))  # (R, 1)
    return _Weights(
        dead=_shares(counts * (died & ~beyond), seen_until),
        alive=_shares(counts * beyond, seen_at_horizon),
    )


def _shares(counts: FloatArray, probability: FloatArray) -> FloatArray:
    """counts / probability, 0 where the sample holds no such patient (the probability may then be 0 too)."""
    return np.divide(counts, probability, out=np.zeros_like(counts), where=counts > 0)


def _estimate(parts: FloatArray, wholes: FloatArray, level: float) -> Estimate:
    """The ratio on the cohort (row 0) with the percentile interval of the samples in which it is defined."""
    drawn = parts[1:][wholes[1:] > 0] / wholes[1:][wholes[1:] > 0]
    low, high = _interval(drawn, level)
    return Estimate(float(parts[0] / wholes[0]), low, high, len(drawn))


def _interval(values: FloatArray, level: float) -> Tuple[float, float]:
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
