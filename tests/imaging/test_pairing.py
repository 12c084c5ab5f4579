"""Studies to time points; patients are never mixed."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, List, Optional

import pytest

from her2_core.imaging import PairedPatient, pair, scan_folder
from support.dicom_files import uid, write_series

pytestmark = pytest.mark.light


def study(folder: Path, day: str, patient: str = "P1", description: str = "门静脉期", **tags: Any) -> None:
    name = f"{patient}-{day}-{description}"
    write_series(folder / name, name=name, PatientID=patient, StudyDate=day, SeriesDescription=description, **{
        "PatientName": f"Name^{patient}", **tags})  # fmt: skip


def paired(folder: Path, therapy_start: Optional[date] = None) -> List[PairedPatient]:
    return pair(scan_folder(folder), therapy_start)


def course(patient: PairedPatient) -> List[Any]:
    return [(point.name, point.day) for point in patient.time_points]


def test_studies_become_time_points_by_date(tmp_path: Path) -> None:
    for day in ("20200301", "20200101", "20200415"):
        study(tmp_path, day)
    (patient,) = paired(tmp_path)
    assert course(patient) == [("BL", 0), ("1F", 60), ("2F", 105)]
    assert patient.time_points[0].date == date(2020, 1, 1)
    assert patient.warnings == ()


def test_baseline_is_the_last_study_on_or_before_the_start_of_therapy(tmp_path: Path) -> None:
    for day in ("20191101", "20200110", "20200201", "20200301"):
        study(tmp_path, day)
    (patient,) = paired(tmp_path, date(2020, 2, 1))
    assert course(patient) == [("BL", 0), ("1F", 29)]
    assert [(item.what, item.reason) for item in patient.set_aside] == [
        ("study of 2019-11-01 (1 series)", "before the baseline of 2020-02-01"),
        ("study of 2020-01-10 (1 series)", "before the baseline of 2020-02-01"),
    ]


@pytest.mark.parametrize(("start", "warned"), [(date(2020, 1, 29), False), (date(2020, 1, 30), True)])
def test_baseline_more_than_28_days_before_therapy_is_warned_about(tmp_path: Path, start: date, warned: bool) -> None:
    study(tmp_path, "20200101")
    (patient,) = paired(tmp_path, start)
    assert any("baseline is 29 days before the start of therapy" in w for w in patient.warnings) == warned


def test_without_a_study_before_therapy_the_first_one_is_baseline_with_a_warning(tmp_path: Path) -> None:
    study(tmp_path, "20200111")
    study(tmp_path, "20200211")
    (patient,) = paired(tmp_path, date(2020, 1, 1))
    assert course(patient) == [("BL", 0), ("1F", 31)]
    assert patient.warnings == ("no study on or before the start of therapy; baseline is 10 days after it",)


def test_a_fifth_follow_up_is_listed_and_warned_about(tmp_path: Path) -> None:
    for month in range(1, 7):
        study(tmp_path, f"2020{month:02d}01")
    (patient,) = paired(tmp_path)
    assert [name for name, _ in course(patient)] == ["BL", "1F", "2F", "3F", "4F"]
    assert "study of 2020-06-01 not used: at most 4 follow-ups" in patient.warnings
    assert patient.set_aside[0].what == "study of 2020-06-01 (1 series)"


def test_studies_of_one_date_are_one_time_point_with_both_phases(tmp_path: Path) -> None:
    study(tmp_path, "20200101", StudyInstanceUID=uid("x"))
    study(tmp_path, "20200101", description="动脉期", StudyInstanceUID=uid("y"))
    (patient,) = paired(tmp_path)
    (point,) = patient.time_points
    assert {phase: series and series.description for phase, series in point.phases.items()} == {
        "arterial": "动脉期",
        "venous": "门静脉期",
    }
    assert '"动脉期", 5 slices of 5 mm: arterial: series description "动脉期"' in point.reasons


def test_unknown_and_other_phases_are_unassigned_with_a_warning(tmp_path: Path) -> None:
    study(tmp_path, "20200101", description="5mm")
    study(tmp_path, "20200101", description="平扫")
    (patient,) = paired(tmp_path)
    (point,) = patient.time_points
    assert sorted(s.description for s in point.unassigned) == ["5mm", "平扫"]
    assert set(point.phases.values()) == {None}
    assert "BL: no arterial or venous series recognised; assign the phase by hand" in patient.warnings


def test_second_series_of_a_phase_is_an_alternative(tmp_path: Path) -> None:
    study(tmp_path, "20200101", description="门静脉期", ConvolutionKernel="STANDARD")
    study(tmp_path, "20200101", description="门静脉期 肺窗", ConvolutionKernel="LUNG")
    (patient,) = paired(tmp_path)
    (point,) = patient.time_points
    assert point.phases["venous"] is not None
    assert point.phases["venous"].kernel == "STANDARD"
    assert [s.kernel for s in point.alternatives] == ["LUNG"]
    assert any("softer kernel" in reason for reason in point.reasons)


def test_one_slice_series_still_pair_with_a_warning(tmp_path: Path) -> None:
    study(tmp_path, "20200101", positions=[0])
    (patient,) = paired(tmp_path)
    assert course(patient) == [("BL", 0)]
    assert 'BL: "门静脉期", 1 slice of 5 mm: only one slice' in patient.warnings


@pytest.mark.filterwarnings("ignore:Invalid value")
@pytest.mark.parametrize("day", ["", "20201301", "yesterday"])
def test_a_study_without_a_valid_date_is_set_aside(tmp_path: Path, day: str) -> None:
    study(tmp_path, "20200101")
    write_series(tmp_path / "odd", name="odd", StudyDate=day, StudyInstanceUID=uid("odd"), PatientName="Name^P1")
    (patient,) = paired(tmp_path)
    assert course(patient) == [("BL", 0)]
    assert [item.reason for item in patient.set_aside] == ["no valid study date (0008,0020)"]


def test_same_name_with_another_id_stops_both_and_no_others(tmp_path: Path) -> None:
    study(tmp_path, "20200101", "A", PatientName="Li^Wei")
    study(tmp_path, "20200201", "B", PatientName="LI^ WEI")
    study(tmp_path, "20200101", "C")
    first, second, third = paired(tmp_path)
    assert (first.stopped, second.stopped, third.stopped) == (True, True, False)
    assert first.time_points == ()
    assert "same name as patient B, but another id" in first.warnings[0]
    assert "same name as patient A, but another id" in second.warnings[0]
    assert course(third) == [("BL", 0)]


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        ({"PatientBirthDate": "19500101"}, {"PatientBirthDate": "19510101"}, "2 birth dates"),
        ({"PatientSex": "M"}, {"PatientSex": "F"}, "2 sexes"),
    ],
)
def test_same_id_with_another_birth_date_or_sex_stops_that_patient_only(
    tmp_path: Path, one: Any, other: Any, message: str
) -> None:
    study(tmp_path, "20200101", **one)
    study(tmp_path, "20200201", **other)
    study(tmp_path, "20200101", "P2")
    first, second = paired(tmp_path)
    assert first.stopped
    assert message in first.warnings[0]
    assert course(second) == [("BL", 0)]


def test_conflict_in_a_series_that_is_set_aside_counts_too(tmp_path: Path) -> None:
    study(tmp_path, "20200101", PatientSex="M")
    study(tmp_path, "20200201", PatientSex="F", description="scout")
    (patient,) = paired(tmp_path)
    assert patient.stopped


def test_empty_fields_are_no_conflict(tmp_path: Path) -> None:
    study(tmp_path, "20200101", PatientBirthDate="19500101", PatientSex="M")
    study(tmp_path, "20200201", PatientBirthDate="", PatientSex="", PatientName="")
    study(tmp_path, "20200101", "P2", PatientName="")
    study(tmp_path, "20200101", "P3", PatientName="")
    assert [patient.stopped for patient in paired(tmp_path)] == [False, False, False]


def test_another_name_under_the_same_id_is_a_warning(tmp_path: Path) -> None:
    study(tmp_path, "20200101", PatientName="Smith^Ann")
    study(tmp_path, "20200201", PatientName="Jones^Ann")
    (patient,) = paired(tmp_path)
    assert course(patient) == [("BL", 0), ("1F", 31)]
    assert "the name is written in different ways under this id" in patient.warnings


def test_one_id_from_two_hospitals_is_two_patients(tmp_path: Path) -> None:
    study(tmp_path, "20200101", IssuerOfPatientID="H1", PatientName="A")
    study(tmp_path, "20200201", IssuerOfPatientID="H2", PatientName="B", description="静脉期")
    assert [(p.patient, p.issuer, len(p.time_points)) for p in paired(tmp_path)] == [("P1", "H1", 1), ("P1", "H2", 1)]


def test_real_pairs_are_baseline_and_first_follow_up(shared_data: Path) -> None:
    found = paired(shared_data / "study_pairs")
    assert {p.patient: [d for _, d in course(p)] for p in found} == {
        "A002304": [0, 12],
        "A027284": [0, 97],
        "A046441": [0, 51],
        "A048383": [0, 100],
        "A056642": [0, 9],
        "A058062": [0, 8],
    }
    assert not any(p.stopped for p in found)
    assert all(point.phases == {"arterial": None, "venous": None} for p in found for point in p.time_points)


def test_real_odd_files_pair_what_can_be_paired(shared_data: Path) -> None:
    found = {p.patient: p for p in paired(shared_data / "odd_dicom")}
    assert course(found["JXD191021006"]) == [("BL", 0)]
    assert found["Z-Missing-Slices-Lymphoma"].time_points == ()
    assert found["Z-Missing-Slices-Lymphoma"].set_aside[0].reason == "no valid study date (0008,0020)"
    assert any(item.reason == "a localizer" for item in found["98890234"].set_aside)
    assert found["4MR1"].warnings == ("no usable CT",)
    assert not found[""].time_points
