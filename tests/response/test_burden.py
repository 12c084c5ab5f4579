from __future__ import annotations

import math

import pytest

from her2_core.case import Lesion, Observation
from her2_core.response.burden import area_mm2, tumour_burden
from support.measured import case, lesion

pytestmark = pytest.mark.light


def test_area_is_the_ellipse_of_both_diameters() -> None:
    assert area_mm2(Observation("BL", long_mm=20, short_mm=10)) == pytest.approx(157.0796327)


def test_a_contour_goes_before_the_diameters() -> None:
    assert area_mm2(Observation("BL", long_mm=20, short_mm=10, area_mm2=150)) == 150


def test_states_have_areas_of_their_own() -> None:
    assert area_mm2(Observation("1F", "too small")) == pytest.approx(19.6349541)
    assert area_mm2(Observation("1F", "not visible")) == 0
    assert area_mm2(Observation("1F", "not evaluable", long_mm=20, short_mm=10)) is None
    assert area_mm2(Observation("1F", long_mm=20)) is None
    assert area_mm2(None) is None


def test_change_is_that_of_the_summed_area_to_the_second_follow_up() -> None:
    first = lesion("A", "Liver", (20.0, 10.0), (20.0, 10.0), (10.0, 10.0), (40.0, 40.0))
    second = lesion("B", "Lymph node", (30.0, 20.0), (30.0, 20.0), (20.0, 20.0), (40.0, 40.0))
    burden = tumour_burden(case(first, second, times=4))
    # 200 + 600 -> 100 + 400, in units of pi/4 mm^2
    assert burden.change_percent == pytest.approx(-37.5)
    assert burden.follow_up == "2F"
    assert burden.area_mm2["1F"] == pytest.approx(math.pi / 4 * 800)


def test_change_is_to_the_first_follow_up_if_there_is_no_second() -> None:
    burden = tumour_burden(case(lesion("A", "Liver", (20.0, 10.0), (20.0, 15.0)), times=2))
    assert burden.change_percent == pytest.approx(50)
    assert burden.follow_up == "1F"


def test_primary_and_new_lesions_do_not_count() -> None:
    stomach = lesion("P", "Stomach", (60.0, 60.0), (90.0, 90.0), kind="primary")
    new = lesion("X", "Liver", None, (30.0, 30.0), kind="new")
    burden = tumour_burden(case(stomach, new, lesion("A", "Liver", (20.0, 10.0), (20.0, 10.0)), times=2))
    assert burden.change_percent == 0


def target(*seen: Observation) -> Lesion:
    return Lesion("A", "target", "Liver", None, seen)


@pytest.mark.parametrize(
    ("lesions", "times", "reason"),
    [
        ([target(Observation("BL", area_mm2=100))], 1, "only the baseline examination is given"),
        ([], 3, "no target lesion"),
        ([target(Observation("BL", area_mm2=100), Observation("1F", area_mm2=100))], 3, "2F: A without both"),
        ([target(Observation("BL", long_mm=10), Observation("1F", area_mm2=100))], 2, "BL: A without both"),
        ([target(Observation("BL", "not visible"), Observation("1F", area_mm2=9))], 2, "the area at baseline is 0"),
    ],
)
def test_no_change_is_given_with_a_reason(lesions: list[Lesion], times: int, reason: str) -> None:
    burden = tumour_burden(case(*lesions, times=times))
    assert burden.change_percent is None
    assert burden.reason is not None
    assert burden.reason.startswith(reason)
