"""Shrinking and growing an ellipsoid inside a volume."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from her2_core.cohort.warp import REACH, Ball, warp_balls

CENTER, HALF = (12.0, 40.0, 40.0), (6.0, 12.0, 12.0)


def with_ball() -> np.ndarray:
    """100 HU inside, -100 HU outside, soft border."""
    axes = np.meshgrid(np.arange(25.0), np.arange(81.0), np.arange(81.0), indexing="ij")
    radius = np.sqrt(sum(((a - c) / h) ** 2 for a, c, h in zip(axes, CENTER, HALF)))
    return (200 * np.clip((1 - radius) * 6 + 0.5, 0, 1) - 100).astype(np.float32)


@pytest.mark.parametrize("scale", [0.5, 0.7, 1.0, 1.25])
def test_diameter_changes_by_the_scale(scale: float) -> None:
    volume = with_ball()
    warp_balls(volume, [Ball(CENTER, HALF, scale)])
    diameter = (volume[12, 40] > 0).sum()
    assert diameter == pytest.approx(24 * scale, abs=1.6)


@settings(max_examples=15, deadline=None)
@given(scale=st.floats(0.4, 1.5))
def test_far_surroundings_stay_and_no_new_values_appear(scale: float) -> None:
    before = np.random.default_rng(0).normal(0, 50, (25, 81, 81)).astype(np.float32)
    after = before.copy()
    warp_balls(after, [Ball(CENTER, HALF, scale)])
    axes = np.meshgrid(np.arange(25.0), np.arange(81.0), np.arange(81.0), indexing="ij")
    radius = np.sqrt(sum(((a - c) / h) ** 2 for a, c, h in zip(axes, CENTER, HALF)))
    outside = radius > REACH * max(1.0, scale)
    assert np.allclose(before[outside], after[outside], atol=1e-3)
    assert after.min() >= before.min() - 1e-3
    assert after.max() <= before.max() + 1e-3
    assert not np.allclose(before, after) or abs(scale - 1) < 0.02


def test_ball_at_the_border_is_cut_off() -> None:
    volume = with_ball()
    warp_balls(volume, [Ball((0.0, 0.0, 0.0), HALF, 0.5)])
    assert np.isfinite(volume).all()
