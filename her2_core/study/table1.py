"""Table 1: characteristics of patients and lesions per cohort, and whether the cohorts differ (He 2024)."""

from __future__ import annotations

from typing import Callable, Dict, List, Optional, Sequence, Tuple

import numpy as np
import numpy.typing as npt

from her2_core.case import ORGANS, TIME_POINTS
from her2_core.cohort.table1 import COHORTS
from her2_core.study.group_tests import (
    GroupTest,
    analysis_of_variance,
    contingency,
    kruskal_wallis,
    pairwise,
    signed_rank,
)
from her2_core.study.paper_numbers import SOURCE, TABLE_1_P
from her2_core.study.records import CohortSummary, PatientRecord
from her2_core.study.table import NONE, Table, p_text

LINES = ("1", "2", "3 or more")
FISHER_NOTE = (
    "Chi-square where every expected count is at least 5, else Fisher's test (beyond 2 x 2 with 100,000 random tables)."
)
POSITION_NOTE = (
    "Anatomic position is tested on the target lesions: every patient has one stomach tumour by definition. "
    "The counts of the paper's Table 1 give its p only this way."
)
AREA_NOTE = "Kruskal-Wallis test between two cohorts at a time; significant only below {:.4f} (Bonferroni, {} pairs)."


Row = Tuple[str, ...]


def table_1(summary: CohortSummary) -> Table:
    """Patients, lesions, bounding boxes and marker panels per cohort, with p values and the paper's beside them."""
    cohorts = _present(summary)
    rows: List[Row] = [("Patients", *(str(len(summary.of(c))) for c in cohorts), "", "", "")]
    rows.append(_age(summary, cohorts))
    rows += _category(summary, cohorts, "Sex", ("male", "female"), lambda p: p.sex)
    rows += _category(summary, cohorts, "HER2 expression", ("2+/FISH+", "3+"), lambda p: p.her2)
    rows += _category(summary, cohorts, "Line of therapy", LINES, _line)
    rows += _positions(summary, cohorts)
    rows.append(_mean("Lesions per patient", summary, cohorts, lambda p: float(sum(p.lesions.values()))))
    rows += _boxes(summary, cohorts)
    rows.append(_plain("CT examinations", summary, cohorts, lambda p: len(p.boxes)))
    rows.append(_plain("Tumour marker examinations", summary, cohorts, lambda p: p.marker_panels))
    ours = "SYNTHETIC" if summary.synthetic else "this cohort"
    header = ("", *cohorts, f"p, {ours}", "test", f"p, {SOURCE}")
    notes = ("Number (percent of the known) or mean ± standard deviation.", FISHER_NOTE, POSITION_NOTE)
    return Table(
        "table_1_characteristics", "Table 1. Characteristics of patients and lesions", header, tuple(rows), notes
    )


def table_s4(summary: CohortSummary) -> Table:
    """Number and area of the target lesions: cohort against cohort, and baseline against follow-up (Table S4)."""
    cohorts = _present(summary)
    areas = {c: _known(summary.of(c), lambda p: p.target_area_mm2.get("BL")) for c in cohorts}
    numbers = {c: [float(p.targets) for p in summary.of(c)] for c in cohorts}
    rows: List[Row] = []
    between, threshold = pairwise({c: areas[c] for c in cohorts})
    of_numbers, _ = pairwise({c: numbers[c] for c in cohorts})
    for pair, p in of_numbers.items():
        rows.append(
            ("Target lesions per patient", " / ".join(pair), _two(numbers, pair, 1), p_text(p), "Kruskal-Wallis")
        )
    for pair, p in between.items():
        rows.append(
            ("Target area at baseline (cm²)", " / ".join(pair), _two(areas, pair, 1, 100), p_text(p), "Kruskal-Wallis")
        )
    rows += [_change(cohort, summary.of(cohort)) for cohort in cohorts]
    header = ("Quantity", "Compared", "Medians", "p", "test")
    notes = (
        AREA_NOTE.format(threshold, len(between)),
        "Change of the target area: Wilcoxon signed-rank test over the patients measured at both times.",
    )
    return Table("table_s4_targets", "Table S4. Number and area of the target lesions", header, tuple(rows), notes)


def _present(summary: CohortSummary) -> Tuple[str, ...]:
    return tuple(c for c in COHORTS if summary.of(c))


