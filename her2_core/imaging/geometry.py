"""Where the pixels of a CT lie in patient space (LPS, mm), in one canonical orientation.

Canonical: columns increase to the patient's left, rows to the back, slices to the head, whatever the file order.
Each slice has its own origin, so gantry tilt, missing slices and uneven spacing need no special case.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple, Optional, Tuple

import numpy as np
import numpy.typing as npt

from her2_core.errors import ImagingError

Vector = npt.NDArray[np.float64]

MAX_TILT_DEGREES = 30.0
"""A stack is axial when its normal lies within this angle of the patient's long axis."""
SPACING_MM = (0.01, 20.0)
"""Pixel sizes outside of this range are damaged headers."""
_COSINE_TOLERANCE = 1e-3
"""Direction cosines are written with few digits; 1e-3 is 0.06 degrees."""


@dataclass(frozen=True, eq=False)
class Geometry:
    """The pixel grid of an axial stack, canonical.

    Attributes:
        origins_mm: (n, 3) centre of the pixel at row 0, column 0 of each slice, from the feet to the head.
        column_step_mm: (3,) vector from one column to the next, towards the patient's left.
        row_step_mm: (3,) vector from one row to the next, towards the back.
        rows: number of rows.
        columns: number of columns.
        thickness_mm: nominal slice thickness, None if unknown.

    Raises:
        ImagingError: not finite, not orthogonal in plane, not canonical, not axial, or slices not in order.
    """

    origins_mm: Vector
    column_step_mm: Vector
    row_step_mm: Vector
    rows: int
    columns: int
    thickness_mm: Optional[float] = None

    def __post_init__(self) -> None:
        steps = np.stack([self.column_step_mm, self.row_step_mm])
        if not (np.isfinite(self.origins_mm).all() and np.isfinite(steps).all()):
            raise ImagingError("slice positions or pixel sizes are not finite numbers")
        check_spacing(*(float(v) for v in np.linalg.norm(steps, axis=1)))
        if abs(float(unit(steps[0]) @ unit(steps[1]))) > _COSINE_TOLERANCE:
            raise ImagingError("row and column directions are not perpendicular")
        check_axial(self.normal)
        if len(self.origins_mm) == 0 or self.rows < 1 or self.columns < 1:
            raise ImagingError("the volume has no pixels")
        if not (np.diff(self.positions_mm) > 0).all():
            raise ImagingError("slices are not ordered from the feet to the head")

    def __len__(self) -> int:
        return len(self.origins_mm)

    @property
    def normal(self) -> Vector:
        """(3,) unit vector through the slices, towards the head."""
        return unit(np.cross(self.column_step_mm, self.row_step_mm))

    @property
    def positions_mm(self) -> Vector:
        """(n,) place of each slice along the normal, increasing."""
        positions: Vector = self.origins_mm @ self.normal
        return positions

    @property
    def pixel_spacing_mm(self) -> Tuple[float, float]:
        """Distance between rows and between columns."""
        return float(np.linalg.norm(self.row_step_mm)), float(np.linalg.norm(self.column_step_mm))

    @property
    def slice_spacing_mm(self) -> float:
        """Median distance of neighbouring slices; of a single slice its thickness, or 1 mm if that is unknown."""
        if len(self) > 1:
            return float(np.median(np.diff(self.positions_mm)))
        return self.thickness_mm or 1.0

    @property
    def tilt_degrees(self) -> float:
        """Angle between the normal and the line through the slice origins: the gantry tilt, 0 for an upright stack."""
        if len(self) < 2:
            return 0.0
        line = unit(self.origins_mm[-1] - self.origins_mm[0])
        return math.degrees(math.acos(min(1.0, float(line @ self.normal))))


