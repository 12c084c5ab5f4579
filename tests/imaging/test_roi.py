"""Region, neighbours, borders and orientation of the ROI cut."""

from __future__ import annotations

import math
from itertools import permutations
from typing import Any, List, Sequence, Tuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from her2_core.errors import ImagingError
from her2_core.imaging import OUTSIDE, ArrayVolume, Geometry, cut_roi
from her2_core.roi import BODY_WINDOW, LUNG_WINDOW, Place
from support.ct_volumes import affine_of, numbered, upright

pytestmark = pytest.mark.light


def test_roi_is_every_pixel_whose_centre_lies_in_the_box_enlarged_by_half() -> None:
    volume = upright(numbered(5, 25, 28), origin=(-10, -20, 100))
    # box 8 x 6 mm about pixel column 12, row 11 of slice 2 -> reach 6 and 4.5 mm -> columns 6..18, rows 7..15
    hu, place, notes = cut_roi(volume, (2.0, -9.0, 110.0), (8.0, 6.0), BODY_WINDOW)
    assert hu.shape == (3, 9, 13)
    assert hu.dtype == np.int16
    assert hu[1, 0, 0] == 10000 + 2000 + 30 * 7 + 6
    assert (hu[0] == numbered(5, 25, 28)[1, 7:16, 6:19]).all()
    assert (hu[2] == numbered(5, 25, 28)[3, 7:16, 6:19]).all()
    assert place == Place((-4.0, -13.0, 110.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 5.0), 9, 13)
    assert notes == ()


@pytest.mark.parametrize(("width", "columns"), [(8.0, 13), (8.0 - 1e-7, 13), (8.0 - 1e-5, 11)])
def test_enlarged_box_is_closed_with_a_tolerance_of_a_millionth_millimetre(width: float, columns: int) -> None:
    volume = upright(numbered(3, 25, 28))
    hu, _, _ = cut_roi(volume, (13.0, 12.0, 5.0), (width, 8.0), BODY_WINDOW)
    assert hu.shape == (3, 13, columns)


def test_tiny_box_still_gives_eight_pixels_a_side_about_its_centre() -> None:
    hu, place, _ = cut_roi(upright(numbered(3, 25, 28)), (13.2, 12.7, 5.0), (0.5, 0.5), BODY_WINDOW)
    assert hu.shape == (3, 8, 8)
    assert place.origin_mm == (10.0, 9.0, 5.0)  # columns 10..17 about 13.2, rows 9..16 about 12.7


def test_anisotropic_pixels_keep_their_native_grid() -> None:
    volume = upright(numbered(3, 25, 28), spacing=(3.0, 2.0, 0.5))
    hu, place, _ = cut_roi(volume, (7.0, 24.0, 3.0), (4.0, 16.0), BODY_WINDOW)
    # reach 3 mm = 6 columns about column 14; 12 mm = 6 rows about row 12
    assert hu.shape == (3, 13, 13)
    assert hu[1, 0, 0] == 10000 + 1000 + 30 * 6 + 8
    assert place.spacing_mm == (2.0, 0.5)


