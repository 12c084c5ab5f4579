"""The vocabulary: what is a valid case, which objects and ROIs follow from it, strict JSON."""

from __future__ import annotations

import json
import math
from typing import Any, Tuple

import pytest

from her2_core.case import Case, Lesion, TimePoint
from her2_core.errors import CaseError
from support import cases

pytestmark = pytest.mark.light

WRONG: Tuple[Tuple[str, Any, str], ...] = (
    ("case_id", "abc", "case.case_id: must be 26 characters"),
    ("case_id", ..., "case: key 'case_id' is missing"),
    ("patient_name", "X", "case: unknown key 'patient_name'"),
    ("time_points.0.day", 1, "baseline is day 0, not 1"),
    ("time_points.1.day", 0, "days must increase"),
    ("time_points.1.day", 45.0, "case.time_points[1].day: must be a whole number, not a number"),
    ("time_points.1.day", True, "case.time_points[1].day: must be a whole number, not true or false"),
    ("time_points.1.name", "2F", "must be BL, then 1F, 2F"),
    ("time_points", [], "must be BL, then 1F"),
    ("lesions.0.organ", "Brain", "case.lesions[0].organ: must be one of Stomach"),
    ("lesions.0.organ", "Liver", "case.lesions[0].organ: the primary tumour is in the Stomach"),
    ("lesions.1.organ", "Stomach", "a stomach lesion is never a target"),
    ("lesions.1.lesion_id", "P", "two lesions share an id"),
    ("lesions.1.lesion_id", "../../etc", "case.lesions[1].lesion_id: must be 1-32 letters"),
    ("lesions.1.kind", "primary", "the primary tumour is in the Stomach"),
    ("lesions.1.box_size_mm", None, "case.lesions[1].box_size_mm: a box needs its size"),
    ("lesions.1.box_size_mm", [30.0], "case.lesions[1].box_size_mm: must have 2 values, not 1"),
    ("lesions.1.box_size_mm", [30.0, -1.0], "must lie between 0.1 and 600"),
    ("lesions.1.observations.0.time_point", "3F", "time points repeat or are out of order"),
    ("lesions.1.observations.2.time_point", "4F", "time point 4F is not one of this case"),
    ("lesions.1.observations.0.long_mm", math.nan, "case.lesions[1].observations[0].long_mm: must be a finite number"),
    ("lesions.1.observations.0.long_mm", "20", "must be a number, not a text"),
    ("lesions.1.observations.0.long_mm", 10.0, "short axis 15.5 mm is longer than the long axis 10 mm"),
    ("lesions.1.observations.0.box_centers_mm.venous", [1e300, 0.0, 0.0], "must lie between -10000 and 10000"),
    ("lesions.1.observations.0.box_centers_mm", {"portal": [0.0, 0.0, 0.0]}, "must be one of arterial, venous"),
    ("lesions.3.observations.0.time_point", "BL", "a new lesion cannot have a baseline observation"),
    ("markers.1.time_point", "BL", "two marker panels for one time point"),
    ("markers.0.values.CEA", -1.0, "must lie between 0"),
    ("clinical.sex", "m", "case.clinical.sex: must be one of male, female"),
    ("outcome.os_days", 0, "case.outcome.os_days: must lie between 1"),
    ("outcome.death_observed", 1, "case.outcome.death_observed: must be true or false"),
    ("therapy_start_day", 10**30, "must lie between"),
    ("lesions.0.observations.0.long_mm", 10**400, "must be a finite number"),
)


@pytest.mark.parametrize(("path", "value", "message"), WRONG)
def test_wrong_json_is_refused_with_the_exact_place(path: str, value: Any, message: str) -> None:
    wrong = cases.changed(cases.full_case().to_json(), path, value)
    with pytest.raises(CaseError) as caught:
        Case.from_json(wrong)
    assert message in str(caught.value)


@pytest.mark.parametrize("value", [None, [], "case", 3])
def test_a_case_must_be_an_object(value: Any) -> None:
    with pytest.raises(CaseError, match="case: must be an object"):
        Case.from_json(value)


def test_json_round_trip_keeps_everything() -> None:
    case = cases.full_case()
    assert Case.from_json(json.loads(json.dumps(case.to_json()))) == case


def test_each_lesion_gives_one_object_per_phase_but_liver_and_lung_one() -> None:
    case = cases.case(
        cases.primary(),
        cases.lesion("N"),
        cases.lesion("H", organ="Liver"),
        cases.lesion("M", organ="Lung"),
        cases.lesion("X", "new", "Bone", times=("1F",)),
    )
    assert [(o.lesion_id, o.phase) for o in case.objects] == [
        ("P", "arterial"),
        ("P", "venous"),
        ("N", "arterial"),
        ("N", "venous"),
        ("H", "venous"),
        ("M", "venous"),
    ]


def test_a_liver_lesion_boxed_in_the_arterial_phase_only_is_no_object() -> None:
    assert cases.case(cases.lesion("H", organ="Liver", phases=("arterial",))).objects == ()


def test_object_count_reproduces_the_box_counts_of_table_1() -> None:
    """Paper, Table 1, external cohort: 146 lesions, 50 in the liver, 3 in the lung, 239 boxes at baseline."""
    organs = ["Liver"] * 50 + ["Lung"] * 3 + ["Lymph node"] * (146 - 50 - 3)
    boxes = sum(len(cases.case(cases.lesion(organ=organ)).objects) for organ in organs)
    assert boxes == 239


def test_lung_falls_back_to_the_other_phase_at_a_time_point_without_venous() -> None:
    venous = cases.observation("BL")
    arterial = cases.observation("1F", ("arterial",))
    lung = Lesion("M", "target", "Lung", (30.0, 24.0), (venous, arterial))
    assert [(k.time_point, k.phase) for k in cases.case(lung).roi_keys] == [("BL", "venous"), ("1F", "arterial")]


def test_a_follow_up_box_in_a_phase_not_boxed_at_baseline_is_not_cut() -> None:
    node = Lesion(
        "N", "target", "Lymph node", (30.0, 24.0), (cases.observation("BL", ("venous",)), cases.observation("1F"))
    )
    assert [(k.time_point, k.phase) for k in cases.case(node).roi_keys] == [("BL", "venous"), ("1F", "venous")]


def test_at_most_one_primary_and_five_targets() -> None:
    with pytest.raises(CaseError, match="more than one primary"):
        cases.case(cases.primary(), cases.lesion("P2", "primary", "Stomach"))
    with pytest.raises(CaseError, match="more than 5 target"):
        cases.case(*(cases.lesion(f"L{i}") for i in range(6)))


def test_time_points_have_no_gap() -> None:
    with pytest.raises(CaseError, match="without a gap"):
        Case(cases.CASE_ID, (TimePoint("BL", 0), TimePoint("2F", 90)))
