from __future__ import annotations

from pathlib import Path
from typing import Dict

import pytest

from her2_core.errors import BadInput
from her2_core.study.scores import COLUMNS, MODELS, PatientScores, ScoresTable, read_scores, table_2, write_scores

ID = "ABCDEFGHIJKLMNOPQRSTUVWXY{}".format


def row(letter: str = "Z", **values: object) -> PatientScores:
    given: Dict[str, object] = {"cohort": "internal", "os_days": 400, "death_observed": True, **values}
    return PatientScores(ID(letter), **given)  # type: ignore[arg-type]


def test_a_table_survives_writing_and_reading(tmp_path: Path) -> None:
    table = ScoresTable(
        (
            row("A", cohort="training", recist="PD", tb_delta=-12.5, ldlm_bs=0.1, ldlm_1f=0.2, ldlm_2f=1 / 3, tdlm=1.0),
            row("B", death_observed=False, nomo_ldlm_2f=123.456789012345, nomo_wo_tdlm=-3.0),
        )
    )
    write_scores(table, tmp_path / "scores.csv")
    assert read_scores(tmp_path / "scores.csv") == table


def test_a_high_risk_is_poor_for_recist_too_and_no_answer_is_nan() -> None:
    risks = [row(recist=r).risk("RECIST") for r in ("PR", "SD", "PD")]
    assert risks == [0.0, 1.0, 2.0]
    assert row().risk("TDLM") != row().risk("TDLM")
    assert row(tb_delta=30.0).risk("TB-delta") == 30.0


def test_patients_without_an_answer_are_left_out_of_that_model_only() -> None:
    table = ScoresTable(
        (row("A", ldlm_2f=0.4), row("B", ldlm_2f=0.6, tdlm=0.5, os_days=90), row("C", cohort="external"))
    )
    assert table.cohorts == ("internal", "external")
    scored = table.scored("TDLM", "internal")
    assert (scored.case_ids, scored.days.tolist(), scored.risk.tolist()) == ((ID("B"),), [90.0], [0.5])
    assert len(table.scored("LDLM-2F", "internal").days) == 2
    assert len(table.scored("LDLM-2F", "external").days) == 0


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("case_id", "patient 1", "is no case id"),
        ("cohort", "test", "is not one of training, internal, external, prospective"),
        ("os_days", "0", "whole number of days > 0"),
        ("os_days", "12.5", "whole number of days > 0"),
        ("os_days", "", "is not a number"),
        ("death_observed", "yes", "is not one of 0, 1"),
        ("recist", "CR", "is not one of PR, SD, PD"),
        ("tb_delta", "-120", "must lie between -100 and inf"),
        ("ldlm_2f", "1.2", "must lie between 0 and 1"),
        ("tdlm", "nan.", "is not a number"),
        ("nomo_ldlm_2f", "inf", "is not a number"),
    ],
)
def test_a_wrong_cell_is_named_by_file_row_and_column(tmp_path: Path, column: str, value: str, message: str) -> None:
    path = tmp_path / "scores.csv"
    good = dict.fromkeys(COLUMNS, "") | {"cohort": "internal", "os_days": "100", "death_observed": "1"}
    rows = [{**good, "case_id": ID("A")}, {**good, "case_id": ID("B"), column: value}]
    lines = [",".join(COLUMNS), *(",".join(r[c] for c in COLUMNS) for r in rows)]
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(BadInput, match=rf"scores.csv, row 2 \(line 3\), column {column}: .*{message}"):
        read_scores(path)


def test_a_patient_listed_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    line = ",".join([ID("A"), "internal", "100", "1", *[""] * 8])
    path.write_text("\n".join([",".join(COLUMNS), line, line]), encoding="utf-8")
    with pytest.raises(BadInput, match="listed in row 1 too"):
        read_scores(path)
    with pytest.raises(BadInput, match="listed twice"):
        ScoresTable((row(), row()))


def test_table_2_lists_the_eight_models() -> None:
    assert tuple(r[0] for r in table_2().rows) == MODELS
    assert len(MODELS) == 8
