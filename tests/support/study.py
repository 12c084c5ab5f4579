"""A study without training: phantom patients without pixels, and scores that are the true log-hazard plus noise."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Dict, List, Optional, Tuple

import numpy as np
import pandas as pd

from her2_core.case import Case
from her2_core.cohort.acquisition import AS_SCANNED
from her2_core.cohort.folder import PHANTOM_NOTICE
from her2_core.cohort.latents import staged_log_hazards
from her2_core.cohort.patients import draw_patient
from her2_core.cohort.scene import build_scene
from her2_core.cohort.table1 import COHORTS, TABLE_1
from her2_core.models.nomogram_inputs import LEVELS, VARIANTS, WITH_TDLM, WITHOUT_TDLM, nomogram_row
from her2_core.prognosis import Attention, ObjectLabel
from her2_core.response.burden import tumour_burden
from her2_core.response.from_case import assess_case_paper
from her2_core.study.records import CohortSummary, record_of
from her2_core.study.scores import PatientScores, ScoresTable
from her2_core.survival.nomogram import Nomogram

STAGES = (("ldlm_bs", "baseline", 0.6), ("ldlm_1f", "1F", 0.6), ("ldlm_2f", "2F", 0.6))
SIZES = {cohort: TABLE_1[cohort].size for cohort in COHORTS}


@dataclass(frozen=True)
class Simulated:
    """What `write_study` needs."""

    scores: ScoresTable
    summary: CohortSummary
    nomograms: Dict[str, Nomogram]
    attentions: Dict[str, Attention]


def unit(values: np.ndarray) -> np.ndarray:
    """Squeezed into [0, 1]."""
    return 1 / (1 + np.exp(-values))


@lru_cache(maxsize=2)
def simulated(seed: int = 7, scale: float = 1.0) -> Simulated:
    """Cohorts of the paper's sizes times `scale`."""
    rng = np.random.default_rng(seed)
    cases: List[Tuple[str, Case]] = []
    stages: Dict[str, List[float]] = {column: [] for column, _, _ in STAGES}
    for cohort, size in SIZES.items():
        for index in range(max(4, round(size * scale))):
            patient = draw_patient(seed, cohort, index)
            cases.append((cohort, build_scene(patient, AS_SCANNED).case))
            known = staged_log_hazards(patient.latents, patient.clinical)
            for column, stage, _ in STAGES:
                stages[column].append(known[stage])
    columns = {
        column: unit(np.array(stages[column]) + noise * rng.normal(size=len(cases))) for column, _, noise in STAGES
    }
    markers = unit(np.array(stages["ldlm_2f"]) + 1.4 * rng.normal(size=len(cases)))
    frame = _frame(cases, columns["ldlm_2f"], markers)
    nomograms = _nomograms(frame)
    rows = [_row(i, cohort, case, columns, frame, nomograms) for i, (cohort, case) in enumerate(cases)]
    patients = tuple(record_of(case, cohort) for cohort, case in cases)
    summary = CohortSummary("simulated", True, PHANTOM_NOTICE, patients)
    attentions = {case.case_id: attention(case, columns["ldlm_2f"][i], rng) for i, (_, case) in enumerate(cases)}
    return Simulated(ScoresTable(tuple(rows)), summary, nomograms, attentions)


def attention(case: Case, risk: float, rng: np.random.Generator) -> Attention:
    """Random weights; high risk looks more at the first follow-up, and lymph nodes at peritoneum."""
    labels = tuple(ObjectLabel(o.lesion_id, o.phase, o.organ) for o in case.objects)
    names = tuple(t.name for t in case.time_points[:3])
    between = rng.normal(size=(1 + len(labels), 1 + len(labels)))
    for i, source in enumerate(labels):
        for j, target in enumerate(labels):
            between[1 + i, 1 + j] += 1.5 * risk * ((source.organ, target.organ) == ("Lymph node", "Peritoneum"))
    weights = np.exp(between) / np.exp(between).sum(axis=1, keepdims=True)
    over_time = np.exp(rng.normal(size=len(names)) * 0.3 + np.array([0.0, risk, 0.4])[: len(names)])
    over_time /= over_time.sum()
    square = tuple(tuple(float(w) for w in row) for row in np.full((1 + len(names),) * 2, 1 / (1 + len(names))))
    return Attention(
        objects=labels,
        object_by_object=tuple(tuple(float(w) for w in row) for row in weights),
        time_points=names,
        time_by_time=(square,) * len(labels),
        time_importance=dict(zip(names, over_time.tolist())),
    )


def _frame(cases: List[Tuple[str, Case]], ldlm: np.ndarray, tdlm: np.ndarray) -> pd.DataFrame:
    rows = []
    for index, (cohort, case) in enumerate(cases):
        assessed = assess_case_paper(case)
        response = assessed.overall if assessed is not None and assessed.overall in ("PR", "SD", "PD") else None
        marker = float(tdlm[index]) if case.markers else None
        row = nomogram_row(case, float(ldlm[index]), marker, response)
        outcome = case.outcome
        assert outcome is not None
        rows.append({**row, "cohort": cohort, "os_days": outcome.os_days, "died": int(outcome.death_observed)})
    return pd.DataFrame(rows)


def _nomograms(frame: pd.DataFrame) -> Dict[str, Nomogram]:
    found = {}
    for variant, names in VARIANTS.items():
        training = frame[frame.cohort == "training"].dropna(subset=list(names))
        levels = {n: [level for level in LEVELS[n] if (training[n] == level).any()] for n in names if n in LEVELS}
        kept = [n for n in names if n not in levels or len(levels[n]) > 1]
        levels = {n: levels[n] for n in kept if n in levels}
        found[variant] = Nomogram.fit(training, "os_days", "died", kept, levels=levels, ridge=0.01)
    return found


def _row(
    index: int,
    cohort: str,
    case: Case,
    columns: Dict[str, np.ndarray],
    frame: pd.DataFrame,
    nomograms: Dict[str, Nomogram],
) -> PatientScores:
    values = frame.iloc[index].where(frame.iloc[index].notna(), None).to_dict()
    outcome = case.outcome
    assert outcome is not None
    return PatientScores(
        case_id=case.case_id,
        cohort=cohort,
        os_days=outcome.os_days,
        death_observed=outcome.death_observed,
        recist=values["RECIST"],
        tb_delta=tumour_burden(case).change_percent,
        tdlm=values["TDLM score"],
        nomo_ldlm_2f=_points(nomograms[WITH_TDLM], values),
        nomo_wo_tdlm=_points(nomograms[WITHOUT_TDLM], values),
        **{name: float(column[index]) for name, column in columns.items()},
    )


def _points(nomogram: Nomogram, values: Dict[str, object]) -> Optional[float]:
    if any(values[name] is None for name in nomogram.names):
        return None
    try:
        return nomogram.score_one(values).total_points  # type: ignore[arg-type]
    except ValueError:
        return None