def _age(summary: CohortSummary, cohorts: Sequence[str]) -> Row:
    groups = [_known(summary.of(c), lambda p: p.age_years) for c in cohorts]
    return ("Age (years)", *map(_mean_text, groups), *_tested("Age (years)", analysis_of_variance(groups)))


def _mean(name: str, summary: CohortSummary, cohorts: Sequence[str], value: Callable[[PatientRecord], float]) -> Row:
    groups = [_known(summary.of(c), value) for c in cohorts]
    return (name, *map(_mean_text, groups), *_tested(name, kruskal_wallis(groups)))


def _plain(name: str, summary: CohortSummary, cohorts: Sequence[str], value: Callable[[PatientRecord], int]) -> Row:
    return (name, *(str(sum(value(p) for p in summary.of(c))) for c in cohorts), "", "", "")


def _category(
    summary: CohortSummary,
    cohorts: Sequence[str],
    name: str,
    levels: Sequence[str],
    value: Callable[[PatientRecord], Optional[str]],
) -> List[Row]:
    counts = np.array([[sum(value(p) == level for p in summary.of(c)) for c in cohorts] for level in levels])
    rows: List[Row] = [(name, *[""] * len(cohorts), *_tested(name, contingency(counts)))]
    return rows + _count_rows(levels, counts)


def _positions(summary: CohortSummary, cohorts: Sequence[str]) -> List[Row]:
    counts = np.array([[sum(p.lesions.get(organ, 0) for p in summary.of(c)) for c in cohorts] for organ in ORGANS])
    targets = counts[[organ != "Stomach" for organ in ORGANS]]
    total: Row = ("Lesions", *(str(n) for n in counts.sum(axis=0)), "", "", "")
    head: Row = ("Anatomic position", *[""] * len(cohorts), *_tested("Anatomic position", contingency(targets)))
    seen = counts.sum(axis=1) > 0
    return [total, head, *_count_rows([o for o, s in zip(ORGANS, seen) if s], counts[seen])]


def _boxes(summary: CohortSummary, cohorts: Sequence[str]) -> List[Row]:
    counts = np.array([[sum(p.boxes.get(t, 0) for p in summary.of(c)) for c in cohorts] for t in TIME_POINTS])
    total: Row = ("Bounding boxes", *(str(n) for n in counts.sum(axis=0)), "", "", "")
    seen = counts.sum(axis=1) > 0
    return [total, *_count_rows([t for t, s in zip(TIME_POINTS, seen) if s], counts[seen])]


def _count_rows(levels: Sequence[str], counts: npt.NDArray[np.int_]) -> List[Row]:
    totals = counts.sum(axis=0)
    return [
        (f"   {level}", *(f"{n} ({100 * n / t:.1f})" if t else NONE for n, t in zip(row, totals)), "", "", "")
        for level, row in zip(levels, counts)
    ]


def _tested(name: str, result: GroupTest) -> Tuple[str, str, str]:
    return p_text(result.p), result.test, TABLE_1_P.get(name, NONE)


def _line(patient: PatientRecord) -> Optional[str]:
    line = patient.line_of_therapy
    return None if line is None else LINES[min(line, len(LINES)) - 1]


def _known(patients: Sequence[PatientRecord], value: Callable[[PatientRecord], Optional[float]]) -> List[float]:
    return [float(v) for p in patients if (v := value(p)) is not None]


def _mean_text(values: Sequence[float]) -> str:
    if not values:
        return NONE
    spread = f"{np.std(values, ddof=1):.1f}" if len(values) > 1 else NONE
    return f"{np.mean(values):.1f} ± {spread}"


def _two(groups: Dict[str, List[float]], pair: Tuple[str, str], digits: int, unit: float = 1) -> str:
    return " / ".join(f"{np.median(groups[c]) / unit:.{digits}f}" if groups[c] else NONE for c in pair)


def _change(cohort: str, patients: Sequence[PatientRecord]) -> Row:
    pairs = []
    for patient in patients:
        areas = patient.target_area_mm2
        after = areas.get("2F", areas.get("1F"))
        if "BL" in areas and after is not None:
            pairs.append((areas["BL"], after))
    before, later = ([p[i] for p in pairs] for i in (0, 1))
    result = signed_rank(before, later)
    medians = f"{np.median(before) / 100:.1f} / {np.median(later) / 100:.1f}" if pairs else NONE
    return ("Target area (cm²)", f"{cohort}: baseline / 2F (or 1F)", medians, p_text(result.p), result.test)
