"""How well a risk ranks patients: C-index, one-year AUC, bootstrap intervals, and the Youden cut-off.

Direction everywhere: a high risk means poor survival.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, Tuple

import numpy as np
import numpy.typing as npt
from lifelines.utils import concordance_index
from sklearn.metrics import roc_auc_score, roc_curve

from her2_core.errors import BadInput

DAYS_PER_MONTH = 30.4375
"""365.25 / 12."""
ONE_YEAR_MONTHS = 12.0

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
Statistic = Literal["concordance", "auc_at_one_year"]


class OneYearLabel(NamedTuple):
    """Survival at one year (He 2024, Methods): `poor` (n,) bool, True = died at or before 12 months; `known` (n,) bool."""

    poor: BoolArray
    known: BoolArray


@dataclass(frozen=True)
class Estimate:
    """A statistic with its bootstrap interval.

    Attributes:
        value: on all patients.
        low, high: percentile interval.
        resamples: how many bootstrap samples had a defined statistic (no pair to compare: left out).
    """

    value: float
    low: float
    high: float
    resamples: int


def one_year_label(days: npt.ArrayLike, event: npt.ArrayLike) -> OneYearLabel:
    """Who died within the first year, and for whom that is known.

    Censored at or before 12 months (365.25 days) is unknown.

    Args:
        days: (n,) overall survival or follow-up in days, > 0.
        event: (n,) True or 1 = death observed.
    """
    time, died = _survival(days, event)
    within = time / DAYS_PER_MONTH <= ONE_YEAR_MONTHS
    return OneYearLabel(poor=within & died, known=died | ~within)


def concordance(time: npt.ArrayLike, event: npt.ArrayLike, risk: npt.ArrayLike) -> float:
    """Harrell's C-index: the share of comparable pairs in which the one who dies first has the higher risk.

    Args:
        time: (n,) any unit, > 0.
        event: (n,) True or 1 = event observed.
        risk: (n,) high = poor; ties count one half.

    Raises:
        BadInput: lengths differ, a value is not finite, or no two patients can be compared.

    >>> concordance([1, 2, 3], [1, 1, 0], [0.9, 0.2, 0.4])
    0.6666666666666666
    """
    days, died, score = checked_risk(time, event, risk)
    try:
        return float(concordance_index(days, -score, died))
    except ZeroDivisionError:
        raise BadInput("no two patients can be compared: too few observed events for a C-index") from None


def auc_at_one_year(days: npt.ArrayLike, event: npt.ArrayLike, risk: npt.ArrayLike) -> float:
    """Area under the ROC curve of "died within 12 months"; patients with unknown label are left out.

    Args:
        days: (n,) days, > 0.
        event: (n,) True or 1 = death observed.
        risk: (n,) high = poor.

    Raises:
        BadInput: lengths differ, a value is not finite, or the patients with a label all belong to one class.
    """
    time, died, score = checked_risk(days, event, risk)
    label = one_year_label(time, died)
    poor, good = int(np.sum(label.poor & label.known)), int(np.sum(~label.poor & label.known))
    if poor == 0 or good == 0:
        raise BadInput(f"one-year AUC needs deaths and survivors at 12 months; there are {poor} and {good}")
    return float(roc_auc_score(label.poor[label.known], score[label.known]))


def youden_cutoff(poor: npt.ArrayLike, score: npt.ArrayLike) -> float:
    """The score with the largest TPR - FPR; of equal ones the highest (the first when thresholds fall).

    Args:
        poor: (n,) True = poor outcome.
        score: (n,) high = poor. A patient is "high risk" if score >= cut-off.

    Raises:
        BadInput: lengths differ, a score is not finite, or only one class is present.

    >>> youden_cutoff([True, True, False, False], [0.9, 0.6, 0.7, 0.1])
    0.9
    """
    label, values = np.asarray(poor, dtype=bool), np.asarray(score, dtype=np.float64)
    _same_length(("label", label), ("score", values))
    positives, negatives = int(label.sum()), int((~label).sum())
    if positives == 0 or negatives == 0:
        raise BadInput(f"a cut-off needs both outcomes; there are {positives} poor and {negatives} good ones")
    fpr, tpr, thresholds = roc_curve(label, values, drop_intermediate=False)
    # Whole numbers, so that equal differences compare as equal; the first threshold (infinity) names no patient.
    gain = np.rint(tpr * positives) * negatives - np.rint(fpr * negatives) * positives
    return float(thresholds[1 + int(np.argmax(gain[1:]))])


def one_year_cutoff(days: npt.ArrayLike, event: npt.ArrayLike, score: npt.ArrayLike) -> float:
    """Youden cut-off on the one-year ROC curve, without the patients whose label is unknown.

    Raises:
        BadInput: see `youden_cutoff`.
    """
    time, died, values = checked_risk(days, event, score)
    label = one_year_label(time, died)
    return youden_cutoff(label.poor[label.known], values[label.known])


def bootstrap_ci(
    time: npt.ArrayLike,
    event: npt.ArrayLike,
    risk: npt.ArrayLike,
    statistic: Statistic = "concordance",
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """C-index or one-year AUC with a percentile bootstrap interval over patients.

    Both are shares of concordant pairs, so that a bootstrap sample is a weighting of the pairs of the full cohort and
    all samples are computed together.

    Args:
        time: (n,) days, > 0 (any unit for the C-index).
        event: (n,) True or 1 = death observed.
        risk: (n,) high = poor.
        statistic: which one.
        resamples: number of bootstrap samples.
        level: coverage of the interval.
        seed: same seed, same interval.

    Raises:
        BadInput: the statistic is undefined on the full cohort.
    """
    days, died, score = checked_risk(time, event, risk)
    value = concordance(days, died, score) if statistic == "concordance" else auc_at_one_year(days, died, score)
    comparable = _concordance_pairs(days, died) if statistic == "concordance" else _one_year_pairs(days, died)
    difference = score[:, None] - score[None, :]
    credit = np.where(comparable, (difference > 0) + 0.5 * (difference == 0), 0.0)  # (n, n)
    n = len(days)
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples).astype(np.float64)
    won = np.einsum("ri,ri->r", drawn @ credit, drawn)
    pairs = np.einsum("ri,ri->r", drawn @ comparable.astype(np.float64), drawn)
    values = won[pairs > 0] / pairs[pairs > 0]
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(value, float(low), float(high), len(values))


def _concordance_pairs(time: FloatArray, died: BoolArray) -> BoolArray:
    """(n, n): i dies before j is last seen; a death and a censoring on one day count as death first (Harrell)."""
    earlier = time[:, None] < time[None, :]
    same_day = (time[:, None] == time[None, :]) & ~died[None, :]
    pairs: BoolArray = died[:, None] & (earlier | same_day)
    return pairs


def _one_year_pairs(days: FloatArray, died: BoolArray) -> BoolArray:
    """(n, n): i dies within a year, j lives longer."""
    label = one_year_label(days, died)
    pairs: BoolArray = (label.poor & label.known)[:, None] & (~label.poor & label.known)[None, :]
    return pairs


def checked_risk(
    time: npt.ArrayLike, event: npt.ArrayLike, risk: npt.ArrayLike
) -> Tuple[FloatArray, BoolArray, FloatArray]:
    """Times, deaths and one value per patient as arrays.

    Raises:
        BadInput: lengths differ, a value is not finite, a time is not > 0, or an event is not 0 or 1.
    """
    days, died = _survival(time, event)
    score = np.asarray(risk, dtype=np.float64)
    _same_length(("time", days), ("risk", score))
    return days, died, score


def _survival(time: npt.ArrayLike, event: npt.ArrayLike) -> Tuple[FloatArray, BoolArray]:
    days, flags = np.asarray(time, dtype=np.float64), np.asarray(event)
    _same_length(("time", days), ("event", flags))
    if not np.all(days > 0):
        raise BadInput("survival times must be greater than 0", where=f"time[{int(np.argmin(days > 0))}]")
    if not np.all((flags == 0) | (flags == 1)):
        raise BadInput("events must be 0 or 1", where="event")
    return days, flags.astype(bool)


def _same_length(*arrays: Tuple[str, npt.NDArray[np.generic]]) -> None:
    first_name, first = arrays[0]
    for name, array in arrays:
        if array.ndim != 1 or len(array) != len(first):
            raise BadInput(f"{name} has shape {array.shape}, {first_name} {first.shape}: one value per patient each")
        if array.dtype.kind == "f" and not np.all(np.isfinite(array)):
            raise BadInput("holds a value that is not a finite number", where=name)
