"""Table 3: how well each model ranks patients and tells the first year, per cohort (He 2024)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Mapping, Optional, Tuple, TypeVar

import numpy as np
import pandas as pd

from her2_core.errors import BadInput
from her2_core.study.paper_numbers import SOURCE, TABLE_3, PaperResult
from her2_core.study.risk_groups import TRAINING
from her2_core.study.scores import MODELS, Scored, ScoresTable
from her2_core.study.table import NONE, Table, estimate_text, interval_text, p_text
from her2_core.survival.cox import CoxFit, HazardRatio, fit_cox
from her2_core.survival.metrics import Estimate, FloatArray, bootstrap_ci, one_year_label
from her2_core.survival.nomogram import Nomogram
from her2_core.survival.time_dependent import ONE_YEAR_DAYS, brier_score, time_dependent_auc

HAZARD_NOTE = (
    "HR: Cox regression on the continuous score (RECIST as PR 0, SD 1, PD 2) within each cohort, per standard "
    "deviation of that score in the training cohort; Wald interval and p."
)
INTERVAL_NOTE = "95 % intervals: percentile bootstrap over patients. Scores point the same way: high = poor."
AUC_NOTE = "1-year AUC: patients censored at or before 12 months are left out (as in the paper)."
IPCW_NOTE = (
    "IPCW AUC: cumulative/dynamic at 12 months; everyone counts, weighted by the inverse probability of being under "
    "observation. Where nobody was lost within 12 months it equals the 1-year AUC."
)
BRIER_NOTE = (
    "Brier score at 12 months (IPCW; 0 = perfect): a nomogram by its own survival probability, any other score by a "
    "Cox regression on that score in the training cohort."
)

Nomograms = Mapping[str, Nomogram]
"""Model ("Nomo-LDLM-2F", "Nomo-w/o-TDLM") -> nomogram fitted on days."""
_T = TypeVar("_T")


@dataclass(frozen=True)
class Performance:
    """One model on one cohort; None = cannot be computed (no answers, too few deaths, separation).

    Attributes:
        cohort, model: which.
        patients, deaths: with an answer of the model.
        lost: patients censored at or before 12 months: not in the paper's one-year AUC.
        c_index: Harrell's.
        hazard: ratio per training standard deviation of the score.
        auc: one-year AUC of the paper.
        ipcw_auc: time-dependent AUC at 12 months.
        brier: Brier score at 12 months.
    """

    cohort: str
    model: str
    patients: int
    deaths: int
    lost: int
    c_index: Optional[Estimate] = None
    hazard: Optional[HazardRatio] = None
    auc: Optional[Estimate] = None
    ipcw_auc: Optional[Estimate] = None
    brier: Optional[Estimate] = None


def performances(
    table: ScoresTable, nomograms: Nomograms, *, resamples: int = 1000, seed: int = 0
) -> Tuple[Performance, ...]:
    """Every model on every cohort that has patients, cohorts in the paper's order."""
    found = []
    for cohort in table.cohorts:
        for model in MODELS:
            training = table.scored(model, TRAINING)
            found.append(_performance(cohort, model, table.scored(model, cohort), training, nomograms, resamples, seed))
    return tuple(found)


def one_year_survival(model: str, risk: FloatArray, training: Scored, nomograms: Nomograms) -> FloatArray:
    """(n,) predicted probability to be alive at 12 months.

    Args:
        model: one of the eight.
        risk: (n,) its score, or the total points of a nomogram.
        training: the same score of the training patients, for models that are no survival model themselves.
        nomograms: the fitted ones.

    Raises:
        BadInput: no training patients, separation, or follow-up of less than 12 months.
    """
    if model in nomograms:
        nomogram = nomograms[model]
        predictors = [nomogram.linear_predictor(points) for points in risk]
        baseline = nomogram.baseline.at(ONE_YEAR_DAYS)
    else:
        fit = _cox(training)
        predictors = list(fit.terms[0].coefficient * (risk - fit.means["score"]))
        baseline = fit.baseline.at(ONE_YEAR_DAYS)
    if baseline is None:
        raise BadInput(f"{model}: the training follow-up ends before 12 months")
    probabilities: FloatArray = baseline ** np.exp(np.minimum(np.asarray(predictors, dtype=np.float64), 700.0))
    return probabilities