class PlaneView(NamedTuple):
    """How a stored image (rows, columns) is turned to the canonical orientation: transpose first, then flips."""

    transpose: bool
    flip_rows: bool
    flip_columns: bool

    def apply(self, image: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """(..., rows, columns) as stored -> canonical; a view, no copy."""
        turned = np.swapaxes(image, -1, -2) if self.transpose else image
        if self.flip_rows:
            turned = turned[..., ::-1, :]
        return turned[..., ::-1] if self.flip_columns else turned


def canonical_plane(column: Vector, row: Vector) -> PlaneView:
    """The view that makes columns run to the left and rows to the back.

    Args:
        column: (3,) direction in which the stored column index grows, LPS (DICOM PS3.3 C.7.6.2: first cosine).
        row: (3,) direction in which the stored row index grows (second cosine).
    """
    as_stored = abs(column[0]) + abs(row[1])
    swapped = abs(row[0]) + abs(column[1])
    transpose = bool(swapped > as_stored + 1e-9)
    left, back = (row, column) if transpose else (column, row)
    return PlaneView(transpose, bool(back[1] < 0), bool(left[0] < 0))


def canonical_geometry(
    origins: Vector,
    column_step: Vector,
    row_step: Vector,
    rows: int,
    columns: int,
    thickness_mm: Optional[float] = None,
) -> Tuple[Geometry, PlaneView]:
    """Turn a stack with stored orientation into canonical geometry; the slices must already be in order.

    Args:
        origins: (n, 3) centre of the stored pixel (0, 0) of each slice, LPS mm, from the feet to the head.
        column_step: (3,) mm from one stored column to the next.
        row_step: (3,) mm from one stored row to the next.
        rows: stored rows.
        columns: stored columns.
        thickness_mm: nominal slice thickness.

    Returns:
        The geometry, and the view to apply to each stored image.

    Raises:
        ImagingError: as `Geometry`.
    """
    check_axial(unit(np.cross(unit(column_step), unit(row_step))))
    view = canonical_plane(unit(column_step), unit(row_step))
    if view.transpose:
        column_step, row_step, rows, columns = row_step, column_step, columns, rows
    if view.flip_columns:
        origins, column_step = origins + (columns - 1) * column_step, -column_step
    if view.flip_rows:
        origins, row_step = origins + (rows - 1) * row_step, -row_step
    return Geometry(origins, column_step, row_step, rows, columns, thickness_mm), view


def unit(vector: Vector) -> Vector:
    """The vector with length 1.

    Raises:
        ImagingError: it has no length.
    """
    length = float(np.linalg.norm(vector))
    if not (math.isfinite(length) and length > 0):
        raise ImagingError("a direction or pixel size is zero or not a number")
    scaled: Vector = vector / length
    return scaled


def plane_name(normal: Vector) -> str:
    """What a radiologist calls a plane with this (3,) unit normal: axial, coronal, sagittal or oblique."""
    sagittal, coronal, axial = (math.degrees(math.acos(min(1.0, abs(float(v))))) for v in normal)
    for name, angle in (("axial", axial), ("coronal", coronal), ("sagittal", sagittal)):
        if angle <= MAX_TILT_DEGREES + 1e-6:
            return name
    return "oblique"


def check_axial(normal: Vector) -> None:
    """Refuse a stack that is not axial.

    Raises:
        ImagingError: the (3,) unit normal is more than `MAX_TILT_DEGREES` from the patient's long axis.
    """
    name = plane_name(normal)
    if name != "axial":
        raise ImagingError(
            f"the images are {name}, not axial (normal more than {MAX_TILT_DEGREES:g} degrees off the patient axis).",
            hint="Use the axial series.",
        )


def check_spacing(*spacing_mm: float) -> None:
    """Refuse pixel sizes no CT has.

    Raises:
        ImagingError: a size outside `SPACING_MM`.
    """
    low, high = SPACING_MM
    if not all(low <= value <= high for value in spacing_mm):
        sizes = " x ".join(f"{v:g}" for v in spacing_mm)
        raise ImagingError(f"pixel size {sizes} mm is outside of {low:g} to {high:g} mm; the header is damaged")
