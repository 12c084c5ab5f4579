"""Nomo-LDLM-2F and Nomo-w/o-TDLM, fitted on scores of patients the networks did not learn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from her2_core.case import Case
from her2_core.errors import BadInput
from her2_core.models.folder import FittedNomogram
from her2_core.models.nomogram_inputs import DIED, LEVELS, OS_DAYS, TDLM, VARIANTS, nomogram_row
from her2_core.models.tables import ScoreTable, Tables, table_for
from her2_core.survival.cox import SeparationError
from her2_core.survival.metrics import one_year_cutoff
from her2_core.survival.nomogram import Nomogram
from her2_core.training.config import TrainingConfig
from her2_core.training.evaluate import paper_response
from her2_core.training.networks import Risk

SEPARATION_RIDGES = (0.01, 0.1, 1.0)
"""Penalties (lifelines' `penalizer`) that are tried in turn when the fit does not converge."""
LEAST_PATIENTS_PER_LEVEL = 2
FOLLOW_UPS = 2

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class NomogramFits:
    """The variants that could be fitted, and what a reader must know about the fits."""

    fitted: Dict[str, FittedNomogram]
    notes: Tuple[str, ...]


def scores(cases: Sequence[Case], risk: Risk, tables: Tables) -> Tuple[Values, Values]:
    """LDLM and TDLM score of each patient with up to two follow-ups; NaN where there is none, or baseline only.

    Args:
        cases: B patients.
        risk: of the same patients.
        tables: of the networks the risk comes from.
    """
    ldlm, tdlm = np.full(len(cases), np.nan), np.full(len(cases), np.nan)
    for index, case in enumerate(cases):
        follow_ups = min(FOLLOW_UPS, len(case.time_points) - 1)
        if follow_ups:
            ldlm[index] = _score(tables.ldlm, risk.ldlm[index, follow_ups], follow_ups)
            tdlm[index] = _score(tables.tdlm, risk.tdlm[index, follow_ups], follow_ups)
    return ldlm, tdlm


def fit_nomograms(cases: Sequence[Case], ldlm: Values, tdlm: Values, config: TrainingConfig) -> NomogramFits:
    """Fit both variants.

    Args:
        cases: B patients with outcomes.
        ldlm, tdlm: their scores from networks that did not learn from them, NaN = none.
        config: ridge penalty.
    """
    frame = score_frame(cases, ldlm, tdlm)
    fitted: Dict[str, FittedNomogram] = {}
    notes: List[str] = []
    for variant, variables in VARIANTS.items():
        if TDLM in variables and not np.isfinite(tdlm).any():
            notes.append(f"{variant}: not fitted, no out-of-sample TDLM scores (too few patients with markers)")
            continue
        try:
            nomogram, said = _fit(frame, variables, config.nomogram_ridge)
            fitted[variant] = FittedNomogram(nomogram, _cutoff(nomogram, frame))
            notes += [f"{variant}: {note}" for note in said]
        except BadInput as error:
            notes.append(f"{variant}: not fitted, {error}")
    return NomogramFits(fitted, tuple(notes))


def score_frame(cases: Sequence[Case], ldlm: Values, tdlm: Values) -> pd.DataFrame:
    """One row per patient with all nomogram variables, None where unknown, and the outcome."""
    rows = []
    for case, imaging, markers in zip(cases, ldlm, tdlm):
        row = nomogram_row(case, _known(imaging), _known(markers), paper_response(case))
        outcome = case.outcome
        rows.append({**row, OS_DAYS: outcome and outcome.os_days, DIED: outcome and int(outcome.death_observed)})
    return pd.DataFrame(rows)


def total_points(fitted: Optional[FittedNomogram], frame: pd.DataFrame) -> Values:
    """(B,) nomogram score of each row, NaN where a variable is unknown or there is no nomogram."""
    result = np.full(len(frame), np.nan)
    if fitted is not None:
        complete = np.flatnonzero(frame[list(fitted.nomogram.names)].notna().all(axis=1))
        rows = frame.iloc[complete].to_dict("records")
        result[complete] = [score.total_points for score in fitted.nomogram.score(rows)]
    return result


def _fit(frame: pd.DataFrame, variables: Sequence[str], ridge: float) -> Tuple[Nomogram, List[str]]:
    complete = frame.dropna(subset=list(variables))
    notes = []
    if len(complete) < len(frame):
        notes.append(f"fitted on {len(complete)} of {len(frame)} patients, the others lack a variable")
    kept = [name for name in variables if _varies(complete, name)]
    if len(kept) < len(variables):
        left_out = ", ".join(name for name in variables if name not in kept)
        notes.append(f"{left_out} left out, (nearly) all training patients have the same value")
    levels = {name: _present(complete, name) for name in kept if name in LEVELS}
    for penalty in (ridge, *(r for r in SEPARATION_RIDGES if r > ridge)):
        try:
            nomogram = Nomogram.fit(complete, OS_DAYS, DIED, kept, levels=levels, ridge=penalty)
        except SeparationError:
            continue
        if penalty > ridge:
            notes.append(f"fitted with ridge penalty {penalty:g}, since a variable separates the outcomes")
        return nomogram, notes
    raise BadInput("the Cox regression does not converge, not even with a ridge penalty")


def _varies(frame: pd.DataFrame, name: str) -> bool:
    counts = frame[name].value_counts()
    if name in LEVELS:
        return int((counts >= LEAST_PATIENTS_PER_LEVEL).sum()) >= 2
    return len(counts) >= 2


def _present(frame: pd.DataFrame, name: str) -> List[str]:
    """The levels training has; a patient with another one gets no nomogram rather than a guess."""
    return [level for level in LEVELS[name] if (frame[name] == level).any()]


def _cutoff(nomogram: Nomogram, frame: pd.DataFrame) -> float:
    complete = frame.dropna(subset=list(nomogram.names))
    points = [score.total_points for score in nomogram.score(complete.to_dict("records"))]
    return one_year_cutoff(complete[OS_DAYS].to_numpy(float), complete[DIED].to_numpy(bool), points)


def _score(tables: Mapping[int, ScoreTable], risk: float, follow_ups: int) -> float:
    return table_for(tables, follow_ups).score(risk).value if tables and np.isfinite(risk) else float("nan")


def _known(value: float) -> Optional[float]:
    return float(value) if np.isfinite(value) else None
