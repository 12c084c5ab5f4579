"""One patient on the fitted nomogram, or the reason why there is no answer."""

from __future__ import annotations

from typing import Dict, List, Mapping, Optional, Tuple

from her2_core.case import Case
from her2_core.errors import BadInput
from her2_core.models.folder import FittedNomogram
from her2_core.models.losses import DAYS_PER_MONTH
from her2_core.models.nomogram_inputs import VARIANTS, WITH_TDLM, WITHOUT_TDLM, nomogram_row
from her2_core.prognosis import NomogramResult, RecistResult
from her2_core.survival.nomogram import NomogramScore

HORIZONS_MONTHS = (6, 12, 24)
"""From the start of anti-HER2 therapy."""


def answer(
    case: Case,
    used: int,
    ldlm_score: float,
    tdlm_score: Optional[float],
    recist: RecistResult,
    nomograms: Mapping[str, FittedNomogram],
) -> NomogramResult:
    """Score a case; nothing is ever imputed.

    Args:
        case: the patient.
        used: time points that entered the scores.
        ldlm_score, tdlm_score: at the last of them; without markers the variant without TDLM applies.
        recist: responses of the case.
        nomograms: of the model.
    """
    variant = WITHOUT_TDLM if tdlm_score is None else WITH_TDLM
    inputs = nomogram_row(case, ldlm_score, tdlm_score, recist.paper)
    reason = _obstacle(variant, used, inputs, recist, nomograms)
    if reason is not None:
        return NomogramResult(variant=variant, reason=reason)
    fitted = nomograms[variant]
    try:
        score = fitted.nomogram.score_one(inputs, [months * DAYS_PER_MONTH for months in HORIZONS_MONTHS])
    except BadInput as error:  # a level that no training patient had
        return NomogramResult(variant=variant, reason=str(error))
    survival, notes = _horizons(case, used, score)
    return NomogramResult(
        variant=variant,
        inputs={name: inputs[name] for name in fitted.nomogram.names},
        points=score.points,
        total_points=score.total_points,
        linear_predictor=score.linear_predictor,
        survival=survival,
        curve=tuple((days / DAYS_PER_MONTH, probability) for days, probability in score.curve),
        cutoff=fitted.cutoff,
        risk_group="high" if score.total_points >= fitted.cutoff else "low",
        notes=tuple(notes),
    )


def _obstacle(
    variant: str,
    used: int,
    inputs: Mapping[str, object],
    recist: RecistResult,
    nomograms: Mapping[str, FittedNomogram],
) -> Optional[str]:
    if used < 2:
        return "only the baseline examination is given; the nomogram needs at least one follow-up"
    if variant not in nomograms:
        return f"this model has no {variant}; its card says why"
    if recist.paper is None:
        return f"RECIST (paper) cannot be assessed: {recist.reason}"
    needed = nomograms[variant].nomogram.names
    missing = [name for name in VARIANTS[variant] if name in needed and inputs[name] is None]
    return f"{' and '.join(missing)} not given" if missing else None


def _horizons(case: Case, used: int, score: NomogramScore) -> Tuple[Dict[str, Optional[float]], List[str]]:
    """Survival at the horizons; null where the patient is known to be alive, or nobody was followed that long."""
    alive_until = case.time_points[used - 1].day - (case.therapy_start_day or 0)
    survival: Dict[str, Optional[float]] = {}
    notes: List[str] = []
    for months, probability in zip(HORIZONS_MONTHS, score.survival.values()):
        passed = months * DAYS_PER_MONTH < alive_until
        survival[str(months)] = None if passed else probability
        if passed:
            notes.append(f"{months} months: already passed")
        elif probability is None:
            notes.append(f"{months} months: beyond the longest follow-up of the training cohort")
    return survival, notes
