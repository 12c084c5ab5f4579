"""What the ROI cutter needs from a CT volume, and a volume that lives in memory."""

from __future__ import annotations

from itertools import permutations
from typing import Any, Optional, Protocol, Sequence, Tuple

import numpy as np
import numpy.typing as npt

from her2_core.errors import ImagingError
from her2_core.imaging.geometry import Geometry, Vector, canonical_geometry, unit

Hounsfield = npt.NDArray[np.int16]

OUTSIDE = -32768
"""Marks pixels without a measurement (padding around the reconstruction circle, not a number)."""


class CtVolume(Protocol):
    """A CT stack in canonical orientation whose slices are read on demand."""

    @property
    def geometry(self) -> Geometry:
        """Where the pixels lie."""

    def read_slices(self, indices: Sequence[int]) -> Hounsfield:
        """Decode some slices, in the order asked for.

        Args:
            indices: slice numbers, 0 = nearest to the feet.

        Returns:
            (len(indices), rows, columns) int16 Hounsfield units; `OUTSIDE` where nothing was measured.
        """


def to_hounsfield(values: npt.NDArray[Any]) -> Hounsfield:
    """Any real numbers to int16 Hounsfield units: rounded, clipped to -32767..32767, `OUTSIDE` where not finite."""
    if values.dtype == np.int16:
        return values
    if np.issubdtype(values.dtype, np.floating):
        measured = np.isfinite(values)
        rounded = np.rint(np.where(measured, values, 0))
        return np.where(measured, np.clip(rounded, -32767, 32767), OUTSIDE).astype(np.int16)
    return np.clip(values, -32767, 32767).astype(np.int16)


class ArrayVolume:
    """A volume held in memory, in any axis order and direction.

    Args:
        hu: three-dimensional array of Hounsfield units; values equal to `OUTSIDE` or not finite are unmeasured.
        affine: (4, 4) homogeneous matrix from (i0, i1, i2, 1), the indices of `hu` in its own axis order, to LPS mm.
            A sheared matrix (gantry tilt) is fine.
        thickness_mm: nominal slice thickness; only used when there is a single slice.

    Raises:
        ImagingError: wrong shapes, damaged matrix, or no axis plane within 30 degrees of axial.
    """

    def __init__(self, hu: npt.NDArray[Any], affine: npt.ArrayLike, thickness_mm: Optional[float] = None) -> None:
        matrix = np.asarray(affine, dtype=np.float64)
        if hu.ndim != 3 or matrix.shape != (4, 4):
            raise ImagingError(f"needs a volume with 3 axes and a 4 x 4 matrix, got {hu.shape} and {matrix.shape}")
        if not np.isfinite(matrix).all():
            raise ImagingError("the matrix of the volume holds numbers that are not finite")
        steps, origin = matrix[:3, :3].T, matrix[:3, 3]
        axes = _patient_axes(steps)
        hu, steps = hu.transpose(axes), steps[list(axes)]
        if steps[0][2] < 0:
            hu, origin, steps = hu[::-1], origin + (len(hu) - 1) * steps[0], steps * [[-1], [1], [1]]
        origins = origin + np.arange(len(hu))[:, None] * steps[0]
        self._geometry, view = canonical_geometry(origins, steps[2], steps[1], hu.shape[1], hu.shape[2], thickness_mm)
        self._hu = view.apply(hu)

    @property
    def geometry(self) -> Geometry:
        """Where the pixels lie."""
        return self._geometry

    def read_slices(self, indices: Sequence[int]) -> Hounsfield:
        """As `CtVolume.read_slices`."""
        return np.ascontiguousarray(to_hounsfield(self._hu[list(indices)]))


def _patient_axes(steps: Vector) -> Tuple[int, int, int]:
    """Which array axes run along the patient's head-feet, front-back and left-right axes, as well as they fit.

    Args:
        steps: (3, 3) row a = step vector of array axis a.
    """
    fit = np.abs(np.stack([unit(step) for step in steps]))
    best = max(permutations(range(3)), key=lambda p: fit[p[0], 2] + fit[p[1], 1] + fit[p[2], 0])
    return best[0], best[1], best[2]
