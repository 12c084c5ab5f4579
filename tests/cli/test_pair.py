"""`her2 pair`: what is printed, and the exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from her2_core.cli.main import main
from support.dicom_files import write_series

pytestmark = pytest.mark.light


def study(folder: Path, day: str, patient: str = "P1", **tags: Any) -> None:
    name = f"{patient}-{day}"
    write_series(folder / name, name=name, PatientID=patient, StudyDate=day, **{
        "PatientName": f"N^{patient}", "SeriesDescription": "静脉期", **tags})  # fmt: skip


def test_json_has_the_agreed_keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study(tmp_path, "20200101")
    study(tmp_path, "20200131", SeriesDescription="5mm")
    (tmp_path / "note.txt").write_text("x")
    assert main(["pair", str(tmp_path), "--json", "--therapy-start", "2020-01-02"]) == 0
    output = capsys.readouterr()
    (patient,) = json.loads(output.out)
    assert patient["patient"] == "P1"
    assert patient["warnings"] == ["1F: no arterial or venous series recognised; assign the phase by hand"]
    baseline, follow_up = patient["time_points"]
    assert (baseline["name"], baseline["day"], follow_up["name"], follow_up["day"]) == ("BL", 0, "1F", 30)
    assert baseline["phases"]["arterial"] is None
    venous = baseline["phases"]["venous"]
    assert (venous["description"], venous["slices"], venous["thickness_mm"]) == ("静脉期", 5, 5.0)
    assert venous["spacing_mm"] == [5.0, 1.0, 1.0]
    assert follow_up["phases"] == {"arterial": None, "venous": None}
    assert [series["description"] for series in follow_up["unassigned"]] == ["5mm"]
    assert baseline["reasons"] == ['"静脉期", 5 slices of 5 mm: venous: series description "静脉期"']
    assert "note.txt: not a DICOM file" in output.err


def test_text_names_every_series_and_what_was_set_aside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study(tmp_path, "20200101")
    write_series(tmp_path / "c", name="c", SeriesDescription="coronal", ImageOrientationPatient=[1, 0, 0, 0, 0, -1])
    assert main(["pair", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Patient P1"
    assert lines[1] == "  BL  day 0  (2020-01-01)"
    assert lines[3].startswith('    venous:      "静脉期", 5 slices of 5 mm  1.2.')
    assert lines[-1] == '  set aside: series "coronal" of 20200101 (5 images): coronal, not axial'


def test_a_stopped_patient_gives_exit_code_1_and_the_others_are_paired(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study(tmp_path, "20200101", "A", PatientName="Same")
    study(tmp_path, "20200101", "B", PatientName="Same")
    study(tmp_path, "20200101", "C")
    assert main(["pair", str(tmp_path), "--json"]) == 1
    found = {p["patient"]: (p["stopped"], len(p["time_points"])) for p in json.loads(capsys.readouterr().out)}
    assert found == {"A": (True, 0), "B": (True, 0), "C": (False, 1)}


def test_nothing_to_pair_gives_exit_code_1(tmp_path: Path) -> None:
    study(tmp_path, "20200101", Modality="MR", SOPClassUID="1.2.840.10008.5.1.4.1.1.4")
    assert main(["pair", str(tmp_path)]) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{folder}/missing"], "no such folder"),
        (["{folder}"], "no DICOM image among 1 files"),
        (["{folder}", "--therapy-start", "01.02.2020"], "--therapy-start: '01.02.2020' is not a date."),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: Any, message: str
) -> None:
    (tmp_path / "note.txt").write_text("x")
    assert main(["pair", *(a.format(folder=tmp_path) for a in arguments)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("her2 pair: ")
    assert message in line


def test_real_chest_ct_is_one_unassigned_baseline(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pair", str(shared_data / "chest_ct"), "--json"]) == 0
    (patient,) = json.loads(capsys.readouterr().out)
    (point,) = patient["time_points"]
    assert [(s["slices"], s["thickness_mm"]) for s in point["unassigned"]] == [(64, 5.0)]
    assert 'plain: protocol name "2 Chest C-/Thorax"' in point["reasons"][0]
