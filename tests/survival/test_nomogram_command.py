"""`her2 nomogram fit` and `score` on rossi, and on tables with one thing wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from lifelines.datasets import load_rossi

from her2_core.cli.main import main

PATIENT = "fin,age,race,wexp,mar,paro,prio\n0,20,1,0,0,1,6\n"
STAGES = "\n".join(f"{5 + 3 * i},{int(i % 3 > 0)},{'I' if i % 2 else 'II'},{(i * 7) % 13}" for i in range(24))
TABLE = f"months,died,stage,size\n{STAGES}\n"


@pytest.fixture
def rossi(tmp_path: Path) -> Path:
    path = tmp_path / "rossi.csv"
    load_rossi().to_csv(path, index=False)
    return path


def write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


def fit(table: str, output: Path, *more: str) -> int:
    return main(["nomogram", "fit", table, "--time", "months", "--event", "died", "-o", str(output), *more])


def test_rossi_from_table_to_survival(rossi: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "n.json"
    assert main(["nomogram", "fit", str(rossi), "--time", "week", "--event", "arrest", "-o", str(output)]) == 0
    printed = capsys.readouterr().out
    assert "432 rows, 114 events, C-index 0.640" in printed
    assert "-0.379422" in printed
    fitted = json.loads(output.read_text(encoding="utf-8"))
    assert fitted["points_per_lp_unit"] == pytest.approx(60.718392, abs=5e-7)
    assert (fitted["n"], fitted["events"], fitted["ties"]) == (432, 114, "efron")

    patient = write(tmp_path / "patient.csv", PATIENT)
    assert main(["nomogram", "score", str(output), patient, "--times", "26,52", "--json"]) == 0
    (entry,) = json.loads(capsys.readouterr().out)
    assert entry.keys() == {"row", "points", "total_points", "linear_predictor", "survival"}
    assert entry["row"] == 1
    assert entry["total_points"] == pytest.approx(194.5605, abs=5e-5)
    assert entry["linear_predictor"] == pytest.approx(0.874690, abs=5e-7)
    assert entry["survival"]["52"] == pytest.approx(0.517895, abs=5e-7)
    assert entry["survival"].keys() == {"26", "52"}
    assert entry["points"].keys() == set(PATIENT.split("\n")[0].split(","))


def test_text_table_of_scores(rossi: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "n.json"
    main(["nomogram", "fit", str(rossi), "--time", "week", "--event", "arrest", "-o", str(output)])
    capsys.readouterr()
    patient = write(tmp_path / "patient.csv", PATIENT)
    assert main(["nomogram", "score", str(output), patient, "--times", "52,60"]) == 0
    header, line = capsys.readouterr().out.splitlines()
    assert header.split()[-4:] == ["total", "lp", "S(52)", "S(60)"]
    assert line.split()[-4:] == ["194.6", "0.8747", "0.5179", "unknown"]


def test_covariates_and_ridge_can_be_chosen(tmp_path: Path) -> None:
    output = tmp_path / "n.json"
    assert fit(write(tmp_path / "t.csv", TABLE), output, "--covariates", "stage", "--ridge", "0.1") == 0
    fitted = json.loads(output.read_text(encoding="utf-8"))
    assert list(fitted["variables"]) == ["stage"]
    assert fitted["variables"]["stage"]["axis"] == ["I", "II"]
    assert fitted["ridge"] == 0.1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("8,1,I,7", "8,1,I,", "row 2 (line 3), column size: has no value"),
        ("8,1,I,7", "8,1,NA,7", "row 2 (line 3), column stage: has no value"),
        ("8,1,I,7", "8,1,I,x", "row 2 (line 3), column size: 'x' is a text in a column of numbers"),
        ("8,1,I,7", "8,2,I,7", "row 2, column died: event must be 0 (censored) or 1 (died)"),
        ("8,1,I,7", "0,1,I,7", "row 2, column months: survival time must be greater than 0"),
        ("8,1,I,7", "8,1,I", "row 2 (line 3): has 3 values for 4 columns"),
    ],
)
def test_a_bad_table_is_told_in_one_line_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, message: str
) -> None:
    table = write(tmp_path / "t.csv", TABLE.replace(f"\n{old}\n", f"\n{new}\n"))
    assert fit(table, tmp_path / "n.json") == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith(f"her2 nomogram: {table}, {message}")
    assert [p.name for p in tmp_path.iterdir()] == ["t.csv"]


def test_a_missing_column_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = write(tmp_path / "t.csv", TABLE.replace("died", "dead"))
    assert fit(table, tmp_path / "n.json") == 2
    assert "column 'died' is missing" in capsys.readouterr().err


def test_separation_is_told_with_advice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = "\n".join(f"{5 + i},{i % 2},{'a' if i % 2 else 'b'}" for i in range(30))
    table = write(tmp_path / "t.csv", f"months,died,group\n{rows}\n")
    assert fit(table, tmp_path / "n.json") == 2
    assert "--ridge 0.1" in capsys.readouterr().err
    assert fit(table, tmp_path / "n.json", "--ridge", "0.1") == 0


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("stage,size\nI,3\nIV,3\n", "row 2 (line 3), column stage: 'IV' is not one of its levels I, II"),
        ("stage,size\nI,3\nII,\n", "row 2 (line 3), column size: has no value"),
        ("stage,size\nI,3\nII,big\n", "row 2 (line 3), column size: 'big' is not a number"),
        ("stage\nI\n", "column 'size' is missing"),
        ("stage,size\n", "holds no rows below its header"),
    ],
)
def test_rows_that_cannot_be_scored_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rows: str, message: str
) -> None:
    output = tmp_path / "n.json"
    assert fit(write(tmp_path / "t.csv", TABLE), output) == 0
    capsys.readouterr()
    assert main(["nomogram", "score", str(output), write(tmp_path / "s.csv", rows), "--json"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert message in captured.err


@pytest.mark.parametrize(
    ("content", "message"),
    [("no json", "is not JSON"), ("{}", "is not a nomogram"), ("[1]", "is not a nomogram"), ("\x00", "is not JSON")],
)
def test_a_file_that_is_no_nomogram_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, message: str
) -> None:
    broken = write(tmp_path / "n.json", content)
    assert main(["nomogram", "score", broken, write(tmp_path / "p.csv", PATIENT)]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("times", ["-1", "a", "26,,52", "nan"])
def test_impossible_times_are_a_usage_error(times: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["nomogram", "score", "n.json", "t.csv", f"--times={times}"])
    assert caught.value.code == 2
