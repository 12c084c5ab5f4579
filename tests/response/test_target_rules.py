from __future__ import annotations

from typing import Any

import pytest

from her2_core.response.target_rules import target_rule_problems
from support.measured import Size, case, lesion

pytestmark = pytest.mark.light


def problems(organ: str, size: Size, thickness: Any = None) -> list[str]:
    return target_rule_problems(case(lesion("L", organ, size), thickness=thickness))


def test_targets_of_sufficient_size_raise_no_remark() -> None:
    assert problems("Liver", 10.0) == []
    assert problems("Lymph node", (30.0, 15.0)) == []


def test_a_small_lesion_is_told_in_words() -> None:
    assert problems("Liver", 9.9) == ["L (Liver): long axis 9.9 mm at baseline; a target needs at least 10 mm."]


def test_a_node_needs_15_mm_in_its_short_axis() -> None:
    found = problems("Lymph node", (40.0, 14.0))
    assert found == ["L (Lymph node): short axis 14 mm at baseline; a target needs at least 15 mm."]


@pytest.mark.parametrize(("size", "thickness", "ok"), [(10, 5, True), (14.9, 7.5, False), (15, 7.5, True)])
def test_slices_thicker_than_5_mm_ask_for_twice_the_thickness(size: float, thickness: float, ok: bool) -> None:
    found = problems("Liver", size, thickness)
    assert (not found) is ok
    assert ok or found[0].endswith("at least 15 mm (slices of 7.5 mm).")


def test_more_than_two_per_organ_are_told_and_all_nodes_count_as_one() -> None:
    nodes = [lesion(f"N{i}", "Lymph node", (30.0, 20.0)) for i in range(3)]
    lungs = [lesion(f"U{i}", "Lung", 20.0) for i in range(2)]
    found = target_rule_problems(case(*nodes, *lungs))
    assert found == ["Lymph node: 3 targets; RECIST 1.1 allows 2 per organ (all lymph nodes count as one organ)."]


def test_lesions_of_other_organs_are_not_counted_against_each_other() -> None:
    assert target_rule_problems(case(*[lesion(f"O{i}", "Other", 20.0) for i in range(4)])) == []


@pytest.mark.parametrize(
    ("size", "message"),
    [
        (None, "L (Liver): not observed at baseline"),
        ("too small", "L (Liver): too small at baseline"),
        ("not evaluable", "L (Liver): not evaluable at baseline"),
    ],
)
def test_a_target_must_be_measured_at_baseline(size: Size, message: str) -> None:
    found = problems("Liver", size)
    assert len(found) == 1
    assert found[0].startswith(message)


def test_a_node_without_its_short_axis_is_told() -> None:
    assert problems("Lymph node", 30.0) == ["L (Lymph node): no short axis at baseline; measure it."]


def test_primary_and_new_lesions_are_no_targets() -> None:
    stomach = lesion("P", "Stomach", 5.0, kind="primary")
    new = lesion("X", "Liver", None, 5.0, kind="new")
    assert target_rule_problems(case(stomach, new)) == [
        "No target lesion: RECIST sum and tumour burden cannot be given."
    ]
