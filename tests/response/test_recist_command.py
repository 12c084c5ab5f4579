"""`her2 recist` on the shared table, and on tables with one thing wrong."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from her2_core.cli.main import main

pytestmark = pytest.mark.light

HEADER = "subject,reader,visit_number,visit,lesion,group,organ,long_mm,short_mm,state"
GOOD = [
    "S1,R,1,BL,T1,TARGET,LIVER,60,40,",
    "S1,R,1,BL,N1,TARGET,Lymph node,40,30,",
    "S1,R,1,BL,X1,NON-TARGET,BONE,,,PRESENT",
    "S1,R,2,1F,T1,TARGET,LIVER,33,20,",
    "S1,R,2,1F,N1,TARGET,LYMPH NODE,50,30,",
    "S1,R,2,1F,X1,NON-TARGET,BONE,,,PRESENT",
]


def write(folder: Path, *rows: str, header: str = HEADER) -> str:
    path = folder / "measurements.csv"
    path.write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    return str(path)


def answers(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert main(["recist", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_all_responses_of_the_shared_table_agree(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (shared_data / "recist" / "responses.csv").open(encoding="utf-8", newline="") as file:
        expected = {
            (row["subject"], row["reader"], int(row["visit_number"]), row["visit"]): row["response"]
            for row in csv.DictReader(file)
        }
    found = answers(capsys, str(shared_data / "recist" / "measurements.csv"))
    got = {(e["subject"], e["reader"], e["visit_number"], e["visit"]): e["response"].upper() for e in found}
    assert len(expected) == 22
    assert got == expected


def test_json_has_the_keys_and_values_other_programs_rely_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answers(capsys, write(tmp_path, *GOOD)) == [
        {
            "subject": "S1",
            "reader": "R",
            "visit_number": 2,
            "visit": "1F",
            "sum_mm": 63.0,
            "target_response": "PR",
            "response": "PR",
        }
    ]


def test_a_new_lesion_stays_progression_at_later_visits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new = "S1,R,3,2F,Z,NEW,LUNG,,,PRESENT"
    later = ["S1,R,3,2F,T1,TARGET,LIVER,33,,", "S1,R,4,3F,T1,TARGET,LIVER,0,,", "S1,R,4,3F,N1,TARGET,LYMPH NODE,,9,"]
    found = answers(capsys, write(tmp_path, *GOOD, new, *later))
    assert [(e["target_response"], e["response"]) for e in found] == [("PR", "PR"), ("NE", "PD"), ("CR", "PD")]


def test_non_targets_are_judged_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"S,R,1,BL,X{i},NON-TARGET,BONE,,,PRESENT" for i in (1, 2)]
    rows += ["S,R,2,a,X1,NON-TARGET,BONE,,,ABSENT", "S,R,2,a,X2,NON-TARGET,BONE,,,ABSENT"]
    rows += ["S,R,3,b,X1,NON-TARGET,BONE,,,PRESENT", "S,R,3,b,X2,NON-TARGET,BONE,,,ABSENT"]
    rows += ["S,R,4,c,X1,NON-TARGET,BONE,,,PRESENT"]
    rows += ["S,R,5,d,X1,NON-TARGET,BONE,,,UNEQUIVOCAL", "S,R,5,d,X2,NON-TARGET,BONE,,,ABSENT"]
    found = answers(capsys, write(tmp_path, *rows))
    assert [e["response"] for e in found] == ["CR", "Non-CR/Non-PD", "NE", "PD"]
    assert {e["target_response"] for e in found} == {None}
    assert {e["sum_mm"] for e in found} == {None}


def test_an_absent_target_counts_as_0_mm_and_an_empty_value_is_not_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = ["S,R,1,BL,T,TARGET,LIVER,30,,", "S,R,2,a,T,TARGET,LIVER,,,ABSENT", "S,R,3,b,T,TARGET,LIVER,,,PRESENT"]
    found = answers(capsys, write(tmp_path, *rows))
    assert [(e["sum_mm"], e["response"]) for e in found] == [(0.0, "CR"), (None, "NE")]


def test_paper_mode_gives_one_response_per_subject_and_reader(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    later = ["S1,R,3,2F,T1,TARGET,LIVER,70,,", "S1,R,3,2F,N1,TARGET,LYMPH NODE,,37,", "S1,R,4,3F,T1,TARGET,LIVER,1,,"]
    found = answers(capsys, write(tmp_path, *GOOD, *later), "--mode", "paper")
    assert [(e["visit"], e["sum_mm"], e["response"]) for e in found] == [("2F", 107.0, "SD")]


def test_rows_may_come_in_any_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert answers(capsys, write(tmp_path, *reversed(GOOD))) == answers(capsys, write(tmp_path, *GOOD))


def test_text_mode_prints_a_table_with_reasons(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recist", write(tmp_path, *GOOD)]) == 0
    header, line = capsys.readouterr().out.splitlines()
    assert header.split()[:4] == ["subject", "reader", "visit", "sum"]
    assert "63.0      90.0   90.0  PR" in line
    assert "-30.0 % from the baseline sum 90 mm" in line
    assert "non-target lesions: present" in line


BAD = (
    (4, "S1,R,2,1F,T1,TARGET,LIVER,abc,20,", "row 4 (line 5), column long_mm: 'abc' is not a number"),
    (4, "S1,R,2,1F,T1,TARGET,LIVER,nan,20,", "row 4 (line 5), column long_mm: 'nan' is not a number"),
    (4, "S1,R,2,1F,T1,TARGET,LIVER,33,inf,", "row 4 (line 5), column short_mm: 'inf' is not a number"),
    (4, "S1,R,2,1F,T1,TARGET,LIVER,-3,20,", "row 4 (line 5), column long_mm: -3 must lie between 0 and 600 mm"),
    (
        4,
        "S1,R,2,1F,T1,TARGETS,LIVER,33,20,",
        "row 4 (line 5), column group: 'TARGETS' is not one of TARGET, NON-TARGET, NEW",
    ),
    (6, "S1,R,2,1F,X1,NON-TARGET,BONE,,,GONE", "row 6 (line 7), column state: 'GONE' is not one of PRESENT"),
    (4, "S1,R,two,1F,T1,TARGET,LIVER,33,20,", "row 4 (line 5), column visit_number: 'two' is not a number"),
    (4, "S1,R,2,1F,,TARGET,LIVER,33,20,", "row 4 (line 5), column lesion: is empty"),
    (4, "S1,R,2,1F,T1,TARGET,LIVER,33", "row 4 (line 5): has 8 values for 10 columns"),
    (5, "S1,R,2,1F,T1,TARGET,LIVER,33,20,", "row 5 (line 6), column lesion: repeats lesion 'T1' of row 4"),
    (
        4,
        "S1,R,2,1F,T9,TARGET,LIVER,33,20,",
        "row 4 (line 5), column group: TARGET lesion 'T9' was not seen at the first visit",
    ),
    (4, "S1,R,2,1F,T1,NON-TARGET,LIVER,,,PRESENT", "row 4 (line 5), column group: lesion 'T1' has another group"),
    (4, "S1,R,2,1F,T1,NEW,LIVER,,,PRESENT", "row 4 (line 5), column group: lesion 'T1' is NEW here"),
    (
        1,
        "S1,R,1,BL,T1,NEW,LIVER,60,40,",
        "row 1 (line 2), column group: a NEW lesion cannot be seen at the first visit",
    ),
    (4, "S1,R,2,1F,T1,TARGET,LIVER,33,20,ABSENT", "row 4 (line 5), column state: ABSENT, but a size is given"),
    (4, "S1,R,2,1F,T1,TARGET,LIVER,33,20,UNEQUIVOCAL", "row 4 (line 5), column state: UNEQUIVOCAL progression is for"),
    (4, "S1,R,2,1F,Z,NEW,LIVER,,,", "row 4 (line 5), column state: a NEW lesion needs PRESENT"),
)


@pytest.mark.parametrize(("line", "row", "message"), BAD)
def test_a_bad_row_is_named_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: int, row: str, message: str
) -> None:
    rows = list(GOOD)
    rows[line - 1] = row
    path = write(tmp_path, *rows)
    assert main(["recist", path, "--json"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith(f"her2 recist: {path}, {message}")


def test_a_missing_column_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, header=HEADER.replace(",organ", ""))
    assert main(["recist", path]) == 2
    assert capsys.readouterr().err.startswith(f"her2 recist: {path}: column 'organ' is missing")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "column 'subject' is missing"),
        (HEADER.encode(), "holds no rows below its header"),
        (HEADER.encode() + b"\n\xff\xfe\n", "is not a UTF-8 text"),
        (HEADER.encode() + b",state\n", "column 'state' appears twice"),
        (HEADER.encode() + b'\n"S1,R', "is not a CSV table"),
    ],
)
def test_a_file_that_is_no_table_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, message: str
) -> None:
    path = tmp_path / "m.csv"
    path.write_bytes(content)
    assert main(["recist", str(path)]) == 2
    assert message in capsys.readouterr().err


def test_a_missing_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recist", str(tmp_path / "none.csv")]) == 2
    assert capsys.readouterr().err == f"her2 recist: {tmp_path / 'none.csv'}: No such file or directory\n"
