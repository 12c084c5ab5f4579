"""Cut the ROI of one box: which pixels of which slices, at native resolution (paper, Preprocessing data).

The region is the box enlarged 1.5 times about its centre, on the box's slice and on its two neighbours. The box is a
rectangle along the patient's left-right and front-back axes; the region is the smallest rectangle of the pixel grid
that holds every pixel whose centre lies in the enlarged box. So on oblique images it is a little larger than the box.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, List, Mapping, Optional, Sequence, Tuple

import numpy as np
import numpy.typing as npt

from her2_core.errors import ImagingError
from her2_core.imaging.geometry import Geometry, Vector
from her2_core.imaging.volume import OUTSIDE, CtVolume, Hounsfield
from her2_core.roi import Place, Window

ENLARGE = 1.5
"""Paper, Preprocessing data: the region is the box enlarged 1.5 times."""
MIN_SIDE = 8
"""Pixels a side at least, so that tiny boxes still show their surroundings."""
MAX_SIDE = 2048
"""Bound for damaged headers: no CT region has more pixels a side."""
TOLERANCE_MM = 1e-6
"""The enlarged box is closed; positions in headers carry about this much rounding."""
MISSING_GAP = 1.5
"""Slices further apart than this many median spacings are not neighbours: one between them is missing."""
PADDED_SHARE = 0.01
"""More unmeasured pixels than this share are worth a note."""

END_OF_VOLUME, MISSING_SLICE, OUTSIDE_IMAGE = "end_of_volume", "missing_slice", "outside_image"

Indices = Tuple[int, int]


@dataclass(frozen=True)
class CutPlan:
    """Which pixels make up an ROI, decided from geometry alone, before anything is decoded.

    Attributes:
        slices: slice numbers of the three channels: below, the box's slice, above.
        corners: first row and column of the region on each of them (negative = outside the image).
        place: where the middle channel lies.
        notes: QC codes known so far.
    """

    slices: Tuple[int, int, int]
    corners: Tuple[Indices, Indices, Indices]
    place: Place
    notes: Tuple[str, ...]


def cut_roi(
    volume: CtVolume, center_mm: Sequence[float], box_size_mm: Sequence[float], window: Window
) -> Tuple[Hounsfield, Place, Tuple[str, ...]]:
    """Cut one ROI.

    Args:
        volume: the CT.
        center_mm: (3,) centre of the box, LPS mm.
        box_size_mm: width (left-right) and height (front-back) of the box.
        window: its lower end fills what lies outside the image.

    Returns:
        (3, rows, columns) int16 HU, its place, and QC notes.

    Raises:
        ImagingError: the box does not lie on the volume.
    """
    plan = plan_cut(volume.geometry, center_mm, box_size_mm)
    wanted = sorted(set(plan.slices))
    pixels = dict(zip(wanted, volume.read_slices(wanted)))
    hu, notes = fill(plan, pixels, window)
    return hu, plan.place, notes


def plan_cut(geometry: Geometry, center_mm: Sequence[float], box_size_mm: Sequence[float]) -> CutPlan:
    """Decide which pixels make up the ROI of a box.

    Neighbouring slices show the same region of the patient, projected along the normal: under gantry tilt the
    region moves on the pixel grid by the nearest whole number of pixels.

    Args:
        geometry: of the CT.
        center_mm: (3,) centre of the box, LPS mm.
        box_size_mm: width (left-right) and height (front-back) of the box.

    Raises:
        ImagingError: the box does not lie on the volume.
    """
    center = np.asarray(center_mm, dtype=np.float64)
    middle = _slice_of(geometry, center)
    (top, rows), (left, columns) = _region(geometry, middle, center, box_size_mm)
    if top + rows <= 0 or left + columns <= 0 or top >= geometry.rows or left >= geometry.columns:
        raise ImagingError("the box lies outside the image.", hint="Check that it was drawn on this series.")
    below, note_below = _neighbour(geometry, middle, -1)
    above, note_above = _neighbour(geometry, middle, +1)
    corners = [_moved(geometry, middle, other, (top, left)) for other in (below, middle, above)]
    place = Place(
        origin_mm=_point(_pixel(geometry, middle, (top, left)), 6),
        column_step_mm=_point(geometry.column_step_mm, 9),
        row_step_mm=_point(geometry.row_step_mm, 9),
        slice_step_mm=_point(_slice_step(geometry, (below, middle, above), corners), 6),
        rows=rows,
        columns=columns,
    )
    notes = sorted({note for note in (note_below, note_above) if note})
    return CutPlan((below, middle, above), (corners[0], corners[1], corners[2]), place, tuple(notes))


def fill(plan: CutPlan, slices: Mapping[int, Hounsfield], window: Window) -> Tuple[Hounsfield, Tuple[str, ...]]:
    """Carry out a plan on decoded slices.

    Args:
        plan: from `plan_cut`.
        slices: (rows, columns) HU of each slice the plan names.
        window: its lower end fills what lies outside the image or was not measured.

    Returns:
        (3, rows, columns) int16 HU, and all QC notes.
    """
    hu = np.full((3, plan.place.rows, plan.place.columns), OUTSIDE, dtype=np.int16)
    beyond = False
    for channel, index, (top, left) in zip(hu, plan.slices, plan.corners):
        image = slices[index]
        bottom, right = top + channel.shape[0], left + channel.shape[1]
        beyond |= top < 0 or left < 0 or bottom > image.shape[0] or right > image.shape[1]
        inside = image[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
        channel[max(-top, 0) :, max(-left, 0) :][: inside.shape[0], : inside.shape[1]] = inside
    unmeasured = hu == OUTSIDE
    hu[unmeasured] = window.low
    notes = plan.notes
    if beyond or unmeasured.mean() > PADDED_SHARE:
        notes = (*notes, OUTSIDE_IMAGE)
    return hu, notes


def _slice_of(geometry: Geometry, center: Vector) -> int:
    """The slice the box was drawn on: the nearest one; half-way, the lower one."""
    if not np.isfinite(center).all():
        raise ImagingError("the centre of the box is not a finite number")
    offsets = geometry.positions_mm - float(center @ geometry.normal)
    distances = np.abs(offsets)
    nearest = int(np.flatnonzero(distances <= distances.min() + TOLERANCE_MM)[0])
    beyond_end = offsets[0] > 0 or offsets[-1] < 0
    reach = geometry.slice_spacing_mm * (0.5 if beyond_end else MISSING_GAP / 2)
    if distances[nearest] > reach + TOLERANCE_MM:
        where = "outside the volume" if beyond_end else "where slices are missing"
        raise ImagingError(
            f"the box lies {where}, {distances[nearest]:.1f} mm from the nearest slice.",
            hint="Check that it was drawn on this series.",
        )
    return nearest


def _region(
    geometry: Geometry, index: int, center: Vector, box_size_mm: Sequence[float]
) -> Tuple[Tuple[int, int], Tuple[int, int]]:
    """First row and number of rows, first column and number of columns of the region on one slice."""
    half = np.asarray(box_size_mm, dtype=np.float64) * ENLARGE / 2  # (2,) left-right, front-back
    if half.shape != (2,) or not (np.isfinite(half).all() and (half > 0).all()):
        raise ImagingError(f"a box needs a width and a height above 0 mm, got {list(box_size_mm)}")
    to_patient = np.stack([geometry.column_step_mm[:2], geometry.row_step_mm[:2]], axis=1)  # (2, 2)
    to_pixels = np.linalg.inv(to_patient)
    middle = to_pixels @ (center[:2] - geometry.origins_mm[index, :2])  # column, row
    reach = np.abs(to_pixels) @ half + 1
    if (2 * reach > MAX_SIDE).any():
        raise ImagingError(f"the region of the box has more than {MAX_SIDE} pixels a side")
    first = np.floor(middle - reach).astype(int)
    last = np.ceil(middle + reach).astype(int)
    columns, rows = (np.arange(a, b + 1) for a, b in zip(first, last))
    grid = np.stack(np.meshgrid(columns, rows), axis=-1) - middle  # (rows, columns, 2)
    held = (np.abs(grid @ to_patient.T) <= half + TOLERANCE_MM).all(axis=-1)
    return _span(rows, held.any(axis=1), middle[1]), _span(columns, held.any(axis=0), middle[0])


def _span(indices: npt.NDArray[Any], held: npt.NDArray[Any], middle: float) -> Tuple[int, int]:
    """First index and number of indices from the first to the last one held, at least `MIN_SIDE` about the middle."""
    kept = indices[held]
    if kept.size and kept[-1] - kept[0] + 1 >= MIN_SIDE:
        return int(kept[0]), int(kept[-1] - kept[0] + 1)
    return math.ceil(middle - MIN_SIDE / 2 - TOLERANCE_MM), MIN_SIDE


def _neighbour(geometry: Geometry, index: int, step: int) -> Tuple[int, Optional[str]]:
    """The next slice, or the slice itself and why there is none."""
    other = index + step
    if not 0 <= other < len(geometry):
        return index, END_OF_VOLUME
    gap = abs(float(geometry.positions_mm[other] - geometry.positions_mm[index]))
    if gap > MISSING_GAP * geometry.slice_spacing_mm + TOLERANCE_MM:
        return index, MISSING_SLICE
    return other, None


def _moved(geometry: Geometry, index: int, other: int, corner: Indices) -> Indices:
    """The corner of the region on another slice, projected along the normal, to the nearest pixel."""
    shift = geometry.origins_mm[other] - geometry.origins_mm[index]
    moved = []
    for start, step in zip(corner, (geometry.row_step_mm, geometry.column_step_mm)):
        moved.append(start - math.floor(float(shift @ step) / float(step @ step) + 0.5 - TOLERANCE_MM))
    return moved[0], moved[1]


def _pixel(geometry: Geometry, index: int, corner: Indices) -> Vector:
    """(3,) centre of a pixel, given as row and column, LPS mm."""
    center: Vector = geometry.origins_mm[index] + corner[0] * geometry.row_step_mm + corner[1] * geometry.column_step_mm
    return center


def _slice_step(geometry: Geometry, slices: Sequence[int], corners: List[Indices]) -> Vector:
    """(3,) from a pixel of the middle channel to the same pixel of the upper one; without an upper slice, from below."""
    below, middle, above = (_pixel(geometry, index, corner) for index, corner in zip(slices, corners))
    if slices[2] != slices[1]:
        return above - middle
    if slices[0] != slices[1]:
        return middle - below
    return geometry.normal * geometry.slice_spacing_mm


def _point(vector: Vector, digits: int) -> Tuple[float, float, float]:
    """Rounded, so that a flipped input gives the same numbers; + 0.0 turns -0.0 into 0.0."""
    x, y, z = (round(float(v), digits) + 0.0 for v in vector)
    return x, y, z
