"""The plain table everything is judged on: one row per patient with the outcome and what each model said.

All scores point the same way: high = poor.
"""

from __future__ import annotations

import csv
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import numpy.typing as npt

from her2_core.case import CASE_ID, MAX_DAY
from her2_core.cohort.table1 import COHORTS
from her2_core.errors import BadInput
from her2_core.files import replacing
from her2_core.study.table import NONE, Table
from her2_core.survival.metrics import BoolArray, FloatArray
from her2_core.tables import Row, read_rows

RESPONSE_RISK: Dict[str, float] = {"PR": 0.0, "SD": 1.0, "PD": 2.0}
"""The paper's RECIST as a risk."""
COLUMN_OF: Dict[str, str] = {
    "RECIST": "recist",
    "TB-delta": "tb_delta",
    "LDLM-BS": "ldlm_bs",
    "LDLM-1F": "ldlm_1f",
    "LDLM-2F": "ldlm_2f",
    "TDLM": "tdlm",
    "Nomo-LDLM-2F": "nomo_ldlm_2f",
    "Nomo-w/o-TDLM": "nomo_wo_tdlm",
}
"""The eight models of He 2024, Table 2, and their columns."""
MODELS: Tuple[str, ...] = tuple(COLUMN_OF)
NOMOGRAMS: Tuple[str, ...] = ("Nomo-LDLM-2F", "Nomo-w/o-TDLM")
_UNIT_COLUMNS = ("ldlm_bs", "ldlm_1f", "ldlm_2f", "tdlm")
"""Scores that lie in [0, 1]."""


@dataclass(frozen=True)
class PatientScores:
    """One row; None = the model has no answer for this patient.

    Attributes:
        case_id: pseudonym.
        cohort: "training", "internal", "external" or "prospective".
        os_days: survival or follow-up from the start of therapy, > 0.
        death_observed: False = censored.
        recist: PR, SD or PD by the paper's rule, baseline to 2F (or 1F).
        tb_delta: change of the summed target area in percent, baseline to 2F (or 1F).
        ldlm_bs, ldlm_1f, ldlm_2f: LDLM score with 0, 1, 2 follow-ups, in [0, 1].
        tdlm: TDLM score, in [0, 1].
        nomo_ldlm_2f, nomo_wo_tdlm: total points of the nomograms.
    """

    case_id: str
    cohort: str
    os_days: int
    death_observed: bool
    recist: Optional[str] = None
    tb_delta: Optional[float] = None
    ldlm_bs: Optional[float] = None
    ldlm_1f: Optional[float] = None
    ldlm_2f: Optional[float] = None
    tdlm: Optional[float] = None
    nomo_ldlm_2f: Optional[float] = None
    nomo_wo_tdlm: Optional[float] = None

    def risk(self, model: str) -> float:
        """What a model of `MODELS` says about this patient, high = poor; NaN = nothing."""
        value = getattr(self, COLUMN_OF[model])
        if value is None:
            return float("nan")
        return RESPONSE_RISK[value] if isinstance(value, str) else float(value)


COLUMNS: Tuple[str, ...] = tuple(f.name for f in fields(PatientScores))


class Scored(NamedTuple):
    """The patients a model has an answer for: (n,) days, (n,) death observed, (n,) risk, and their case ids."""

    days: FloatArray
    event: BoolArray
    risk: FloatArray
    case_ids: Tuple[str, ...]


@dataclass(frozen=True)
class ScoresTable:
    """All patients, in any order.

    Raises:
        BadInput: no patients, or a case id appears twice.
    """

    rows: Tuple[PatientScores, ...]

    def __post_init__(self) -> None:
        ids = [row.case_id for row in self.rows]
        if not ids:
            raise BadInput("a table of scores needs patients")
        if len(set(ids)) < len(ids):
            twice = next(i for i in ids if ids.count(i) > 1)
            raise BadInput(f"case {twice} is listed twice", hint="A patient belongs to one cohort only.")

    @property
    def cohorts(self) -> Tuple[str, ...]:
        """Cohorts that have patients, in the paper's order."""
        return tuple(c for c in COHORTS if any(row.cohort == c for row in self.rows))

    def of(self, cohort: str) -> Tuple[PatientScores, ...]:
        """The patients of one cohort."""
        return tuple(row for row in self.rows if row.cohort == cohort)

    def scored(self, model: str, cohort: str) -> Scored:
        """Outcome and risk of the patients of a cohort that a model has an answer for; may be empty."""
        rows = [row for row in self.of(cohort) if np.isfinite(row.risk(model))]
        return Scored(*outcomes(rows), np.array([row.risk(model) for row in rows]), tuple(r.case_id for r in rows))