def table_3(found: Tuple[Performance, ...], synthetic: bool) -> Table:
    """Ours and the paper's numbers side by side."""
    ours = _ours(synthetic)
    header = (
        "Cohort",
        "Model",
        "n",
        "Deaths",
        f"C-index (95 % CI), {ours}",
        f"C-index (95 % CI), {SOURCE}",
        f"HR (95 % CI), {ours}",
        f"p of HR, {ours}",
        f"p of HR, {SOURCE}",
        f"1-year AUC (95 % CI), {ours}",
        f"1-year AUC (95 % CI), {SOURCE}",
    )
    rows = tuple(_row(p) for p in found if p.patients)
    title = "Table 3. Discrimination of all models in all cohorts"
    return Table("table_3_performance", title, header, rows, (INTERVAL_NOTE, HAZARD_NOTE, AUC_NOTE))


def table_of_weighted_statistics(found: Tuple[Performance, ...], synthetic: bool) -> Table:
    """Time-dependent AUC and Brier score, which the paper does not have."""
    ours = _ours(synthetic)
    header = (
        "Cohort",
        "Model",
        "n",
        "Lost within 12 months",
        f"IPCW AUC (95 % CI), {ours}",
        f"Brier score (95 % CI), {ours}",
    )
    rows = tuple(
        (p.cohort, p.model, str(p.patients), str(p.lost), estimate_text(p.ipcw_auc), estimate_text(p.brier))
        for p in found
        if p.patients
    )
    title = "Beside Table 3. Time-dependent AUC and Brier score at 12 months"
    return Table("table_3_weighted", title, header, rows, (INTERVAL_NOTE, IPCW_NOTE, BRIER_NOTE))


def _ours(synthetic: bool) -> str:
    return "SYNTHETIC" if synthetic else "this cohort"


def _row(p: Performance) -> Tuple[str, ...]:
    paper: Optional[PaperResult] = TABLE_3.get((p.cohort, p.model))
    hazard = p.hazard
    return (
        p.cohort,
        p.model,
        str(p.patients),
        str(p.deaths),
        estimate_text(p.c_index),
        interval_text(*paper.c_index) if paper else NONE,
        interval_text(hazard.ratio, hazard.low, hazard.high, 2) if hazard else NONE,
        p_text(hazard.p if hazard else None),
        paper.hazard_p if paper else NONE,
        estimate_text(p.auc),
        interval_text(*paper.auc) if paper else NONE,
    )


def _performance(
    cohort: str, model: str, scored: Scored, training: Scored, nomograms: Nomograms, resamples: int, seed: int
) -> Performance:
    days, event, risk, _ = scored
    if not len(days):
        return Performance(cohort, model, 0, 0, 0)

    def brier() -> Estimate:
        survival = one_year_survival(model, risk, training, nomograms)
        return brier_score(days, event, survival, resamples=resamples, seed=seed)

    return Performance(
        cohort=cohort,
        model=model,
        patients=len(days),
        deaths=int(event.sum()),
        lost=int(np.sum(~one_year_label(days, event).known)),
        c_index=_or_none(lambda: bootstrap_ci(days, event, risk, "concordance", resamples=resamples, seed=seed)),
        hazard=_or_none(lambda: _cox(scored, _spread(training)).terms[0]),
        auc=_or_none(lambda: bootstrap_ci(days, event, risk, "auc_at_one_year", resamples=resamples, seed=seed)),
        ipcw_auc=_or_none(lambda: time_dependent_auc(days, event, risk, resamples=resamples, seed=seed)),
        brier=_or_none(brier),
    )


def _cox(scored: Scored, unit: float = 1.0) -> CoxFit:
    """Cox regression on one score, per `unit` of it.

    Raises:
        BadInput: too few patients, no deaths, or separation.
    """
    if len(scored.days) < 2 or not scored.event.any():
        raise BadInput("a Cox regression needs patients and deaths")
    return fit_cox(pd.DataFrame({"score": scored.risk / unit}), scored.days, scored.event)


def _spread(training: Scored) -> float:
    """Standard deviation of the score in the training cohort.

    Raises:
        BadInput: fewer than two patients, or all the same.
    """
    spread = float(np.std(training.risk, ddof=1)) if len(training.risk) > 1 else 0.0
    if spread <= 0:
        raise BadInput("the training patients' scores do not spread")
    return spread


def _or_none(compute: Callable[[], _T]) -> Optional[_T]:
    try:
        return compute()
    except BadInput:
        return None
