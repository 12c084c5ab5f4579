"""From crop to patch: squares in millimetres, padding, resizing in HU, window, rotation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from her2_core.models.patches import PatchGeometry, rotate, rotate_randomly, to_patch, to_patches
from her2_core.roi import BODY_WINDOW, LUNG_WINDOW, Place, Roi

SQUARE = (0.8, 0.8)


def crop(rows: int, columns: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-150, 250, (3, rows, columns)).astype(np.int16)


def test_a_square_crop_of_patch_size_is_only_windowed() -> None:
    hu = np.zeros((3, 2, 2), np.int16)
    hu[0] = [[-500, -125], [50, 225]]
    hu[2] = 1000
    patch = to_patch(hu, SQUARE, BODY_WINDOW, size=2)
    assert patch.dtype == torch.float32
    assert patch[0].tolist() == [[0, 0], [0.5, 1]]
    assert patch[2].tolist() == [[1, 1], [1, 1]]
    assert to_patch(hu, SQUARE, LUNG_WINDOW, size=2)[0, 0, 0].item() == pytest.approx((-500 + 1150) / 1500)


def test_the_shorter_side_is_padded_with_black_and_the_odd_row_goes_to_the_end() -> None:
    patch = to_patch(np.full((3, 3, 6), 225, np.int16), SQUARE, BODY_WINDOW, size=6)
    assert patch[1].sum(1).tolist() == [0, 6, 6, 6, 0, 0]
    patch = to_patch(np.full((3, 5, 2), 225, np.int16), SQUARE, BODY_WINDOW, size=5)
    assert patch[1].sum(0).tolist() == [0, 5, 5, 0, 0]


def test_resizing_happens_in_hu_before_the_window() -> None:
    hu = np.array([[-1000, 1000], [-1000, 1000]], np.int16)
    patch = to_patch(np.stack([hu] * 3), SQUARE, BODY_WINDOW, size=1)
    assert patch[0, 0, 0].item() == pytest.approx((0 + 125) / 350)  # windowed first it would be 0.5


@pytest.mark.parametrize(("side", "size"), [(97, 32), (20, 64), (64, 48)])
def test_resizing_equals_pillows_antialiased_bilinear(side: int, size: int) -> None:
    hu = crop(side, side)
    resized = np.asarray(Image.fromarray(hu[1].astype(np.float32)).resize((size, size), Image.Resampling.BILINEAR))
    expected = np.clip((resized + 125) / 350, 0, 1)
    np.testing.assert_allclose(to_patch(hu, SQUARE, BODY_WINDOW, size)[1].numpy(), expected, atol=2e-5)


def test_wide_pixels_become_square_at_the_finer_spacing() -> None:
    hu = np.zeros((3, 4, 8), np.int16)
    hu[:] = np.array([-125, 15, 120, 225])[None, :, None]
    geometry = PatchGeometry.of(4, 8, (2.0, 1.0))
    assert geometry == PatchGeometry(4, 8, 8, 8, 0, 0, 8)
    column = to_patch(hu, (2.0, 1.0), BODY_WINDOW, size=8)[1, :, 3] * 350 - 125
    # Rows twice as high: values at quarters between the centres, the ends held.
    expected = [-125, -125 + 35, 15 - 35, 15 + 26.25, 120 - 26.25, 120 + 26.25, 225 - 26.25, 225]
    assert column.tolist() == pytest.approx(expected, abs=1e-3)


def test_a_transposed_crop_gives_the_transposed_patch() -> None:
    hu = crop(13, 22)
    patch = to_patch(hu, (0.7, 1.1), BODY_WINDOW, size=32)
    turned = to_patch(hu.transpose(0, 2, 1).copy(), (1.1, 0.7), BODY_WINDOW, size=32)
    geometry = PatchGeometry.of(13, 22, (0.7, 1.1))
    assert (geometry.square_rows, geometry.square_columns, geometry.side) == (13, 35, 35)
    torch.testing.assert_close(patch, turned.transpose(1, 2))


def test_many_rois_of_different_shape_come_out_in_order() -> None:
    rois = [
        Roi("L1", "BL", "venous", crop(9, 12, 1), Place((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 5), 9, 12)),
        Roi("L2", "BL", "venous", crop(30, 8, 2), Place((0, 0, 0), (2, 0, 0), (0, 1, 0), (0, 0, 5), 30, 8)),
    ]
    patches = to_patches(rois, [BODY_WINDOW, LUNG_WINDOW], size=16)
    assert patches.shape == (2, 3, 16, 16)
    assert torch.equal(patches[0], to_patch(rois[0].hu, (1.0, 1.0), BODY_WINDOW, 16))
    assert torch.equal(patches[1], to_patch(rois[1].hu, (1.0, 2.0), LUNG_WINDOW, 16))


def test_a_quarter_turn_is_exact_and_clockwise() -> None:
    patches = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    turned = rotate(patches, torch.tensor([90.0, 0.0]))
    torch.testing.assert_close(turned[0], torch.rot90(patches[0], -1, (1, 2)), atol=1e-5, rtol=0)
    torch.testing.assert_close(turned[1], patches[1], atol=1e-5, rtol=0)


def test_rotation_fills_the_corners_with_zero() -> None:
    turned = rotate(torch.ones(1, 3, 32, 32), torch.tensor([30.0]))[0, 0]
    assert [turned[r, c].item() for r in (0, -1) for c in (0, -1)] == [0, 0, 0, 0]
    assert turned[16, 16].item() == pytest.approx(1)


def test_random_rotation_draws_one_angle_per_roi_up_to_thirty_degrees() -> None:
    patches = torch.zeros(300, 3, 33, 33)
    patches[:, :, 15:18, 27:30] = 1  # a spot to the right of the centre, at 0 degrees
    turned = rotate_randomly(patches, torch.Generator().manual_seed(5))
    axis = torch.arange(33.0) - 16
    y = (turned[:, 0] * axis[:, None]).sum((1, 2))
    x = (turned[:, 0] * axis[None, :]).sum((1, 2))
    degrees = torch.rad2deg(torch.atan2(y, x))
    assert degrees.abs().max() < 30.3
    assert degrees.min() < -28
    assert degrees.max() > 28
    assert abs(degrees.mean()) < 3  # 17.3 / sqrt(300) = 1.0
    again = rotate_randomly(patches, torch.Generator().manual_seed(5))
    assert torch.equal(turned, again)
