from __future__ import annotations

from pathlib import Path
from typing import Dict, Tuple

import pytest

from her2_core.case import Clinical, MarkerPanel, Outcome
from her2_core.cohort.folder import PHANTOM_NOTICE, CohortHeader, read_cohort
from her2_core.cohort.phantom import write_phantom_cohort
from her2_core.study.paper_numbers import TABLE_1_COUNTS
from her2_core.study.records import CohortSummary, PatientRecord, notice_of, record_of, summarise
from her2_core.study.table import Table, p_text, write_csv
from her2_core.study.table1 import table_1, table_s4
from support.cases import case, lesion, primary
from support.study import simulated

COHORTS = ("training", "internal", "external", "prospective")


def record(cohort: str, index: int, **values: object) -> PatientRecord:
    given: Dict[str, object] = {
        "centre": "C1", "age_years": 60, "sex": None, "her2": None, "line_of_therapy": None, "lesions": {},
        "targets": 0, "boxes": {}, "marker_panels": 0, "target_area_mm2": {}, **values,
    }  # fmt: skip
    return PatientRecord(f"{cohort} {index}", cohort, **given)  # type: ignore[arg-type]


def paper_s_patients() -> CohortSummary:
    """As many patients as in the paper, with its counts of sex, HER2 status, line of therapy and organs."""
    patients = []
    for column, (cohort, n) in enumerate(zip(COHORTS, (91, 46, 37, 33))):
        sex, her2, line = (_spread(name, column, n) for name in ("Sex", "HER2 expression", "Line of therapy"))
        organs = {organ: row[column] for organ, row in TABLE_1_COUNTS["Anatomic position"].items()}
        for index in range(n):
            number = None if line[index] is None else int(str(line[index])[0])
            lesions = organs if index == 0 else {}  # only sums enter the table
            patients.append(
                record(cohort, index, sex=sex[index], her2=her2[index], line_of_therapy=number, lesions=lesions)
            )
    return CohortSummary("paper", False, "", tuple(patients))


def _spread(name: str, column: int, n: int) -> list[object]:
    values: list[object] = [level for level, row in TABLE_1_COUNTS[name].items() for _ in range(row[column])]
    return values + [None] * (n - len(values))


def rows_of(table: Table) -> Dict[str, Tuple[str, ...]]:
    return {row[0].strip(): row[1:] for row in table.rows}


def test_the_paper_s_counts_give_the_paper_s_table() -> None:
    rows = rows_of(table_1(paper_s_patients()))
    assert rows["Patients"][:4] == ("91", "46", "37", "33")
    assert rows["male"][:4] == ("70 (76.9)", "37 (80.4)", "31 (83.8)", "25 (75.8)")
    assert rows["Sex"][4:] == ("0.802", "chi-square", "0.802")
    assert rows["HER2 expression"][4:] == ("0.181", "chi-square", "0.180")
    assert rows["3 or more"][:4] == ("2 (2.2)", "1 (2.2)", "1 (2.7)", "4 (12.1)")
    assert rows["Line of therapy"][5:] == ("Fisher (simulated)", "0.319")
    assert rows["Lesions"][:4] == ("331", "161", "146", "127")
    assert rows["Liver"][:4] == ("91 (27.5)", "45 (28.0)", "50 (34.2)", "40 (31.5)")
    assert float(rows["Anatomic position"][4]) == pytest.approx(0.930, abs=0.006)
    assert rows["Age (years)"][0] == "60.0 ± 0.0"


def test_a_case_is_counted_without_its_new_lesions() -> None:
    found = record_of(
        case(
            primary(long_mm=40.0, short_mm=20.0),
            lesion("N1", long_mm=20.0, short_mm=10.0),
            lesion("H1", organ="Liver", phases=("venous",), long_mm=30.0, short_mm=20.0, area_mm2=500.0),
            lesion("X", "new", "Peritoneum", times=("2F",)),
            clinical=Clinical("female", "3+", 61, 2, "C2"),
            markers=(MarkerPanel("BL", {"CEA": 3.0}), MarkerPanel("1F", {})),
            outcome=Outcome(410, True),
        ),
        "external",
    )
    assert found.lesions == {"Stomach": 1, "Lymph node": 1, "Liver": 1}
    assert found.targets == 2
    assert found.boxes == {"BL": 5, "1F": 5, "2F": 5}  # both phases, the liver in one
    assert found.target_area_mm2["BL"] == pytest.approx(3.14159265 / 4 * 200 + 500)
    assert found.marker_panels == 1
    assert (found.os_days, found.death_observed, found.centre, found.cohort) == (410, True, "C2", "external")


def test_a_cohort_folder_is_read(tmp_path: Path) -> None:
    write_phantom_cohort(tmp_path / "phantom", seed=3, sizes={"training": 2, "external": 1})
    summary = summarise(read_cohort(tmp_path / "phantom"))
    assert (summary.synthetic, summary.notice) == (True, PHANTOM_NOTICE)
    assert [p.cohort for p in summary.patients] == ["training", "training", "external"]
    assert rows_of(table_1(summary))["Patients"][:2] == ("2", "1")


def test_every_output_of_a_synthetic_cohort_says_so() -> None:
    assert notice_of(CohortHeader("a", True)) == PHANTOM_NOTICE
    altered = notice_of(CohortHeader("a", True, "Follow-ups made from one scan."))
    assert altered.startswith("SYNTHETIC")
    assert altered.endswith("Follow-ups made from one scan.")
    assert "esearch use only" in notice_of(CohortHeader("b", False, "Centre 1."))
    assert "SYNTHETIC" not in notice_of(CohortHeader("b", False))


def test_targets_are_compared_between_cohorts_and_over_time() -> None:
    patients = [
        record(cohort, i, targets=1 + i % 3, target_area_mm2={"BL": 100.0 * (1 + i + 50 * k), "2F": 50.0 * (1 + i)})
        for k, cohort in enumerate(("training", "external"))
        for i in range(12)
    ]
    table = table_s4(CohortSummary("made up", False, "", tuple(patients)))
    rows = {row[:2]: row[2:] for row in table.rows}
    assert rows["Target lesions per patient", "training / external"][0] == "2.0 / 2.0"
    medians, p, _ = rows["Target area at baseline (cm²)", "training / external"]
    assert medians == "6.5 / 56.5"
    assert p == "< 0.0001"
    # 12 falls: 2 of 2^12 sign patterns are as extreme
    assert rows["Target area (cm²)", "training: baseline / 2F (or 1F)"][1] == p_text(2 / 2**12)
    assert "0.0500 (Bonferroni, 1 pairs)" in table.notes[0]


def test_simulated_cohorts_have_every_row() -> None:
    rows = rows_of(table_1(simulated(scale=0.5).summary))
    assert {"Age (years)", "Sex", "HER2 expression", "Lymph node", "Bounding boxes", "BL", "2F"} <= set(rows)
    assert rows["Tumour marker examinations"][2] == "0"  # external


def test_csv_carries_the_notice_in_every_row(tmp_path: Path) -> None:
    table = Table("t", "T", ("a", "b"), (("1", "x, y"), ("2", "–")))
    write_csv(table, tmp_path / "t.csv", "SYNTHETIC")
    assert (tmp_path / "t.csv").read_text(encoding="utf-8") == 'a,b,notice\n1,"x, y",SYNTHETIC\n2,–,SYNTHETIC\n'
