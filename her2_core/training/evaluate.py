"""Discrimination of every model on every cohort of the folder, for the model card."""

from __future__ import annotations

from typing import Callable, Dict, List, Mapping, Optional, Sequence

import numpy as np
import numpy.typing as npt

from her2_core.case import Case
from her2_core.errors import BadInput
from her2_core.models.card import CohortMetrics
from her2_core.response.from_case import assess_case_paper
from her2_core.survival.metrics import BoolArray, auc_at_one_year, concordance
from her2_core.training.outcomes import Outcomes, outcomes_of

Values = npt.NDArray[np.float64]
STAGES = ("LDLM-BS", "LDLM-1F", "LDLM-2F")
RESPONSE_RISK: Dict[str, float] = {"PR": 0.0, "SD": 1.0, "PD": 2.0}


def cohort_metrics(cohort: str, cases: Sequence[Case], risks: Mapping[str, Values]) -> List[CohortMetrics]:
    """C-index and one-year AUC of each model.

    Args:
        cohort: its name.
        cases: B patients with outcomes.
        risks: model -> (B,) risk, high = poor, NaN = no answer for this patient.
    """
    outcomes = outcomes_of(cases)
    return [_metrics(cohort, model, outcomes, risk) for model, risk in risks.items()]


def recist_risk(cases: Sequence[Case]) -> Values:
    """(B,) the paper's RECIST as a risk: PR 0, SD 1, PD 2, NaN where it cannot be assessed."""
    responses = [paper_response(case) for case in cases]
    return np.array([np.nan if r is None else RESPONSE_RISK[r] for r in responses])


def paper_response(case: Case) -> Optional[str]:
    """PR, SD or PD of the paper's RECIST; None where it cannot be assessed."""
    assessment = assess_case_paper(case)
    return assessment.overall if assessment is not None and assessment.overall in RESPONSE_RISK else None


def stage_risks(risks: Values, most_follow_ups: int = 2) -> Dict[str, Values]:
    """LDLM-BS, -1F and -2F: what the model says with at most 0, 1, 2 follow-ups (a patient with fewer has all it has).

    Args:
        risks: (B, 5) per number of follow-ups, NaN where a patient has fewer.
        most_follow_ups: last stage.
    """
    return {STAGES[k]: last_known(risks, k) for k in range(most_follow_ups + 1)}


def last_known(risks: Values, follow_ups: int) -> Values:
    """(B, 5) -> (B,): the value with the most follow-ups up to a number; NaN where there is none."""
    result = np.full(len(risks), np.nan)
    for k in range(follow_ups + 1):
        result = np.where(np.isfinite(risks[:, k]), risks[:, k], result)
    return result


def _metrics(cohort: str, model: str, outcomes: Outcomes, risk: Values) -> CohortMetrics:
    kept = np.flatnonzero(np.isfinite(risk)).tolist()
    known = outcomes.take(kept)
    return CohortMetrics(
        cohort=cohort,
        model=model,
        patients=len(kept),
        deaths=int(known.event.sum()),
        c_index=_or_none(concordance, known, risk[kept]),
        auc_12m=_or_none(auc_at_one_year, known, risk[kept]),
    )


def _or_none(
    statistic: Callable[[Values, BoolArray, Values], float], outcomes: Outcomes, risk: Values
) -> Optional[float]:
    try:
        return round(statistic(outcomes.days, outcomes.event, risk), 4)
    except BadInput:
        return None
