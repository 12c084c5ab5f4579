"""Saliency back to where it belongs: network map -> patch -> pixel grid of the crop, to lie exactly on the CT."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from her2_core.models.patches import PATCH_SIZE, PatchGeometry


def to_crop(map_: Tensor, geometry: PatchGeometry, size: int = PATCH_SIZE) -> npt.NDArray[np.float32]:
    """Undo the way of the crop into the network.

    Bilinear (pixel centres aligned, align_corners=False) up to the patch; then each crop pixel takes the value at its
    centre, which leaves the square padding behind.

    Args:
        map_: (h, w), e.g. 7 x 7 at 224 px.
        geometry: how the crop lies in its patch.
        size: side S of the patch, pixels.

    Returns:
        (rows, columns) of the crop, float32.
    """
    patch = functional.interpolate(
        map_.detach()[None, None].float(), (size, size), mode="bilinear", align_corners=False
    )
    y = _places(geometry.rows, geometry.square_rows, geometry.top, geometry.side)
    x = _places(geometry.columns, geometry.square_columns, geometry.left, geometry.side)
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)[None].to(patch)  # (1, rows, columns, 2) as (x, y)
    crop = functional.grid_sample(patch, grid, mode="bilinear", padding_mode="border", align_corners=False)
    result: npt.NDArray[np.float32] = crop[0, 0].cpu().numpy()
    return result


def _places(pixels: int, square_pixels: int, padding: int, side: int) -> Tensor:
    """Centres of a crop's pixels along one axis of the patch; -1 and 1 are the patch's edges."""
    centre = (torch.arange(pixels, dtype=torch.float64) + 0.5) * square_pixels / pixels + padding
    return 2 * centre / side - 1
