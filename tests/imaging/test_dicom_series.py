"""Folders of DICOM files -> series: order, duplicates, gaps, planes, what is set aside and why."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any, List

import numpy as np
import pytest

from her2_core.errors import ImagingError
from her2_core.imaging import Scan, cut_roi, scan_folder
from her2_core.imaging.headers import calendar_date, seconds_of_day
from her2_core.roi import BODY_WINDOW
from support.dicom_files import BIG_ENDIAN, data_set, enhanced, save, stored_pixels, uid, write_series

pytestmark = pytest.mark.light


def reasons(scan: Scan) -> List[str]:
    return [item.reason for item in scan.set_aside]


def shown_slices(scan: Scan) -> List[int]:
    """Which stored slice lies at each place, from the feet to the head."""
    (series,) = scan.series
    first_pixels = series.volume().read_slices(range(len(series.frames)))[:, 0, 0]
    return [int(v + 1024 - 1000) // 500 for v in first_pixels]


def test_slices_are_ordered_by_position_never_by_name_or_instance_number(tmp_path: Path) -> None:
    paths = write_series(tmp_path, positions=[10, 0, 20, 5, 15])
    names = [2, 4, 0, 3, 1]
    for path, name in zip(paths, names):
        folder = tmp_path / f"sub{name % 2}" / "deep"
        folder.mkdir(parents=True, exist_ok=True)
        path.rename(folder / f"{name}")
    scan = scan_folder(tmp_path)
    assert shown_slices(scan) == [1, 3, 0, 4, 2]
    assert scan.series[0].geometry.origins_mm[:, 2].tolist() == [0, 5, 10, 15, 20]
    assert scan.series[0].warnings == ()


def write_turned(folder: Path, matrix: Any, column: int, row: int, reverse: bool) -> None:
    """The same 5 slices stored with columns along axis `column` (+-1, +-2) and rows along `row` of the patient."""
    for k in range(5):
        image = stored_pixels(k)  # rows run along the back (axis 2), columns to the left (axis 1)
        origin = np.array([0.0, 0.0, 5.0 * k])
        if (column < 0 and abs(column) == 1) or (row < 0 and abs(row) == 1):
            image, origin = image[:, ::-1], origin + np.array([19 * 0.8, 0, 0])
        if (column < 0 and abs(column) == 2) or (row < 0 and abs(row) == 2):
            image, origin = image[::-1], origin + np.array([0, 15 * 0.9, 0])
        if abs(column) == 2:
            image = image.T
        steps = {1: [1.0, 0, 0], 2: [0, 1.0, 0]}
        cosines = [np.sign(a) * np.array(steps[abs(a)]) for a in (column, row)]
        spacing = {1: 0.8, 2: 0.9}
        data = data_set(
            np.ascontiguousarray(image),
            SeriesInstanceUID=uid("turned"),
            SOPInstanceUID=uid("turned", k),
            InstanceNumber=5 - k if reverse else k,
            ImagePositionPatient=[float(v) for v in matrix @ origin],
            ImageOrientationPatient=[float(v) for c in cosines for v in matrix @ c],
            PixelSpacing=[spacing[abs(row)], spacing[abs(column)]],
        )
        save(folder / f"{5 - k if reverse else k}.dcm", data)


@pytest.mark.parametrize("tilt", [0, 18])
@pytest.mark.parametrize(("column", "row"), [(1, 2), (-1, 2), (1, -2), (-1, -2), (2, 1), (-2, 1), (2, -1), (-2, -1)])
def test_any_stored_orientation_gives_the_same_roi(tmp_path: Path, column: int, row: int, tilt: float) -> None:
    a = math.radians(tilt)
    matrix = np.array([[1, 0, 0], [0, math.cos(a), -math.sin(a)], [0, math.sin(a), math.cos(a)]])
    write_turned(tmp_path / "plain", matrix, 1, 2, reverse=False)
    write_turned(tmp_path / "turned", matrix, column, row, reverse=True)
    rois = []
    for name in ("plain", "turned"):
        (series,) = scan_folder(tmp_path / name).series
        rois.append(cut_roi(series.volume(), matrix @ [7.0, 6.0, 10.0], (6.0, 4.0), BODY_WINDOW))
    assert (rois[0][0] == rois[1][0]).all()
    assert np.allclose(rois[0][1].origin_mm, rois[1][1].origin_mm, atol=1e-6)
    assert np.ptp(rois[0][0]) > 500


def test_one_multi_frame_file_gives_the_same_roi_as_single_files(tmp_path: Path) -> None:
    write_series(tmp_path / "single", positions=[20, 0, 10, 5, 15])
    save(tmp_path / "multi" / "e.dcm", enhanced([20, 0, 10, 5, 15], [-1024] * 5))
    cuts = []
    for name in ("single", "multi"):
        (series,) = scan_folder(tmp_path / name).series
        cuts.append(cut_roi(series.volume(), (8, 8, 10), (4, 4), BODY_WINDOW))
    assert (cuts[0][0] == cuts[1][0]).all()
    assert cuts[0][1] == cuts[1][1]


def test_gantry_tilt_is_kept_and_said(tmp_path: Path) -> None:
    a = math.radians(15)
    for k in range(4):
        data = data_set(
            stored_pixels(k),
            SeriesInstanceUID=uid("tilt"),
            SOPInstanceUID=uid("tilt", k),
            ImagePositionPatient=[0.0, 0.0, 5.0 * k],
            ImageOrientationPatient=[1.0, 0.0, 0.0, 0.0, math.cos(a), -math.sin(a)],
        )
        save(tmp_path / f"{k}.dcm", data)
    (series,) = scan_folder(tmp_path).series
    assert series.warnings == ("gantry tilt of 15 degrees",)
    assert series.geometry.slice_spacing_mm == pytest.approx(5 * math.cos(a))


def test_missing_slices_are_counted(tmp_path: Path) -> None:
    write_series(tmp_path, positions=[0, 5, 10, 25, 30])
    assert scan_folder(tmp_path).series[0].warnings == ("about 2 slices missing",)


def test_copies_of_a_file_are_left_out(tmp_path: Path) -> None:
    paths = write_series(tmp_path)
    shutil.copy(paths[2], tmp_path / "copy.dcm")
    scan = scan_folder(tmp_path)
    assert shown_slices(scan) == [0, 1, 2, 3, 4]
    assert scan.series[0].warnings == ("1 copy of the same image left out",)


def test_slices_that_share_a_uid_by_mistake_are_all_kept(tmp_path: Path) -> None:
    for z in (0.0, 5.0, 10.0):
        data = data_set(stored_pixels(int(z) // 5), SOPInstanceUID="1.2.3", ImagePositionPatient=[0.0, 0.0, z])
        save(tmp_path / f"{z}.dcm", data)
    assert shown_slices(scan_folder(tmp_path)) == [0, 1, 2]


def test_second_slice_at_one_place_is_dropped_by_instance_number_and_said(tmp_path: Path) -> None:
    series = uid("double")
    for number, z in enumerate([0, 5, 5, 10]):
        data = data_set(
            stored_pixels(number),
            SeriesInstanceUID=series,
            SOPInstanceUID=uid("double", 9 - number),
            InstanceNumber=number,
            ImagePositionPatient=[0.0, 0.0, float(z)],
        )
        save(tmp_path / f"{9 - number}.dcm", data)
    scan = scan_folder(tmp_path)
    assert shown_slices(scan) == [0, 1, 3]
    assert scan.series[0].warnings == ("1 slice lies where another one lies; the first was kept",)


def test_two_acquisitions_in_one_series_are_taken_apart(tmp_path: Path) -> None:
    series = uid("both")
    for acquisition in (1, 2):
        write_series(
            tmp_path / str(acquisition),
            name=f"a{acquisition}",
            SeriesInstanceUID=f"{series}.{acquisition}",
            AcquisitionNumber=acquisition,
        )
    import pydicom

    for path in sorted(tmp_path.rglob("*.dcm")):
        data = pydicom.dcmread(str(path))
        data.SeriesInstanceUID = series
        data.save_as(str(path))
    scan = scan_folder(tmp_path)
    assert [s.source for s in scan.series] == [f"{series}#1", f"{series}#2"]
    assert [len(s.frames) for s in scan.series] == [5, 5]
    assert scan.by_source(f"{series}#2").source == f"{series}#2"
    with pytest.raises(ImagingError, match=r"several acquisitions \(#1, #2\)"):
        scan.by_source(series)


def test_localizer_and_other_planes_in_the_series_are_set_aside(tmp_path: Path) -> None:
    series = uid("mixed")
    write_series(tmp_path, name="mixed", SeriesInstanceUID=series)
    coronal = data_set(
        stored_pixels(0),
        SeriesInstanceUID=series,
        ImageOrientationPatient=[1.0, 0, 0, 0, 0, -1.0],
        SOPInstanceUID="1.2.1",
    )
    save(tmp_path / "cor.dcm", coronal)
    scout = data_set(
        stored_pixels(0),
        SeriesInstanceUID=series,
        ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"],
        SOPInstanceUID="1.2.2",
    )
    save(tmp_path / "scout.dcm", scout)
    larger = data_set(stored_pixels(0, 32, 32), SeriesInstanceUID=series, SOPInstanceUID="1.2.3")
    save(tmp_path / "large.dcm", larger)
    scan = scan_folder(tmp_path)
    assert shown_slices(scan) == [0, 1, 2, 3, 4]
    assert sorted(reasons(scan)) == [
        "a localizer",
        "another pixel grid than the rest of its series",
        "coronal, not axial",
    ]


@pytest.mark.parametrize(
    ("cosines", "reason"),
    [
        ([1.0, 0, 0, 0, 0, -1.0], "coronal, not axial"),
        ([0, 1.0, 0, 0, 0, -1.0], "sagittal, not axial"),
        ([1.0, 0, 0, 0, 0.7071, -0.7071], "oblique, not axial"),
        ([1.0, 0, 0, 1.0, 0, 0], "without a direction, not axial"),
    ],
)
def test_series_of_other_planes_are_set_aside(tmp_path: Path, cosines: Any, reason: str) -> None:
    write_series(tmp_path, ImageOrientationPatient=cosines)
    scan = scan_folder(tmp_path)
    assert scan.series == ()
    assert reasons(scan) == [reason]
    assert "5 images" in scan.set_aside[0].what


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({"Modality": "MR", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.4"}, "MR, not CT"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, "Secondary Capture Image Storage, not a CT image"),
        ({"SamplesPerPixel": 3}, "a colour picture, not a CT image"),
        ({"PatientID": ""}, "no patient id (0010,0020): it cannot be told whose it is"),
        ({"ImagePositionPatient": None}, "no valid image position (0020,0032)"),
        ({"PixelSpacing": None}, "no valid pixel spacing (0028,0030)"),
        ({"RescaleIntercept": None}, "no valid rescale intercept (0028,1052), so no Hounsfield units"),
        ({"RescaleSlope": 0}, "rescale slope is 0"),
        ({"RescaleType": "OD"}, "values are OD, not Hounsfield units"),
        ({"NumberOfFrames": 3}, "3 frames, but places for 1"),
        ({"SeriesDescription": "Topogram 0.6"}, "a localizer"),
        ({"SeriesDescription": "SmartPrep Series"}, "bolus timing images"),
        ({"SeriesDescription": "COR MIP 10mm"}, "a projection or 3D rendering: its values are not Hounsfield units"),
        ({"ImageType": ["DERIVED", "SECONDARY", "PROJECTION IMAGE"]}, "a projection or 3D rendering: its values are not Hounsfield units"),
        ({"PixelSpacing": [1.0, 500.0]}, "pixel size 500 x 1 mm is outside of 0.01 to 20 mm; the header is damaged"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_as_ct_is_set_aside_with_its_reason(tmp_path: Path, tags: Any, reason: str) -> None:
    write_series(tmp_path, positions=[0], **tags)
    scan = scan_folder(tmp_path)
    assert scan.series == ()
    assert reasons(scan) == [reason]


def test_iterative_reconstruction_named_3d_is_a_normal_series(tmp_path: Path) -> None:
    write_series(tmp_path, SeriesDescription="Body AIDR 3D STD")
    assert len(scan_folder(tmp_path).series) == 1


def test_damaged_files_are_set_aside_and_the_rest_is_read(tmp_path: Path) -> None:
    paths = write_series(tmp_path)
    whole = paths[0].read_bytes()
    for size in range(0, len(whole) - 700, 37):
        (tmp_path / f"cut{size}").write_bytes(whole[:size])
    (tmp_path / "noise").write_bytes(b"\0" * 128 + b"DICM" + np.random.default_rng(1).bytes(4000))
    (tmp_path / "text.txt").write_text("hello")
    scan = scan_folder(tmp_path)
    assert shown_slices(scan)[0] == 0
    assert len(scan.series[0].frames) >= 5
    assert any("text.txt" in item.what and item.reason == "not a DICOM file" for item in scan.set_aside)


def test_big_endian_and_missing_preamble_are_read(tmp_path: Path) -> None:
    values = stored_pixels(0)
    save(tmp_path / "a.dcm", data_set(values, PixelData=values.byteswap().tobytes()), BIG_ENDIAN)
    other = save(
        tmp_path / "b.dcm", data_set(stored_pixels(1), ImagePositionPatient=[0.0, 0, 5], SOPInstanceUID="1.2.9")
    )
    other.write_bytes(other.read_bytes()[132:])
    assert shown_slices(scan_folder(tmp_path)) == [0, 1]


def test_progress_hears_of_every_file(tmp_path: Path) -> None:
    write_series(tmp_path)
    heard: List[Any] = []
    scan_folder(tmp_path, lambda done, total: heard.append((done, total)))
    assert heard == [(k, 5) for k in range(1, 6)]


def test_folder_without_dicom_or_missing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("x")
    with pytest.raises(ImagingError, match="no DICOM image among 1 files"):
        scan_folder(tmp_path)
    with pytest.raises(ImagingError, match="no such folder"):
        scan_folder(tmp_path / "missing")
    with pytest.raises(ImagingError, match="is not a folder"):
        scan_folder(tmp_path / "note.txt")


def test_headers_are_read_without_their_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pydicom

    write_series(tmp_path)
    seen: List[bool] = []
    original = pydicom.dcmread

    def spy(*args: Any, **options: Any) -> Any:
        data = original(*args, **options)
        seen.append("PixelData" in data)
        return data

    monkeypatch.setattr(pydicom, "dcmread", spy)
    (series,) = scan_folder(tmp_path).series
    assert seen == [False] * 5
    cut_roi(series.volume(), (8, 8, 10), (4, 4), BODY_WINDOW)
    assert seen == [False] * 5 + [True] * 3


@pytest.mark.parametrize(("text", "day"), [("20200229", 29), ("2020-02-29", 29), ("1997.04.24", 24)])
def test_dates_in_use_are_understood(text: str, day: int) -> None:
    found = calendar_date(text)
    assert found is not None
    assert found.day == day


@pytest.mark.parametrize("text", ["", "20210229", "2020022", "20200101x", "nonsense"])
def test_what_is_no_date_is_none(text: str) -> None:
    assert calendar_date(text) is None


def test_times_are_seconds_since_midnight() -> None:
    assert seconds_of_day("013005.25") == 5405.25
    assert seconds_of_day("01:30:05") == 5405
    assert seconds_of_day("0130") is None


def test_real_odd_files_are_sorted_out(shared_data: Path) -> None:
    scan = scan_folder(shared_data / "odd_dicom")
    by_patient = {s.patient.patient_id: s for s in scan.series}
    assert sorted(by_patient) == ["1CT1", "77654033", "98890234", "JXD191021006", "Z-Missing-Slices-Lymphoma"]
    lymphoma = by_patient["Z-Missing-Slices-Lymphoma"]
    assert lymphoma.geometry.origins_mm[:, 2].tolist() == [
        -512.5, -400.0, -382.5, -365.0, -352.5, -245.0, -237.5, -122.5, -90.0, -42.5,
    ]  # fmt: skip
    assert "1 slice lies where another one lies; the first was kept" in lymphoma.warnings
    assert lymphoma.study_date is None
    tilted = by_patient["JXD191021006"].geometry
    assert math.degrees(math.acos(tilted.normal[2])) == pytest.approx(22, abs=0.01)
