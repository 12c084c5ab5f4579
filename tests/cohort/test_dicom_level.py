"""The DICOM-level phantom: valid files that other programs read, and boxes that fit the pixels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Dict, List, NamedTuple

import numpy as np
import pydicom
import pytest
import SimpleITK
from pydicom.uid import UID

from her2_core.case import Case
from her2_core.cohort.dicom_cohort import write_phantom_dicom_cohort
from her2_core.cohort.dicom_files import PatientLabel, SeriesLabel, uid_of, write_slices
from her2_core.cohort.dicom_level import (
    DESCRIPTIONS,
    demonstration_patient,
    write_patient_dicom,
    write_phantom_patient_dicom,
)
from her2_core.cohort.reading import Reading
from her2_core.imaging import Geometry, cut_case, pair, scan_folder
from her2_core.imaging.phases import named_phases
from her2_core.imaging.sources import SourcedCase, open_sources, read_sourced_case

TYPE_1 = [
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "Modality",
    "FrameOfReferenceUID",
    "ImageType",
    "PixelSpacing",
    "ImageOrientationPatient",
    "ImagePositionPatient",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "RescaleIntercept",
    "RescaleSlope",
    "PixelData",
]
TYPE_2 = [
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
    "StudyID",
    "AccessionNumber",
    "SeriesNumber",
    "PositionReferenceIndicator",
    "Manufacturer",
    "InstanceNumber",
    "SliceThickness",
    "KVP",
    "AcquisitionNumber",
    "ContrastBolusAgent",
    "PatientPosition",
]
"""DICOM PS3.3 A.3 (CT Image IOD) with the modules it names."""


class Written(NamedTuple):
    folder: Path
    reading: Reading


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    folder = tmp_path_factory.mktemp("phantom") / "dicom"
    return Written(folder, write_phantom_patient_dicom(folder, seed=1))


@pytest.fixture(scope="module")
def headers(written: Written) -> List[pydicom.Dataset]:
    files = sorted(written.folder.rglob("*.dcm"))
    return [pydicom.dcmread(path, stop_before_pixels=True) for path in files]


def test_patient_shows_what_a_demonstration_needs(written: Written) -> None:
    case = written.reading.case
    assert [t.name for t in case.time_points] == ["BL", "1F", "2F"]
    lesions = [s for s in case.lesions if s.kind != "new"]
    assert len(lesions) >= 3
    assert len({s.organ for s in lesions}) >= 2
    assert len(case.markers) == 3
    assert case.synthetic
    assert case.outcome is None


def test_three_studies_of_two_series_of_48_slices(headers: List[pydicom.Dataset]) -> None:
    series: Dict[str, int] = {}
    for header in headers:
        series[header.SeriesInstanceUID] = series.get(header.SeriesInstanceUID, 0) + 1
    assert sorted(series.values()) == [48] * 6
    assert len({h.StudyInstanceUID for h in headers}) == 3
    assert len({h.SOPInstanceUID for h in headers}) == len(headers) == 288
    assert len({(h.PatientID, str(h.PatientName)) for h in headers}) == 1


def test_files_have_all_type_1_and_type_2_attributes(written: Written) -> None:
    for path in sorted(written.folder.rglob("*.dcm"))[::37]:
        dataset = pydicom.dcmread(path)
        assert all(dataset.get(name) not in (None, "") for name in TYPE_1)
        assert all(name in dataset for name in TYPE_2)
        assert dataset.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID
        assert dataset.file_meta.MediaStorageSOPClassUID == dataset.SOPClassUID == "1.2.840.10008.5.1.4.1.1.2"
        for name in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
            assert UID(dataset[name].value).is_valid
        for name in ("ImagePositionPatient", "PixelSpacing"):
            assert all(len(str(v)) <= 16 for v in dataset[name].value)
        assert dataset.pixel_array.shape == (dataset.Rows, dataset.Columns) == (256, 256)


def test_headers_say_synthetic_and_name_nobody(headers: List[pydicom.Dataset]) -> None:
    for header in headers:
        assert str(header.PatientName).startswith("PHANTOM^SYNTHETIC")
        assert header.PatientID.startswith("PHANTOM-")
        assert "SYNTHETIC" in header.SeriesDescription
        assert "SYNTHETIC" in header.StudyDescription
        assert header.QualityControlImage == "YES"


def test_slices_are_numbered_from_the_head(headers: List[pydicom.Dataset]) -> None:
    one = [h for h in headers if h.SeriesInstanceUID == headers[0].SeriesInstanceUID]
    ordered = sorted(one, key=lambda h: h.InstanceNumber)
    z = [float(h.ImagePositionPatient[2]) for h in ordered]
    assert np.allclose(np.diff(z), -5.0)


def test_pairing_finds_time_points_and_phases_from_the_headers_alone(written: Written) -> None:
    (patient,) = pair(scan_folder(written.folder))
    case = written.reading.case
    assert [(p.name, p.day) for p in patient.time_points] == [(t.name, t.day) for t in case.time_points]
    for point in patient.time_points:
        found = {phase: series.series_uid for phase, series in point.phases.items() if series}
        assert found == written.reading.sources[point.name]
    assert patient.warnings == ()


@pytest.mark.parametrize("phase", ["arterial", "venous"])
def test_descriptions_name_their_phase_in_both_languages(phase: str) -> None:
    for language in ("en", "zh"):
        assert named_phases(DESCRIPTIONS[language][phase]) == {phase}  # type: ignore[index]


def test_simpleitk_reads_the_same_hounsfield_units(written: Written) -> None:
    folder = written.folder / "study1" / "series3"
    image = SimpleITK.ReadImage(SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder)))
    volumes = open_sources(
        SourcedCase(written.reading.case, written.reading.sources), written.folder, lambda: scan_folder(written.folder)
    )
    ours = volumes["BL"]["venous"]
    assert np.array_equal(SimpleITK.GetArrayFromImage(image), ours.read_slices(range(48)))
    assert np.allclose(image.GetOrigin(), ours.geometry.origins_mm[0])
    assert image.GetSpacing() == pytest.approx((1.5, 1.5, 5.0))


def test_boxes_lie_on_the_lesions_they_were_drawn_on(written: Written) -> None:
    """Diameters in the case match what the pixels show: nodes in fat are cut out by a threshold."""
    reading = write_patient_like(written, organ="Lymph node")
    case, rois = reading
    checked = 0
    for roi in rois:
        lesion = case.lesion(roi.lesion_id)
        observation = lesion.at(roi.time_point)
        if lesion.organ != "Lymph node" or roi.phase != "venous" or observation is None or lesion.box_size_mm is None:
            continue
        rows, columns = roi.hu.shape[1:]
        assert roi.hu[1, rows // 2, columns // 2] > -40
        spacing = roi.place.spacing_mm[0]
        center = np.array(roi.place.origin_mm[:2]) + spacing * np.array([(columns - 1) / 2, (rows - 1) / 2])
        assert np.abs(center - observation.box_centers_mm["venous"][:2]).max() <= spacing
        checked += 1
    assert checked


def write_patient_like(written: Written, organ: str) -> tuple:  # type: ignore[type-arg]
    case: Case = written.reading.case
    assert organ in [s.organ for s in case.lesions]
    volumes = open_sources(
        SourcedCase(case, written.reading.sources), written.folder, lambda: scan_folder(written.folder)
    )
    return case, cut_case(case, volumes)


def test_case_json_is_what_her2_crop_reads(written: Written, tmp_path: Path) -> None:
    path = tmp_path / "CASE.json"
    path.write_text(json.dumps(written.reading.to_json()), encoding="utf-8")
    sourced = read_sourced_case(path)
    assert sourced.case == written.reading.case
    assert sourced.sources == written.reading.sources


def test_same_seed_writes_the_same_files(written: Written, tmp_path: Path) -> None:
    patient = demonstration_patient(1)
    again = write_patient_dicom(tmp_path, patient, with_outcome=False)
    assert again == written.reading
    for name in ("study1/series2/IM0001.dcm", "study3/series3/IM0030.dcm"):
        assert (tmp_path / name).read_bytes() == (written.folder / name).read_bytes()


def test_dicom_cohort_holds_files_and_bundles_cut_from_them(tmp_path: Path) -> None:
    cohort = write_phantom_dicom_cohort(tmp_path / "c", 3, {"external": 1})
    (bundle,) = cohort.bundles()
    place = cohort.path / "dicom" / bundle.case.case_id
    sourced = read_sourced_case(place / "CASE.json")
    assert sourced.case == bundle.case
    assert bundle.case.outcome is not None
    assert len(bundle.rois) == len(bundle.case.roi_keys) > 0
    assert cohort.header.level == "dicom"
    assert (tmp_path / "c.truth" / "truth.csv").is_file()


def test_slices_survive_the_round_trip_and_clip_to_12_bits(tmp_path: Path) -> None:
    geometry = Geometry(
        np.array([[-1.0, -2.0, 3.0], [-1.0, -2.0, 5.5]]), np.array([0.75, 0, 0]), np.array([0, 0.75, 0]), 2, 3, 2.5
    )
    label = SeriesLabel(
        PatientLabel("PHANTOM^SYNTHETIC", "X"),
        uid_of(1),
        uid_of(2),
        uid_of(3),
        day(),
        3661,
        None,
        1,
        "d",
        "s",
        "p",
        "x",
    )
    hu = np.array([[[-1024, 0, 100], [3071, 4000, -2000]], [[1, 2, 3], [4, 5, 6]]], np.int16)
    write_slices(tmp_path, label, geometry, 0, hu)
    lower = pydicom.dcmread(tmp_path / "IM0002.dcm")
    assert [float(v) for v in lower.ImagePositionPatient] == [-1.0, -2.0, 3.0]
    assert (lower.pixel_array.astype(int) - 1024).tolist() == [[-1024, 0, 100], [3071, 3071, -1024]]
    assert lower.AcquisitionTime == "010101"
    assert "ContrastBolusAgent" not in lower


def day():  # type: ignore[no-untyped-def]
    from datetime import date

    return date(2021, 3, 1)


def test_uids_depend_on_their_parts_only() -> None:
    assert uid_of("a", 1) == uid_of("a", 1) != uid_of("a", 2)
    assert len(uid_of("a", 1)) <= 64