@pytest.mark.parametrize(("z", "expected"), [(-2.4, (0, 0, 1)), (22.4, (3, 4, 4))])
def test_last_slice_repeats_at_the_end_of_the_volume_and_a_note_says_so(z: float, expected: Tuple[int, ...]) -> None:
    hu, _, notes = cut_roi(upright(numbered(5, 25, 28)), (13.0, 12.0, z), (8.0, 8.0), BODY_WINDOW)
    assert tuple((hu[:, 0, 0] - 10000) // 1000) == expected
    assert notes == ("end_of_volume",)


def test_single_slice_repeats_on_both_sides() -> None:
    hu, place, notes = cut_roi(upright(numbered(1, 25, 28)), (13.0, 12.0, 0.0), (8.0, 8.0), BODY_WINDOW)
    assert (hu == hu[0]).all()
    assert notes == ("end_of_volume",)
    assert place.slice_step_mm == (0.0, 0.0, 1.0)


@pytest.mark.parametrize("z", [-2.6, 22.6, float("nan")])
def test_box_more_than_half_a_slice_outside_is_refused(z: float) -> None:
    with pytest.raises(ImagingError, match=r"box"):
        cut_roi(upright(numbered(5, 25, 28)), (13.0, 12.0, z), (8.0, 8.0), BODY_WINDOW)


@pytest.mark.parametrize(("x", "y"), [(-20, 12), (13, -30), (60, 12), (13, 70)])
def test_box_beside_the_image_is_refused(x: float, y: float) -> None:
    with pytest.raises(ImagingError, match="outside the image"):
        cut_roi(upright(numbered(5, 25, 28)), (x, y, 10.0), (8.0, 8.0), BODY_WINDOW)


@pytest.mark.parametrize(("window", "filled"), [(BODY_WINDOW, -125), (LUNG_WINDOW, -1150)])
def test_outside_the_image_is_the_lower_end_of_the_window(window: Any, filled: int) -> None:
    hu, place, notes = cut_roi(upright(numbered(3, 25, 28)), (1.0, 23.0, 5.0), (8.0, 8.0), window)
    assert place.origin_mm == (-5.0, 17.0, 5.0)
    assert (hu[:, :, :5] == filled).all()  # columns -5..-1
    assert (hu[:, 8:, :] == filled).all()  # rows 25..29
    assert hu[1, 0, 5] == 10000 + 1000 + 30 * 17
    assert notes == ("outside_image",)


def test_unmeasured_pixels_become_the_lower_end_of_the_window() -> None:
    hu = numbered(3, 25, 28)
    hu[:, :, :12] = OUTSIDE
    cut, _, notes = cut_roi(upright(hu), (13.0, 12.0, 5.0), (8.0, 8.0), BODY_WINDOW)
    assert (cut[:, :, :5] == -125).all()
    assert (cut[:, :, 5:] > 9000).all()
    assert notes == ("outside_image",)


class Uneven:
    """A volume whose slices lie where they are told."""

    def __init__(self, origins: Sequence[Sequence[float]], rows: int = 25, columns: int = 28) -> None:
        left, back = np.array([1.0, 0, 0]), np.array([0, 1.0, 0])
        self.geometry = Geometry(np.array(origins, dtype=float), left, back, rows, columns)
        self.hu = numbered(len(origins), rows, columns)
        self.asked: List[int] = []

    def read_slices(self, indices: Sequence[int]) -> Any:
        self.asked += indices
        return self.hu[list(indices)]


def test_missing_neighbour_is_replaced_by_the_slice_itself_and_noted() -> None:
    volume = Uneven([(0, 0, z) for z in (0, 5, 10, 20, 25, 30)])
    hu, _, notes = cut_roi(volume, (13, 12, 10), (8, 8), BODY_WINDOW)
    assert tuple((hu[:, 0, 0] - 10000) // 1000) == (1, 2, 2)
    assert notes == ("missing_slice",)
    assert sorted(set(volume.asked)) == [1, 2]


def test_box_on_a_missing_slice_is_refused() -> None:
    with pytest.raises(ImagingError, match="where slices are missing"):
        cut_roi(Uneven([(0, 0, z) for z in (0, 5, 10, 20, 25, 30)]), (13, 12, 15), (8, 8), BODY_WINDOW)


def test_uneven_spacing_below_one_and_a_half_medians_is_a_true_neighbour() -> None:
    hu, place, notes = cut_roi(Uneven([(0, 0, z) for z in (0, 5, 10, 17.4, 22)]), (13, 12, 10), (8, 8), BODY_WINDOW)
    assert tuple((hu[:, 0, 0] - 10000) // 1000) == (1, 2, 3)
    assert place.slice_step_mm == (0, 0, 7.4)
    assert notes == ()


def test_region_moves_on_the_grid_with_the_gantry_tilt() -> None:
    # 20 degrees about x: rows run along (0, cos, -sin), slices step straight up by 5 mm,
    # so the origin moves 5 sin 20 = 1.71 mm against the row direction: the region is 2 rows further on.
    tilt = math.radians(20)
    row = (0, math.cos(tilt), -math.sin(tilt))
    hu = numbered(5, 29, 28)
    volume = ArrayVolume(hu, affine_of([(0, 0, 5.0), row, (1, 0, 0)], (0, 0, 0)))
    center = np.array([13.0, 0, 10.0]) + 14 * np.array(row)  # pixel row 14, column 13 of slice 2
    cut, place, _ = cut_roi(volume, center, (8.0, 8.0), BODY_WINDOW)
    first = (cut[:, 0, 0] - 10000) % 1000 // 30
    assert tuple((cut[:, 0, 0] - 10000) // 1000) == (1, 2, 3)
    assert tuple(first) == (first[1] - 2, first[1], first[1] + 2)
    assert volume.geometry.tilt_degrees == pytest.approx(20)
    assert np.allclose(place.slice_step_mm, np.array([0, 0, 5]) + 2 * np.array(row), atol=1e-5)
    # the same pixel of two channels lies almost straight along the normal
    along_rows = np.dot(place.slice_step_mm, row)
    assert abs(along_rows) <= 0.5


@pytest.mark.parametrize(("angle", "name"), [(30.0, ""), (31.0, "oblique"), (59.0, "oblique"), (75.0, "coronal")])
def test_planes_more_than_thirty_degrees_off_axial_are_refused(angle: float, name: str) -> None:
    a = math.radians(angle)
    left, back = np.array([1.0, 0, 0]), np.array([0, math.cos(a), math.sin(a)])
    origins = np.arange(3)[:, None] * np.cross(left, back) * 5
    if not name:
        assert len(Geometry(origins, left, back, 10, 10)) == 3
        return
    with pytest.raises(ImagingError, match=f"{name}, not axial"):
        Geometry(origins, left, back, 10, 10)


def rotation(axis: int, degrees: float) -> Any:
    a = math.radians(degrees)
    i, j = [k for k in range(3) if k != axis]
    matrix = np.eye(3)
    matrix[i, i] = matrix[j, j] = math.cos(a)
    matrix[i, j], matrix[j, i] = -math.sin(a), math.sin(a)
    return matrix


@settings(max_examples=60, deadline=None)
@given(
    turn=st.floats(-29, 29),
    tilt=st.floats(-25, 25),
    spacing=st.tuples(st.floats(1, 5), st.floats(0.4, 2), st.floats(0.4, 2)),
    order=st.sampled_from(list(permutations(range(3)))),
    flips=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    center=st.tuples(st.floats(2, 25), st.floats(2, 22), st.floats(0, 6)),
    box=st.tuples(st.floats(1, 15), st.floats(1, 15)),
)
def test_flipped_permuted_reversed_and_reoriginated_input_gives_the_same_roi(
    turn: float,
    tilt: float,
    spacing: Tuple[float, ...],
    order: Tuple[int, ...],
    flips: Tuple[bool, ...],
    center: Tuple[float, ...],
    box: Tuple[float, float],
) -> None:
    hu = numbered(7, 25, 28)
    axes = rotation(2, turn) @ rotation(0, tilt)
    steps = np.array([axes[:, 2] * spacing[0], axes[:, 1] * spacing[1], axes[:, 0] * spacing[2]])
    origin = np.array([-31.25, 12.5, 400.0])
    middle = origin + np.array(center[::-1]) @ steps
    expected = cut_roi(ArrayVolume(hu, affine_of(steps, origin)), middle, box, BODY_WINDOW)
    for axis in range(3):
        if flips[axis]:
            hu = np.flip(hu, axis)
            origin = origin + (hu.shape[axis] - 1) * steps[axis]
            steps[axis] = -steps[axis]
    turned = ArrayVolume(hu.transpose(order), affine_of(steps[list(order)], origin))
    roi, place, notes = cut_roi(turned, middle, box, BODY_WINDOW)
    assert (roi == expected[0]).all()
    assert roi.shape == expected[0].shape
    assert place.rows == expected[1].rows
    assert np.allclose(place.origin_mm, expected[1].origin_mm, atol=2e-6)
    assert np.allclose(place.slice_step_mm, expected[1].slice_step_mm, atol=2e-6)
    assert notes == expected[2]


@settings(max_examples=60, deadline=None)
@given(
    turn=st.floats(-40, 40),
    tilt=st.floats(-28, 28),
    center=st.tuples(st.floats(8, 20), st.floats(8, 16)),
    box=st.tuples(st.floats(1, 12), st.floats(1, 12)),
)
def test_oblique_region_holds_exactly_the_grid_rectangle_about_the_box(
    turn: float, tilt: float, center: Tuple[float, float], box: Tuple[float, float]
) -> None:
    axes = rotation(2, turn) @ rotation(0, tilt)
    steps = np.array([axes[:, 2] * 5, axes[:, 1], axes[:, 0]])
    volume = ArrayVolume(numbered(3, 25, 28), affine_of(steps, (0, 0, 0)))
    middle = np.array([1.0, center[1], center[0]]) @ steps
    _, place, _ = cut_roi(volume, middle, box, BODY_WINDOW)
    # by brute force: all pixels of a much larger grid whose x and y lie in the enlarged box
    rows, columns = np.mgrid[-40:70, -40:70]
    points = steps[0] + rows[..., None] * steps[1] + columns[..., None] * steps[2]
    inside = (np.abs(points[..., :2] - middle[:2]) <= 0.75 * np.array(box) + 1e-6).all(axis=-1)
    corner = np.linalg.solve(steps.T, np.array(place.origin_mm))
    top, left = round(corner[1]), round(corner[2])
    for found, start, count in ((rows[inside], top, place.rows), (columns[inside], left, place.columns)):
        if found.size:
            assert start <= found.min()
            assert start + count - 1 >= found.max()
            assert count == max(8, found.max() - found.min() + 1)


def test_left_handed_arrays_are_not_mirrored() -> None:
    hu = numbered(5, 25, 28)
    mirrored = ArrayVolume(hu[:, :, ::-1], affine_of([(0, 0, 5), (0, 1, 0), (-1, 0, 0)], (27, 0, 0)))
    assert (mirrored.read_slices([2, 0]) == hu[[2, 0]]).all()


@pytest.mark.parametrize("size", [(0, 5), (5, -1), (float("nan"), 5)])
def test_box_without_a_size_is_refused(size: Tuple[float, float]) -> None:
    with pytest.raises(ImagingError, match="width and a height"):
        cut_roi(upright(numbered(3, 25, 28)), (13, 12, 5), size, BODY_WINDOW)