def table_2() -> Table:
    """What each model looks at (He 2024, Table 2)."""
    yes, no = "yes", NONE
    rows = (
        ("RECIST", "baseline, 1F, 2F (sizes)", no, yes, no, "Response PR, SD or PD, baseline to 2F (or 1F)"),
        ("TB-delta", "baseline, 1F, 2F (sizes)", no, no, no, "Change of the summed target area in percent"),
        ("LDLM-BS", "baseline", no, no, no, "Lesion-based deep learning model"),
        ("LDLM-1F", "baseline, 1F", no, no, no, "The same with one follow-up"),
        ("LDLM-2F", "baseline, 1F, 2F", no, no, no, "The same with two follow-ups"),
        ("TDLM", NONE, yes, no, no, "Tumour-marker-based deep learning model"),
        ("Nomo-LDLM-2F", "baseline, 1F, 2F", yes, yes, "sex, HER2", "Nomogram with both deep learning scores"),
        ("Nomo-w/o-TDLM", "baseline, 1F, 2F", no, yes, "sex, HER2", "Nomogram without tumour markers"),
    )
    header = ("Model", "CT images", "Tumour markers", "RECIST", "Clinical data", "Description")
    return Table("table_2_models", "Table 2. The models", header, rows)


def outcomes(rows: Sequence[PatientScores]) -> Tuple[FloatArray, npt.NDArray[np.bool_]]:
    """(n,) days and (n,) death observed."""
    return np.array([r.os_days for r in rows], dtype=float), np.array([r.death_observed for r in rows], dtype=bool)


def write_scores(table: ScoresTable, path: Path) -> None:
    """Write as CSV, one row per patient; an empty cell = no answer."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([_cell(value) for value in astuple(row)] for row in table.rows)


def read_scores(path: Path) -> ScoresTable:
    """Read a table of scores; other columns are ignored.

    Raises:
        BadInput: names file, row and column.
        OSError: the file cannot be opened.
    """
    rows: List[PatientScores] = []
    seen: Dict[str, int] = {}
    for row in read_rows(path, needed=COLUMNS):
        patient = _patient(row)
        if patient.case_id in seen:
            raise BadInput(
                f"{patient.case_id} is listed in row {seen[patient.case_id]} too", where=row.place("case_id")
            )
        seen[patient.case_id] = row.number
        rows.append(patient)
    return ScoresTable(tuple(rows))


def _cell(value: object) -> str:
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, bool) else str(value)


def _patient(row: Row) -> PatientScores:
    return PatientScores(
        case_id=_one_of(row, "case_id", None),
        cohort=_one_of(row, "cohort", COHORTS),
        os_days=_days(row),
        death_observed=_one_of(row, "death_observed", ("0", "1")) == "1",
        recist=None if row.is_missing("recist") else _one_of(row, "recist", tuple(RESPONSE_RISK)),
        tb_delta=_number(row, "tb_delta", -100.0, float("inf")),
        nomo_ldlm_2f=_number(row, "nomo_ldlm_2f"),
        nomo_wo_tdlm=_number(row, "nomo_wo_tdlm"),
        **{name: _number(row, name, 0.0, 1.0) for name in _UNIT_COLUMNS},
    )


def _one_of(row: Row, column: str, allowed: Optional[Tuple[str, ...]]) -> str:
    """The cell if it is one of the allowed texts; None = a case id."""
    text = row[column]
    if allowed is None and not CASE_ID.match(text):
        raise BadInput(f"{text!r} is no case id", where=row.place(column), hint="26 characters A-Z, 2-7.")
    if allowed is not None and text not in allowed:
        raise BadInput(f"{text!r} is not one of {', '.join(allowed)}", where=row.place(column))
    return text


def _days(row: Row) -> int:
    value = row.real("os_days")
    if value != int(value) or not 1 <= value <= MAX_DAY:
        raise BadInput(f"{row['os_days']} is not a whole number of days > 0", where=row.place("os_days"))
    return int(value)


def _number(row: Row, column: str, low: float = -float("inf"), high: float = float("inf")) -> Optional[float]:
    if row.is_missing(column):
        return None
    value = row.real(column)
    if not low <= value <= high:
        raise BadInput(f"{value:g} must lie between {low:g} and {high:g}", where=row.place(column))
    return value
