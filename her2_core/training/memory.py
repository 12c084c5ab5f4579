"""How many backbone passes fit the memory at once."""

from __future__ import annotations

from typing import Optional

import psutil

from her2_core.models.ldlm import LdlmConfig
from her2_core.models.patches import PATCH_SIZE

MB_PER_ROI = 22.0
"""Activations that a training pass of ResNet-18 keeps for one ROI of 224 x 224 pixels, MB (measured)."""


def memory_limit_mb(limit: Optional[int]) -> int:
    """The limit, or half of the free memory, rounded down to a power of two: chunk sizes, and with them the batch
    norm statistics, should not change with every megabyte another program takes.
    """
    if limit is not None:
        return limit
    half = int(psutil.virtual_memory().available / 2**20 / 2)
    return 1 << max(half.bit_length() - 1, 8)


def max_rois(config: LdlmConfig, limit_mb: int) -> int:
    """ROIs per backbone pass, at least 8."""
    each = MB_PER_ROI * (config.image_size / PATCH_SIZE) ** 2
    return max(8, int(limit_mb / each))
