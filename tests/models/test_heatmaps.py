"""Saliency maps land on the pixels they belong to."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from her2_core.models.heatmaps import to_crop
from her2_core.models.patches import PatchGeometry, to_patch
from her2_core.roi import Window

WIDE = Window(0, 4000)


def test_a_ramp_is_read_at_the_pixel_centres() -> None:
    ramp = torch.arange(7.0).expand(7, 7)
    crop = to_crop(ramp, PatchGeometry.of(14, 14, (1, 1)), size=28)
    # Crop pixel j has its centre at (j + 1/2) / 14 of the width, map cell k at (k + 1/2) / 7.
    expected = (np.arange(14) + 0.5) / 2 - 0.5
    np.testing.assert_allclose(crop[5, 1:13], expected[1:13], atol=1e-6)
    np.testing.assert_allclose(crop[5, [0, 13]], [0, 6], atol=0.13)  # the edge of the map is held


def test_at_full_size_only_the_upsampling_remains() -> None:
    generator = torch.Generator().manual_seed(3)
    small = torch.rand(7, 7, generator=generator)
    expected = torch.nn.functional.interpolate(small[None, None], (224, 224), mode="bilinear", align_corners=False)
    np.testing.assert_allclose(to_crop(small, PatchGeometry.of(224, 224, (1, 1))), expected[0, 0].numpy(), atol=1e-6)


def test_what_lies_on_the_padding_does_not_show() -> None:
    painted = torch.zeros(7, 7)
    painted[:2], painted[5:] = 1, 1
    crop = to_crop(painted, PatchGeometry.of(10, 70, (1, 1)))  # rows 30-39 of 70 hold the crop: inside cell row 3
    assert crop.shape == (10, 70)
    assert crop.max() == 0


def test_a_painted_cell_is_brightest_at_its_place_in_a_rectangular_crop() -> None:
    painted = torch.zeros(7, 7)
    painted[3, 5] = 1
    crop = to_crop(painted, PatchGeometry.of(21, 35, (1, 1)))  # 5 pixels per cell; 7 rows of padding above
    row, column = np.unravel_index(crop.argmax(), crop.shape)
    assert (row, column) == (17 - 7, 27)
    mirrored = to_crop(painted.flip(1), PatchGeometry.of(21, 35, (1, 1)))
    np.testing.assert_allclose(mirrored, crop[:, ::-1], atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(8, 60),
    columns=st.integers(8, 60),
    spacing=st.sampled_from([(1.0, 1.0), (0.8, 1.0), (1.3, 0.6), (0.7, 0.7001)]),
    size=st.sampled_from([32, 57, 224]),
    along_rows=st.booleans(),
)
def test_the_way_back_undoes_the_way_into_the_network(
    rows: int, columns: int, spacing: tuple[float, float], size: int, along_rows: bool
) -> None:
    y, x = np.mgrid[:rows, :columns]
    ramp = (10 * (y if along_rows else x)).astype(np.int16)  # 10 HU per pixel: half a pixel off would be 5 HU
    patch = to_patch(np.stack([ramp] * 3), spacing, WIDE, size)
    geometry = PatchGeometry.of(rows, columns, spacing)
    back = to_crop(patch[1], geometry, size) * WIDE.width + WIDE.low
    # Interpolation reaches two patch pixels, where these are larger than the crop's.
    margin = 2 + 2 * int(np.ceil(max(1.0, geometry.side / size)))
    inner = (slice(margin, rows - margin), slice(margin, columns - margin))
    # Shrinking by a few taps bends a ramp by up to 0.06 patch pixels.
    np.testing.assert_allclose(back[inner], ramp[inner], atol=max(1.0, geometry.side / size))  # a tenth of a pixel


def test_odd_padding_and_flat_pixels_are_undone_exactly() -> None:
    hu = np.zeros((3, 9, 14), np.int16)
    hu[:, 4, 6] = 1000
    geometry = PatchGeometry.of(9, 14, (1, 1))
    assert (geometry.top, geometry.side) == (2, 14)
    back = to_crop(to_patch(hu, (1, 1), WIDE, 14)[1], geometry, 14) * WIDE.width + WIDE.low
    np.testing.assert_allclose(back, hu[1], atol=1e-3)


@pytest.mark.parametrize("shape", [(8, 8), (31, 9)])
def test_a_constant_map_stays_constant(shape: tuple[int, int]) -> None:
    crop = to_crop(torch.full((7, 7), 2.5), PatchGeometry.of(*shape, (0.9, 0.5)))
    assert crop.dtype == np.float32
    np.testing.assert_allclose(crop, np.full(shape, 2.5), atol=1e-6)
