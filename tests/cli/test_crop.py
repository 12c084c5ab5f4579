"""`her2 crop`: from CASE.json and DICOM to a bundle, or one clear line."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any, Dict

import numpy as np
import pytest

from her2_core.bundle import read_bundle
from her2_core.cli.main import main
from support.dicom_files import stored_pixels, uid, write_series

pytestmark = pytest.mark.light

ARTERIAL, VENOUS, FOLLOW_UP, STRANGER = (uid(n) for n in ("art", "ven", "follow", "stranger"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "dicom"
    write_series(root / "a", name="a", SeriesInstanceUID=ARTERIAL)
    write_series(root / "b", name="b", SeriesInstanceUID=VENOUS, RescaleIntercept=-1000)
    write_series(root / "c", name="c", SeriesInstanceUID=FOLLOW_UP, StudyDate="20200301")
    write_series(root / "d", name="d", SeriesInstanceUID=STRANGER, PatientID="P2", PatientName="Other")
    return root


def document() -> Dict[str, Any]:
    center = [8.0, 7.0, 10.0]
    return {
        "case": {
            "case_id": "A" * 26,
            "time_points": [{"name": "BL", "day": 0}, {"name": "1F", "day": 60}],
            "lesions": [
                {
                    "lesion_id": "P",
                    "kind": "primary",
                    "organ": "Stomach",
                    "box_size_mm": [6.0, 5.0],
                    "observations": [
                        {"time_point": "BL", "box_centers_mm": {"arterial": center, "venous": center}},
                        {"time_point": "1F", "box_centers_mm": {"venous": [8.0, 7.0, 0.0]}},
                    ],
                }
            ],
        },
        "sources": {"BL": {"arterial": ARTERIAL, "venous": VENOUS}, "1F": {"venous": FOLLOW_UP}},
    }


def crop(tmp_path: Path, folder: Path, value: Any) -> int:
    path = tmp_path / "case.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return main(["crop", str(path), str(folder), "-o", str(tmp_path / "case.her2")])


def test_bundle_holds_the_pixels_of_each_box(tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert crop(tmp_path, folder, document()) == 0
    bundle = read_bundle(tmp_path / "case.her2")
    rois = {roi.identity: roi for roi in bundle.rois}
    # reach 4.5 x 3.75 mm about column 8, row 7: columns 4..12, rows 4..10 -> at least 8 rows: 3..10
    expected = stored_pixels(2)[3:11, 4:13]
    assert (rois["P", "BL", "arterial"].hu[1] == expected - 1024).all()
    assert (rois["P", "BL", "venous"].hu[1] == expected - 1000).all()
    assert rois["P", "1F", "venous"].notes == ("end_of_volume",)
    output = capsys.readouterr().out
    assert "3 ROIs of 1 lesion(s) at 2 time point(s)" in output
    assert "! P 1F venous: end_of_volume" in output


def test_bundle_carries_no_identity(tmp_path: Path, folder: Path) -> None:
    assert crop(tmp_path, folder, document()) == 0
    written = (tmp_path / "case.her2").read_bytes()
    for secret in (ARTERIAL, VENOUS, "P1", "Test^One", "20200101", "2020-01-01", str(folder)):
        assert secret.encode() not in written


def test_volume_file_in_the_folder_can_be_a_source(tmp_path: Path, folder: Path) -> None:
    import SimpleITK as sitk  # noqa: N813

    image = sitk.GetImageFromArray(np.stack([stored_pixels(k) - 1024 for k in range(5)]))
    image.SetSpacing((1.0, 1.0, 5.0))
    sitk.WriteImage(image, str(folder / "bl.nii.gz"))
    assert crop(tmp_path, folder, document()) == 0
    from_dicom = read_bundle(tmp_path / "case.her2").rois[0]
    value = document()
    value["sources"]["BL"]["arterial"] = "bl.nii.gz"
    assert crop(tmp_path, folder, value) == 0
    from_file = read_bundle(tmp_path / "case.her2").rois[0]
    assert (from_file.hu == from_dicom.hu).all()
    assert from_file.place == from_dicom.place


def changed(path: str, value: Any) -> Dict[str, Any]:
    whole: Any = document()
    inner = whole
    *outer, last = path.split("/")
    for key in outer:
        inner = inner[int(key) if key.isdigit() else key]
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return whole  # type: ignore[no-any-return]


BOX = "case/lesions/0/observations/0/box_centers_mm/venous"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("{", "is not valid JSON"),
        ("[" * 100_000, "is not valid JSON"),
        ("[]", "exactly the keys case and sources"),
        (changed("sources", None), "exactly the keys case and sources"),
        (changed("sources", []), "must be {time point: {phase: SeriesInstanceUID}}"),
        (changed("case/case_id", "short"), "case.case_id: must be 26 characters"),
        (changed("sources/2F", {}), "time point '2F' is not one of the case (BL, 1F)"),
        (changed("sources/BL/portal", VENOUS), "sources.BL.portal: phase must be one of arterial, venous"),
        (changed("sources/BL/venous", 5), "sources.BL.venous: must be a SeriesInstanceUID"),
        (changed("sources/BL/venous", None), "no source for BL venous, where boxes were drawn"),
        (changed("case/lesions", []), "has no box to cut"),
        (changed("sources/BL/venous", "1.2.3"), "sources.BL.venous: no usable axial CT series of this UID"),
        (changed("sources/BL/venous", STRANGER), "the sources belong to 2 patients"),
        (
            changed("sources/BL/venous", FOLLOW_UP),
            "sources.BL.venous: the case says day 0, but the series was taken 60",
        ),
        (changed("case/time_points/1/day", 59), "sources.1F.venous: the case says day 59, but the series was taken 60"),
        (changed("sources/BL/venous", "../case.nii"), "must lie inside of the folder"),
        (changed("sources/BL/venous", "gone.nii"), "no such file"),
        (changed(BOX, [8.0, 7.0, 500.0]), "lesion P, BL venous: the box lies outside the volume"),
        (changed(BOX, [8.0, 700.0, 10.0]), "lesion P, BL venous: the box lies outside the image"),
        (changed(BOX, [8.0, float("nan"), 10.0]), "must be a finite number"),
    ],
)
def test_bad_input_is_one_line_and_changes_nothing(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str], value: Any, message: str
) -> None:
    (tmp_path / "case.her2").write_bytes(b"before")
    assert crop(tmp_path, folder, value) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("her2 crop: ")
    assert message in line
    assert (tmp_path / "case.her2").read_bytes() == b"before"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["case.her2", "case.json", "dicom"]


def test_doubtful_identity_is_refused(tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_series(folder / "e", name="e", PatientID="P3", PatientName="Test^One")
    assert crop(tmp_path, folder, document()) == 2
    assert "identity is doubtful: same name as patient P3" in capsys.readouterr().err


def test_missing_inputs_and_outputs_are_named(tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["crop", str(tmp_path / "no.json"), str(folder), "-o", str(tmp_path / "a.her2")]) == 2
    assert "no.json" in capsys.readouterr().err
    (tmp_path / "case.json").write_text(json.dumps(document()))
    assert main(["crop", str(tmp_path / "case.json"), str(tmp_path / "no"), "-o", str(tmp_path / "a.her2")]) == 2
    assert "no such folder" in capsys.readouterr().err
    assert main(["crop", str(tmp_path / "case.json"), str(folder), "-o", str(tmp_path / "no" / "a.her2")]) == 2
    assert "Name a file in an existing folder" in capsys.readouterr().err


def test_real_tumour_is_cut_where_the_radiologist_drew_it(shared_data: Path, tmp_path: Path) -> None:
    with (shared_data / "chest_ct" / "boxes.csv").open() as file:
        box = next(csv.DictReader(file))
    low = np.array([float(box["xmin"]), float(box["ymin"])])
    high = np.array([float(box["xmax"]), float(box["ymax"])])
    spacing, corner = 0.841796875, np.array([-228.036842, -93.0631599])
    center = [*(corner + (low + high) / 2 * spacing), float(box["z_mm"])]
    value = changed("sources", {"BL": {"venous": box["series_uid"]}})
    value["case"]["time_points"] = [{"name": "BL", "day": 0}]
    value["case"]["lesions"] = [
        {
            "lesion_id": "T1",
            "kind": "target",
            "organ": "Lung",
            "box_size_mm": list((high - low + 1) * spacing),
            "observations": [{"time_point": "BL", "box_centers_mm": {"venous": center}}],
        }
    ]
    assert crop(tmp_path, shared_data / "chest_ct", value) == 0
    (roi,) = read_bundle(tmp_path / "case.her2").rois
    # columns 298..335: 316.5 +- 28.5 = 288..345, both ends closed; rows 298..374: 336 +- 57.75 = 279..393
    assert roi.hu.shape == (3, 115, 58)
    middle = roi.hu[1, 38:77, 19:38]
    assert -50 < np.median(middle) < 100  # soft tissue inside of the box
    assert roi.hu.min() < -700  # lung around it
