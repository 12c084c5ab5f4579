"""`her2 cohort` on the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from her2_core.cli.main import main
from her2_core.cohort.folder import Cohort, read_cohort


def test_phantom_writes_a_cohort_and_says_synthetic(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "c"
    sizes = "training=2,external=1"
    assert main(["cohort", "phantom", "--seed", "3", "--size", sizes, "--pixel-mm", "1.6", "-o", str(out)]) == 0
    printed = capsys.readouterr()
    assert "3 SYNTHETIC patients" in printed.out
    assert "truth in" in printed.out
    assert "3/3" in printed.err
    assert [e.cohort for e in read_cohort(out).entries] == ["training", "training", "external"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--size", "test=3"], "unknown cohort 'test'"),
        (["--size", "training=0"], "has no patients"),
        (["--pixel-mm", "9"], "pixel size 9 mm"),
        (["--level", "dicom", "--pixel-mm", "1.6"], "--pixel-mm is for --level roi"),
    ],
)
def test_wrong_request_is_one_line_and_exit_code_2(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list,
    message: str,  # type: ignore[type-arg]
) -> None:
    assert main(["cohort", "phantom", "--seed", "3", *arguments, "-o", str(tmp_path / "c")]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert message in lines[0]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", ["training", "training=x", "training=-1", ""])
def test_malformed_size_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str], size: str) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["cohort", "phantom", "--seed", "3", "--size", size, "-o", str(tmp_path / "c")])
    assert stop.value.code == 2
    assert "is not NAME=NUMBER" in capsys.readouterr().err


def test_folder_in_use_is_refused(small_cohort: Cohort, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cohort", "phantom", "--seed", "1", "-o", str(small_cohort.path)]) == 2
    assert "exists and is not empty" in capsys.readouterr().err


def test_check_of_a_good_cohort_is_quiet(small_cohort: Cohort, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cohort", "check", str(small_cohort.path)]) == 0
    assert "0 errors, 0 warnings" in capsys.readouterr().out


def test_check_prints_a_table_and_returns_1(
    small_cohort: Cohort, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = Path(shutil.copytree(small_cohort.path, tmp_path / "copy"))
    table = copy / "patients.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("internal", "test", 1), encoding="utf-8")
    assert main(["cohort", "check", str(copy)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["level", "file", "row", "column", "what", "remedy"]
    assert "patients.csv" in lines[1]
    assert "'test' is unknown" in lines[1]
    assert "1 errors" in lines[-1]
    assert main(["cohort", "check", "--json", str(copy)]) == 1
    (problem,) = json.loads(capsys.readouterr().out)
    assert (problem["file"], problem["row"], problem["column"]) == ("patients.csv", 6, "cohort")


def test_check_of_nothing_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cohort", "check", str(tmp_path / "nowhere")]) == 2
    assert "no such folder" in capsys.readouterr().err
