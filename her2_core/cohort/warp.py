"""Shrink or grow an ellipsoid of a volume smoothly, leaving its surroundings in place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence, Tuple

import numpy as np
import numpy.typing as npt
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import map_coordinates

REACH = 1.9
"""The deformation ends at this many lesion radii, or a little beyond a grown lesion."""

Volume = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Ball:
    """An ellipsoid in voxels.

    Attributes:
        center: slice, row, column.
        half: half axes in the same order.
        scale: new size relative to the old one.
    """

    center: Tuple[float, float, float]
    half: Tuple[float, float, float]
    scale: float


def warp_balls(volume: Volume, balls: Sequence[Ball]) -> None:
    """Change the size of ellipsoids in place.

    Args:
        volume: (slices, rows, columns) HU.
        balls: which, and how much; overlapping ones are changed one after the other.
    """
    for ball in balls:
        _warp(volume, ball)


def _warp(volume: Volume, ball: Ball) -> None:
    reach = REACH * max(1.0, ball.scale)
    low = [max(0, int(np.floor(c - reach * h))) for c, h in zip(ball.center, ball.half)]
    high = [min(n, int(np.ceil(c + reach * h)) + 1) for n, c, h in zip(volume.shape, ball.center, ball.half)]
    window = tuple(slice(a, b) for a, b in zip(low, high))
    part = volume[window]
    axes = np.meshgrid(*(np.arange(a, b, dtype=float) for a, b in zip(low, high)), indexing="ij")
    away = np.stack([(axis - c) / h for axis, c, h in zip(axes, ball.center, ball.half)])  # (3, S, R, C)
    radius = np.sqrt((away**2).sum(axis=0))
    # The new radius `scale` shows what was at 1; at `reach` nothing moves; monotone between, so nothing folds.
    old_radius = PchipInterpolator([0.0, ball.scale, reach, reach + 1], [0.0, 1.0, reach, reach + 1])
    factor = np.where(radius < reach, old_radius(np.minimum(radius, reach)) / np.maximum(radius, 1e-9), 1.0)
    factor = np.where(radius < 1e-9, 1.0, factor)
    from_where = [c + h * a * factor - lo for c, h, a, lo in zip(ball.center, ball.half, away, low)]
    volume[window] = map_coordinates(part, from_where, order=1, mode="nearest")
