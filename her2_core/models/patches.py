"""HU crop -> network patch (square, resized, windowed), and the random rotation of training (paper, Preprocessing data)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence, Tuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from her2_core.roi import Roi, Window

PATCH_SIZE = 224
"""Side of a patch in pixels (paper, Preprocessing data)."""
MAX_ROTATION_DEG = 30.0
"""Random rotation of training patches, either way (paper, Preprocessing data)."""


@dataclass(frozen=True)
class PatchGeometry:
    """How a crop's pixel grid lies in its square patch.

    Attributes:
        rows, columns: grid of the crop.
        square_rows, square_columns: grid after resampling to square pixels.
        top, left: padding before the first row and column, in square pixels.
        side: side of the padded square.
    """

    rows: int
    columns: int
    square_rows: int
    square_columns: int
    top: int
    left: int
    side: int

    @staticmethod
    def of(rows: int, columns: int, spacing_mm: Tuple[float, float]) -> PatchGeometry:
        """Geometry of a crop.

        Args:
            rows, columns: its size in pixels.
            spacing_mm: distance between rows and between columns; the finer one becomes the square pixel.
        """
        finer = min(spacing_mm)
        square_rows = max(1, round(rows * spacing_mm[0] / finer))
        square_columns = max(1, round(columns * spacing_mm[1] / finer))
        side = max(square_rows, square_columns)
        # An odd remainder goes to the end.
        top, left = (side - square_rows) // 2, (side - square_columns) // 2
        return PatchGeometry(rows, columns, square_rows, square_columns, top, left, side)


def to_patch(
    hu: npt.NDArray[np.int16], spacing_mm: Tuple[float, float], window: Window, size: int = PATCH_SIZE
) -> Tensor:
    """Square, resized and windowed patch of a crop.

    Args:
        hu: (3, rows, columns) Hounsfield units.
        spacing_mm: distance between rows and between columns.
        window: display window of the organ; its lower end is also the padding value.
        size: side S of the patch, pixels.

    Returns:
        (3, S, S) float32 in [0, 1].
    """
    geometry = PatchGeometry.of(hu.shape[1], hu.shape[2], spacing_mm)
    image = torch.from_numpy(hu.astype(np.float32))[None]
    image = _resize(image, geometry.square_rows, geometry.square_columns)
    bottom = geometry.side - geometry.square_rows - geometry.top
    right = geometry.side - geometry.square_columns - geometry.left
    image = functional.pad(image, (geometry.left, right, geometry.top, bottom), value=float(window.low))
    image = _resize(image, size, size)
    return ((image[0] - window.low) / window.width).clamp_(0, 1)


def to_patches(rois: Sequence[Roi], windows: Sequence[Window], size: int = PATCH_SIZE) -> Tensor:
    """Patches of many ROIs of any shapes, (N, 3, S, S) float32 in [0, 1]; see `to_patch`."""
    patches = torch.empty(len(rois), 3, size, size)
    for index, (roi, window) in enumerate(zip(rois, windows)):
        patches[index] = to_patch(roi.hu, roi.place.spacing_mm, window, size)
    return patches


def rotate(patches: Tensor, degrees: Tensor) -> Tensor:
    """Each patch turned about its centre, bilinear, filled with 0.

    Args:
        patches: (N, 3, S, S).
        degrees: (N,); positive turns the picture clockwise on screen (rows downwards).

    Returns:
        (N, 3, S, S).
    """
    angle = torch.deg2rad(degrees.to(patches.dtype))
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    # affine_grid maps output to input places, hence the inverse rotation.
    inverse = torch.stack([torch.stack([cos, sin, zero], 1), torch.stack([-sin, cos, zero], 1)], 1)  # (N, 2, 3)
    grid = functional.affine_grid(inverse, list(patches.shape), align_corners=False)
    return functional.grid_sample(patches, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def rotate_randomly(patches: Tensor, generator: torch.Generator, max_degrees: float = MAX_ROTATION_DEG) -> Tensor:
    """One angle per ROI, uniform in +-max_degrees; call before standardisation, so that the fill is the window's low end.

    Args:
        patches: (N, 3, S, S) in [0, 1].
        generator: CPU generator; makes the angles reproducible.
        max_degrees: largest angle either way.
    """
    degrees = (2 * torch.rand(len(patches), generator=generator) - 1) * max_degrees
    return rotate(patches, degrees.to(patches.device))


def _resize(image: Tensor, rows: int, columns: int) -> Tensor:
    if image.shape[-2:] == (rows, columns):
        return image
    return functional.interpolate(image, (rows, columns), mode="bilinear", align_corners=False, antialias=True)
