"""All ROIs of a case: order, windows, one read per volume, errors that name the lesion."""

from __future__ import annotations

from typing import Any, List, Sequence

import pytest

from her2_core.case import Case, Lesion, Observation, TimePoint
from her2_core.errors import ImagingError
from her2_core.imaging import cut_case
from support.ct_volumes import numbered, upright

pytestmark = pytest.mark.light

CASE = Case(
    case_id="A" * 26,
    time_points=(TimePoint("BL", 0), TimePoint("1F", 60)),
    lesions=(
        Lesion(
            "P",
            "primary",
            "Stomach",
            (8.0, 6.0),
            (
                Observation("BL", box_centers_mm={"arterial": (12.0, 11.0, 10.0), "venous": (12.0, 11.0, 5.0)}),
                Observation("1F", box_centers_mm={"venous": (13.0, 11.0, 10.0)}),
            ),
        ),
        Lesion("Lu", "target", "Lung", (8.0, 8.0), (Observation("BL", box_centers_mm={"venous": (1.0, 11.0, 10.0)}),)),
    ),
)


class Counted:
    def __init__(self, add: int) -> None:
        self.inner = upright(numbered(5, 25, 28) + add)
        self.geometry = self.inner.geometry
        self.reads: List[List[int]] = []

    def read_slices(self, indices: Sequence[int]) -> Any:
        self.reads.append(list(indices))
        return self.inner.read_slices(indices)


def volumes() -> Any:
    return {"BL": {"arterial": Counted(0), "venous": Counted(1)}, "1F": {"venous": Counted(2)}}


def test_rois_follow_the_keys_of_the_case_and_carry_their_own_window() -> None:
    rois = cut_case(CASE, volumes())
    assert [roi.identity for roi in rois] == [
        ("P", "BL", "arterial"),
        ("P", "BL", "venous"),
        ("P", "1F", "venous"),
        ("Lu", "BL", "venous"),
    ]
    assert [int(roi.hu[1, 0, 0]) for roi in rois[:3]] == [12216, 11217, 12219]
    assert rois[3].hu[1, 0, 0] == -1150  # beyond the image, lung window
    assert rois[3].notes == ("outside_image",)


def test_every_volume_is_read_once_and_only_where_needed() -> None:
    given = volumes()
    cut_case(CASE, given)
    assert given["BL"]["arterial"].reads == [[1, 2, 3]]
    assert given["BL"]["venous"].reads == [[0, 1, 2, 3]]


def test_missing_volume_names_lesion_time_point_and_phase() -> None:
    given = volumes()
    del given["1F"]
    with pytest.raises(ImagingError, match="lesion P, 1F venous: a box was drawn, but there is no series"):
        cut_case(CASE, given)


def test_box_off_the_volume_names_lesion_time_point_and_phase() -> None:
    given = volumes()
    given["1F"]["venous"] = upright(numbered(5, 25, 28), origin=(0, 0, 500))
    with pytest.raises(ImagingError, match="lesion P, 1F venous: the box lies outside the volume"):
        cut_case(CASE, given)
