"""Small CT volumes in memory for the imaging tests."""

from __future__ import annotations

from typing import Optional, Sequence

import numpy as np
import numpy.typing as npt

from her2_core.imaging import ArrayVolume

Array = npt.NDArray[np.float64]


def numbered(slices: int, rows: int, columns: int) -> npt.NDArray[np.int16]:
    """HU = 10000 + 1000 x slice + 30 x row + column: tells which pixel was cut (rows, columns < 30, slices < 20)."""
    k, r, c = np.meshgrid(np.arange(slices), np.arange(rows), np.arange(columns), indexing="ij")
    return (10000 + 1000 * k + 30 * r + c).astype(np.int16)


def affine_of(steps: Sequence[Sequence[float]], origin: Sequence[float]) -> Array:
    """(4, 4) matrix with one step vector per array axis."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(steps, dtype=float).T
    matrix[:3, 3] = origin
    return matrix


def upright(
    hu: npt.NDArray[np.int16],
    spacing: Sequence[float] = (5.0, 1.0, 1.0),
    origin: Sequence[float] = (0.0, 0.0, 0.0),
    shear: Optional[Sequence[float]] = None,
) -> ArrayVolume:
    """A canonical volume; spacing of slices, rows, columns; `shear` replaces the slice step (gantry tilt)."""
    dz, dy, dx = spacing
    return ArrayVolume(hu, affine_of([shear or (0, 0, dz), (0, dy, 0), (dx, 0, 0)], origin))
