"""Do predicted survival probabilities come true? Calibration curve and Hosmer-Lemeshow test (He 2024, Fig. 3B)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional, Tuple

import numpy as np
import numpy.typing as npt
from scipy.stats import chi2

from her2_core.errors import BadInput
from her2_core.survival.metrics import checked_risk, one_year_label
from her2_core.survival.product_limit import BoolArray, FloatArray, bootstrap_counts, product_limit
from her2_core.survival.time_dependent import ONE_YEAR_DAYS

PATIENTS_PER_GROUP = 10
CURVE_GROUPS = (2, 5)
"""Fewest and most points of a curve; between them one per 10 patients."""
TEST_GROUPS = (3, 10)
"""Fewest and most groups of the test (10 = its classical deciles)."""


@dataclass(frozen=True)
class CalibrationPoint:
    """One quantile group.

    Attributes:
        predicted: mean predicted survival probability.
        observed: Kaplan-Meier estimate at the horizon; None where the group's follow-up ends earlier.
        low, high: percentile bootstrap interval of `observed`.
        patients: size of the group.
    """

    predicted: float
    observed: Optional[float]
    low: Optional[float]
    high: Optional[float]
    patients: int


@dataclass(frozen=True)
class RiskDecile:
    """One group of the Hosmer-Lemeshow test: patients, deaths seen, deaths expected."""

    patients: int
    observed: int
    expected: float


@dataclass(frozen=True)
class HosmerLemeshow:
    """Result of the test; a small p speaks against the calibration.

    Attributes:
        statistic: chi-square.
        degrees: of freedom.
        p: upper tail.
        groups: by rising risk.
        left_out: patients whose one-year outcome is unknown.
    """

    statistic: float
    degrees: int
    p: float
    groups: Tuple[RiskDecile, ...]
    left_out: int


def calibration_curve(
    days: npt.ArrayLike,
    event: npt.ArrayLike,
    survival: npt.ArrayLike,
    *,
    groups: Optional[int] = None,
    horizon: float = ONE_YEAR_DAYS,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Tuple[CalibrationPoint, ...]:
    """Predicted against observed survival in quantile groups of the prediction, by rising prediction.

    Censored patients count as long as they were seen (Kaplan-Meier). Patients are resampled within their group.

    Args:
        days: (n,) survival or follow-up, > 0.
        event: (n,) True or 1 = death observed.
        survival: (n,) predicted probability to be alive at the horizon, 0 to 1.
        groups: number of quantile groups; None = one per 10 patients, 2 to 5. Equal predictions stay together.
        horizon: in the unit of `days`.
        resamples, level, seed: of the bootstrap.

    Raises:
        BadInput: lengths differ, or a value is no probability.
    """
    time, died, probability = _checked(days, event, survival)
    member = quantile_groups(probability, groups or _default_groups(len(time), CURVE_GROUPS))
    return tuple(
        _point(time[member == g], died[member == g], probability[member == g], horizon, resamples, level, seed + g)
        for g in range(member.max() + 1)
    )


def hosmer_lemeshow(
    days: npt.ArrayLike,
    event: npt.ArrayLike,
    survival: npt.ArrayLike,
    *,
    groups: Optional[int] = None,
    developed_here: bool = False,
) -> HosmerLemeshow:
    """Hosmer-Lemeshow test of the predicted risk of death within 12 months.

    It needs a yes-or-no outcome, so it uses the paper's one-year label: patients censored at or before 12 months are
    left out (and counted in `left_out`). With g groups the statistic sum (O - E)^2 / (E (1 - E / n)) has g - 2 degrees
    of freedom on the patients the model was fitted on and g on others.

    Args:
        days: (n,) survival or follow-up in days, > 0.
        event: (n,) True or 1 = death observed.
        survival: (n,) predicted probability to be alive at 12 months, 0 to 1.
        groups: quantile groups of the risk; None = one per 10 patients, 3 to 10. Equal predictions stay together.
        developed_here: the model was fitted on these patients.

    Raises:
        BadInput: lengths differ, a value is no probability, a group's prediction is exactly 0 or 1, or too few groups.
    """
    time, died, probability = _checked(days, event, survival)
    label = one_year_label(time, died)
    poor, risk = label.poor[label.known], 1 - probability[label.known]
    if not len(risk):
        raise BadInput("no patient has a known outcome at 12 months")
    member = quantile_groups(risk, groups or _default_groups(len(risk), TEST_GROUPS))
    found: List[RiskDecile] = []
    statistic = 0.0
    for g in range(member.max() + 1):
        inside = member == g
        n, seen, expected = int(inside.sum()), int(poor[inside].sum()), float(risk[inside].sum())
        if not 0 < expected < n:
            raise BadInput("predicts certainty (0 or 1) for a whole group: the Hosmer-Lemeshow test is undefined")
        statistic += (seen - expected) ** 2 / (expected * (1 - expected / n))
        found.append(RiskDecile(n, seen, expected))
    degrees = len(found) - 2 if developed_here else len(found)
    if degrees < 1:
        raise BadInput(f"the Hosmer-Lemeshow test needs at least 3 groups; the predictions form {len(found)}")
    return HosmerLemeshow(
        statistic, degrees, float(chi2.sf(statistic, degrees)), tuple(found), int(np.sum(~label.known))
    )


def quantile_groups(values: FloatArray, groups: int) -> npt.NDArray[np.int64]:
    """Group number of each value, 0 = lowest; intervals closed at the right; equal quantiles merge their groups.

    >>> quantile_groups(np.array([0.1, 0.2, 0.3, 0.4]), 2)
    array([0, 0, 1, 1])
    """
    inner = np.unique(np.quantile(values, np.arange(1, groups) / groups))
    member = np.searchsorted(inner, values, side="left")
    return np.asarray(np.unique(member, return_inverse=True)[1], dtype=np.int64)


def _point(
    time: FloatArray,
    died: BoolArray,
    probability: FloatArray,
    horizon: float,
    resamples: int,
    level: float,
    seed: int,
) -> CalibrationPoint:
    counts = bootstrap_counts(len(time), resamples, seed)
    alive = product_limit(time, died, counts, np.array([horizon]))[:, 0]
    known = (counts @ (time >= horizon) > 0) | (alive == 0)
    predicted = float(probability.mean())
    if not known[0]:
        return CalibrationPoint(predicted, None, None, None, len(time))
    low, high = np.quantile(alive[1:][known[1:]], [(1 - level) / 2, (1 + level) / 2])
    return CalibrationPoint(predicted, float(alive[0]), float(low), float(high), len(time))


def _default_groups(n: int, bounds: Tuple[int, int]) -> int:
    return min(bounds[1], max(bounds[0], n // PATIENTS_PER_GROUP))


def _checked(
    days: npt.ArrayLike, event: npt.ArrayLike, survival: npt.ArrayLike
) -> Tuple[FloatArray, BoolArray, FloatArray]:
    time, died, probability = checked_risk(days, event, survival)
    if not len(probability) or probability.min() < 0 or probability.max() > 1:
        raise BadInput("survival probabilities lie between 0 and 1", where="survival")
    return time, died, probability
