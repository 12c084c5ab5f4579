"""The truth behind a phantom cohort and the best scores it allows. Nothing that trains or predicts may import this."""

from __future__ import annotations

import csv
from dataclasses import asdict
from pathlib import Path
from typing import Dict, Iterable, List, Optional, Tuple, Union

import numpy as np
import numpy.typing as npt

from her2_core.cohort.folder import read_cohort
from her2_core.cohort.latents import staged_log_hazards, survival_probability
from her2_core.cohort.patients import Patient, draw_patient
from her2_core.errors import BadInput

TRUTH_FILE = "truth.csv"
STAGES: Tuple[str, ...] = (
    "baseline",
    "1F",
    "2F",
    "2F unordered",
    "2F primary only",
    "2F targets only",
)

TruthRow = Dict[str, Union[str, float]]
Columns = Dict[str, npt.NDArray[np.float64]]


def truth_folder(cohort: Union[str, Path]) -> Path:
    """Where the truth of a cohort folder lies: beside it, `<cohort>.truth`."""
    path = Path(cohort).resolve()
    return path.with_name(path.name + ".truth")


def truth_of(patient: Patient) -> TruthRow:
    """What is really going on: log-hazard, 12-month survival, hidden state, and what each stage could know."""
    row: TruthRow = {"case_id": patient.case_id, "cohort": patient.cohort, "log_hazard": patient.log_hazard}
    row["survival_12m"] = float(survival_probability(patient.log_hazard))
    row.update({f"latent {name}": value for name, value in asdict(patient.latents).items()})
    stages = staged_log_hazards(patient.latents, patient.clinical)
    row.update({f"stage {name}": stages[name] for name in STAGES})
    return row


def write_truth(folder: Path, rows: Iterable[TruthRow]) -> None:
    """Write `truth.csv`, sorted by case id."""
    ordered = sorted(rows, key=lambda row: str(row["case_id"]))
    with (folder / TRUTH_FILE).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(ordered[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(ordered)


def read_truth(cohort: Union[str, Path]) -> List[TruthRow]:
    """The truth of a cohort folder.

    Raises:
        BadInput: there is none.
    """
    path = truth_folder(cohort) / TRUTH_FILE
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except FileNotFoundError:
        raise BadInput(f"there is no {path}.", hint="Only phantom cohorts have a truth.") from None
    texts = ("case_id", "cohort")
    return [{k: v if k in texts else float(v) for k, v in row.items()} for row in rows]


def oracle_metrics(cohort: Union[str, Path], name: Optional[str] = None) -> Dict[str, Dict[str, float]]:
    """C-index and one-year AUC that perfect knowledge of the images would reach: the ceiling of each stage.

    Args:
        cohort: cohort folder; its truth lies beside it.
        name: one of the four cohorts, None = all patients.

    Returns:
        stage (see `staged_log_hazards`) -> {"concordance", "auc_at_one_year"}.

    Raises:
        BadInput: no truth, or no such patients.
    """
    outcomes = {}
    for entry in read_cohort(cohort).entries:
        if name in (None, entry.cohort):
            outcomes[entry.case_id] = entry.load().case.outcome
    rows = [r for r in read_truth(cohort) if outcomes.get(str(r["case_id"])) is not None]
    if not rows:
        raise BadInput(f"no patients with outcome in cohort {name or 'folder'}.")
    known = [outcomes[str(r["case_id"])] for r in rows]
    days = np.array([o.os_days for o in known if o is not None], dtype=float)
    event = np.array([o.death_observed for o in known if o is not None])
    risks = {stage: np.array([float(r[f"stage {stage}"]) for r in rows]) for stage in STAGES}
    return {stage: stage_metrics(days, event, risk) for stage, risk in risks.items()}


def stage_metrics(
    days: npt.NDArray[np.float64], event: npt.NDArray[np.bool_], risk: npt.NDArray[np.float64]
) -> Dict[str, float]:
    """C-index and one-year AUC of one risk."""
    from her2_core.survival.metrics import auc_at_one_year, concordance  # slow to load; generating needs none of it

    return {"concordance": concordance(days, event, risk), "auc_at_one_year": auc_at_one_year(days, event, risk)}


def simulate_clinical(n: int, seed: int, cohort: str = "internal") -> Columns:
    """Many patients without pixels, as columns: outcome, staged truth, size change; for tuning and tests.

    Returns:
        "os_days", "death_observed", "log_hazard", "stage ..." and, from baseline to 2F (or 1F): "sum_change"
        (relative change of the summed true long diameters of the targets), "new_lesion", besides "targets",
        "times", "age_years".
    """
    rows = [_clinical_row(draw_patient(seed, cohort, index)) for index in range(n)]
    return {name: np.array([row[name] for row in rows], dtype=float) for name in rows[0]}


def _clinical_row(patient: Patient) -> Dict[str, float]:
    last = min(2, len(patient.days) - 1)
    targets = [c for c in patient.lesions if c.kind == "target"]
    before, after = (sum(s.long_mm for c in targets if (s := c.states[t]) is not None) for t in (0, last))
    new = any(c.kind == "new" and any(s is not None for s in c.states[: last + 1]) for c in patient.lesions)
    row: Dict[str, float] = {
        "os_days": patient.outcome.os_days,
        "death_observed": patient.outcome.death_observed,
        "sum_change": after / before - 1,
        "new_lesion": new,
        "targets": len(targets),
        "times": len(patient.days),
        "age_years": patient.clinical.age_years or 0,
    }
    row.update({k: float(v) for k, v in truth_of(patient).items() if k not in ("case_id", "cohort")})
    return row
