"""Calibration of the nomograms at one year: what Fig. 3B of He 2024 shows, as numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional, Sequence, Tuple

from her2_core.errors import BadInput
from her2_core.study.performance import Nomograms, one_year_survival
from her2_core.study.risk_groups import TRAINING
from her2_core.study.scores import ScoresTable
from her2_core.study.table import NONE, Table, interval_text, p_text
from her2_core.survival.calibration import CalibrationPoint, HosmerLemeshow, calibration_curve, hosmer_lemeshow

NOTES = (
    "Observed survival: Kaplan-Meier at 12 months in quantile groups of the prediction; 95 % percentile bootstrap interval.",
    "Hosmer-Lemeshow: on the one-year label, without patients lost within 12 months (left out); g - 2 degrees of freedom "
    "in the training cohort, g elsewhere.",
)


@dataclass(frozen=True)
class Calibration:
    """One nomogram on one cohort.

    Attributes:
        model, cohort: which.
        points: the curve.
        test: None where it is undefined (too few patients).
    """

    model: str
    cohort: str
    points: Tuple[CalibrationPoint, ...]
    test: Optional[HosmerLemeshow]


def calibrations(
    table: ScoresTable, model: str, nomograms: Nomograms, *, resamples: int = 1000
) -> Tuple[Calibration, ...]:
    """One nomogram on every cohort that has its score; empty if it does not exist or its follow-up is too short."""
    if model not in nomograms:
        return ()
    found: List[Calibration] = []
    for cohort in table.cohorts:
        scored = table.scored(model, cohort)
        if not len(scored.days):
            continue
        try:
            survival = one_year_survival(model, scored.risk, scored, nomograms)
        except BadInput:
            return ()
        points = calibration_curve(scored.days, scored.event, survival, resamples=resamples)
        try:
            test = hosmer_lemeshow(scored.days, scored.event, survival, developed_here=cohort == TRAINING)
        except BadInput:
            test = None
        found.append(Calibration(model, cohort, points, test))
    return tuple(found)


def calibration_table(found: Sequence[Calibration], name: str, title: str) -> Table:
    """Every point of the curves, with the test of its cohort, under a file name and a title."""
    rows = [
        (
            item.model,
            item.cohort,
            str(point.patients),
            f"{point.predicted:.3f}",
            _observed(point),
            NONE if item.test is None else f"{item.test.statistic:.2f} ({item.test.degrees})",
            p_text(item.test.p if item.test else None),
            NONE if item.test is None else str(item.test.left_out),
        )
        for item in found
        for point in item.points
    ]
    header = (
        "Model",
        "Cohort",
        "n",
        "Predicted 12-month survival",
        "Observed (95 % CI)",
        "Hosmer-Lemeshow chi-square (df)",
        "p",
        "Left out",
    )
    return Table(name, title, header, tuple(rows), NOTES, behind_figure=True)


def _observed(point: CalibrationPoint) -> str:
    if point.observed is None or point.low is None or point.high is None:
        return "not followed for 12 months"
    return interval_text(point.observed, point.low, point.high)
