"""Synthetic follow-ups of a real scan."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import NamedTuple, Tuple

import numpy as np
import pydicom
import pytest

from her2_core.cohort.dicom_files import PatientLabel, SeriesLabel, uid_of, write_slices
from her2_core.cohort.followups import synthetic_followups
from her2_core.cohort.reading import Reading
from her2_core.errors import BadInput
from her2_core.imaging import Geometry, cut_case, pair, scan_folder
from her2_core.imaging.sources import SourcedCase, open_sources

HEADER = "time_point,phase,lesion,kind,organ,z_mm,xmin,ymin,xmax,ymax\n"
ROW = "BL,venous,T1,target,Liver,25,20,30,39,49\n"


class Made(NamedTuple):
    folder: Path
    reading: Reading


def volume() -> np.ndarray:
    """A ball of 100 HU and radius 10 pixels at row 39.5, column 29.5, slice 5, in 0 HU."""
    z, y, x = np.meshgrid(np.arange(11.0), np.arange(80.0), np.arange(64.0), indexing="ij")
    radius = np.sqrt(((z - 5) / 2.5) ** 2 + ((y - 39.5) / 10) ** 2 + ((x - 29.5) / 10) ** 2)
    return (100 * np.clip((1 - radius) * 5 + 0.5, 0, 1)).astype(np.int16)


def write_scan(folder: Path, phase: str = "portal venous", number: int = 1) -> None:
    geometry = Geometry(
        np.array([[-30.0, -40.0, 5.0 * k] for k in range(11)]),
        np.array([1.0, 0, 0]),
        np.array([0, 1.0, 0]),
        80,
        64,
        5.0,
    )
    label = SeriesLabel(
        PatientLabel("PHANTOM^SYNTHETIC", "P1", "19600101", "F"),
        uid_of("study"), uid_of("series", number), uid_of("frame"), date(2021, 3, 1), 36000 + 40 * number, 35950,
        number, f"Abdomen {phase}", "s", f"p{number}", "x",
    )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    write_slices(folder, label, geometry, 0, volume())


def make(tmp_path: Path, text: str = HEADER + ROW, seed: int = 4) -> Made:
    boxes = tmp_path / "boxes.csv"
    boxes.write_text(text, encoding="utf-8")
    out = tmp_path / f"out{seed}"
    return Made(out, synthetic_followups(tmp_path / "scan", boxes, out, seed))


@pytest.fixture
def made(tmp_path: Path) -> Made:
    write_scan(tmp_path / "scan")
    return make(tmp_path)


def rois(made: Made) -> Tuple:  # type: ignore[type-arg]
    case = made.reading.case
    volumes = open_sources(SourcedCase(case, made.reading.sources), made.folder, lambda: scan_folder(made.folder))
    return cut_case(case, volumes)


def test_lesion_changes_its_size_as_the_case_says_and_stays_in_the_middle_of_its_box(made: Made) -> None:
    (lesion,) = made.reading.case.lesions
    assert lesion.box_size_mm == (20.0, 20.0)
    first = lesion.observations[0].long_mm or 0
    for roi, observation in zip(rois(made), lesion.observations):
        inside = roi.hu[1] > 50
        width = inside.any(axis=0).sum()
        assert width == pytest.approx(20 * (observation.long_mm or 0) / first, abs=2)
        rows, columns = np.nonzero(inside)
        assert rows.mean() == pytest.approx((roi.hu.shape[1] - 1) / 2, abs=1)
        assert columns.mean() == pytest.approx((roi.hu.shape[2] - 1) / 2, abs=1)
    sizes = [o.long_mm for o in lesion.observations]
    assert sizes[1] != sizes[0] != sizes[2]


def test_pairing_sees_one_patient_with_two_follow_ups(made: Made) -> None:
    (patient,) = pair(scan_folder(made.folder))
    assert [(p.name, p.day) for p in patient.time_points] == [(t.name, t.day) for t in made.reading.case.time_points]
    for point in patient.time_points:
        series = point.phases["venous"]
        assert series is not None
        assert series.series_uid == made.reading.sources[point.name]["venous"]


def test_follow_ups_are_labelled_and_the_baseline_is_untouched(made: Made, tmp_path: Path) -> None:
    original = {p.read_bytes() for p in (tmp_path / "scan").rglob("*.dcm")}
    assert {p.read_bytes() for p in (made.folder / "BL").rglob("*.dcm")} == original
    for name in ("1F", "2F"):
        files = sorted((made.folder / name).rglob("*.dcm"))
        assert len(files) == 11
        header = pydicom.dcmread(files[0])
        assert "SYNTHETIC" in header.SeriesDescription
        assert "SYNTHETIC" in header.StudyDescription
        assert header.ImageType[0] == "DERIVED"
        assert header.StudyInstanceUID != uid_of("study")
        assert (header.PatientID, header.PatientSex) == ("P1", "F")
    assert made.reading.case.synthetic
    assert made.reading.case.outcome is None
    assert made.reading.case.clinical.sex == "female"


def test_same_seed_gives_the_same_case(made: Made, tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    write_scan(tmp_path / "again" / "scan")
    assert make(tmp_path / "again").reading == made.reading
    assert make(tmp_path, seed=5).reading.case.lesions != made.reading.case.lesions


def test_both_phases_change_alike(tmp_path: Path) -> None:
    write_scan(tmp_path / "scan" / "a", "arterial", 1)
    write_scan(tmp_path / "scan" / "v", "portal venous", 2)
    text = (
        HEADER + ROW.replace("Liver", "Lymph node") + ROW.replace("Liver", "Lymph node").replace("venous", "arterial")
    )
    made = make(tmp_path, text)
    (lesion,) = made.reading.case.lesions
    assert all(set(o.box_centers_mm) == {"arterial", "venous"} for o in lesion.observations)
    assert all(len(set(o.box_centers_mm.values())) == 1 for o in lesion.observations)
    assert made.reading.sources["BL"] == {"arterial": uid_of("series", 1), "venous": uid_of("series", 2)}
    widths = {(r.time_point, r.phase): (r.hu[1] > 50).any(axis=0).sum() for r in rois(made)}
    assert all(abs(int(widths[t, "arterial"]) - int(widths[t, "venous"])) <= 1 for t in ("BL", "1F", "2F"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (",25,", ",90,", "lies on no axial series of the folder"),
        (",39,", ",64,", "lies on no axial series of the folder"),
        ("BL", "1F", "follow-ups are made from baseline boxes only"),
        ("target", "new", "a new lesion has no box at baseline"),
    ],
)
def test_box_that_fits_nothing_is_named_and_nothing_is_written(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    write_scan(tmp_path / "scan")
    with pytest.raises(BadInput, match=f"row 1 .*{message}"):
        make(tmp_path, HEADER + ROW.replace(old, new))
    assert not (tmp_path / "out4").exists()


def test_two_series_that_could_be_meant_are_refused(tmp_path: Path) -> None:
    write_scan(tmp_path / "scan" / "a", "thin", 1)
    write_scan(tmp_path / "scan" / "b", "thick", 2)
    for path in (tmp_path / "scan").rglob("*.dcm"):
        dataset = pydicom.dcmread(path)
        dataset.ContrastBolusAgent = ""
        dataset.AcquisitionTime = "100000"
        del dataset.ContrastBolusStartTime
        dataset.save_as(path)
    with pytest.raises(BadInput, match="2 series could be meant"):
        make(tmp_path)


def test_pixel_indices_are_those_of_the_stored_images(tmp_path: Path) -> None:
    """The same scan stored with its columns running to the right: boxes are mirrored, places are not."""
    write_scan(tmp_path / "scan")
    plain = make(tmp_path).reading.case.lesions[0]
    (tmp_path / "mirrored").mkdir()
    write_scan(tmp_path / "mirrored" / "scan")
    for path in (tmp_path / "mirrored" / "scan").rglob("*.dcm"):
        dataset = pydicom.dcmread(path)
        dataset.PixelData = np.ascontiguousarray(dataset.pixel_array[:, ::-1]).tobytes()
        dataset.ImageOrientationPatient = [-1, 0, 0, 0, 1, 0]
        dataset.ImagePositionPatient = [-30.0 + 63, *dataset.ImagePositionPatient[1:]]
        dataset.save_as(path)
    mirrored = make(tmp_path / "mirrored", HEADER + ROW.replace("20,30,39", "24,30,43")).reading.case.lesions[0]
    assert [o.box_centers_mm for o in mirrored.observations] == [o.box_centers_mm for o in plain.observations]


def test_real_chest_ct(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "chest_ct"
    reading = synthetic_followups(folder / "dicom", folder / "boxes.csv", tmp_path / "out", 1)
    made = Made(tmp_path / "out", reading)
    (lesion,) = reading.case.lesions
    assert lesion.organ == "Lung"
    # 83 x 87 pixels of 0.841796875 mm
    assert lesion.box_size_mm == (69.87, 73.24)
    solid = [int((roi.hu[1] > -300).sum()) for roi in rois(made)]
    assert solid[1] < solid[0]
    assert replace(reading.case, lesions=()).synthetic
