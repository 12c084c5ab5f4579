"""Volumes in memory: conversion to HU and refusal of what is no volume."""

from __future__ import annotations

import numpy as np
import pytest

from her2_core.errors import ImagingError
from her2_core.imaging import OUTSIDE, ArrayVolume
from her2_core.imaging.volume import to_hounsfield
from support.ct_volumes import affine_of, numbered

pytestmark = pytest.mark.light

UPRIGHT = affine_of([(0, 0, 5), (0, 1, 0), (1, 0, 0)], (0, 0, 0))


def test_real_numbers_are_rounded_clipped_and_never_become_the_mark_by_accident() -> None:
    values = np.array([0.4, -0.6, 1e9, -1e9, np.nan, np.inf])
    assert to_hounsfield(values).tolist() == [0, -1, 32767, -32767, OUTSIDE, OUTSIDE]
    assert to_hounsfield(np.array([70000, -70000, 5], dtype=np.int32)).tolist() == [32767, -32767, 5]


def test_slices_come_in_the_order_asked_for() -> None:
    volume = ArrayVolume(numbered(5, 10, 12).astype(np.float32), UPRIGHT)
    assert (volume.read_slices([4, 1]) == numbered(5, 10, 12)[[4, 1]]).all()


@pytest.mark.parametrize(
    ("shape", "matrix", "message"),
    [
        ((5, 10), UPRIGHT, "3 axes"),
        ((5, 10, 12), np.eye(3), "4 x 4"),
        ((5, 10, 12), np.full((4, 4), np.nan), "not finite"),
        ((5, 10, 12), np.zeros((4, 4)), "zero"),
        ((5, 10, 12), affine_of([(0, 0, 5), (0.5, 1, 0), (1, 0, 0)], (0, 0, 0)), "not perpendicular"),
        ((5, 10, 12), affine_of([(0, 0, 5), (0, 1e-4, 0), (1, 0, 0)], (0, 0, 0)), "pixel size"),
        ((0, 10, 12), UPRIGHT, "no pixels"),
    ],
)
def test_damaged_volumes_are_refused(shape: tuple, matrix: np.ndarray, message: str) -> None:
    with pytest.raises(ImagingError, match=message):
        ArrayVolume(np.zeros(shape, np.int16), matrix)
