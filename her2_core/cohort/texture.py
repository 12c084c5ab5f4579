"""Smooth random fields as pure functions of position: a sum of plane waves, cheap on regular grids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple

import numpy as np
import numpy.typing as npt

Axis = npt.NDArray[np.float64]
Field = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Waves:
    """A random field with mean 0 and standard deviation 1.

    Attributes:
        frequency: (W, 3) wave vectors, rad/mm, for x, y, z.
        phase: (W,) radians.
    """

    frequency: npt.NDArray[np.float64]
    phase: npt.NDArray[np.float64]

    @staticmethod
    def draw(rng: np.random.Generator, wavelength_mm: Tuple[float, float], count: int = 24) -> Waves:
        """Waves of random direction with lengths between two bounds (mm)."""
        direction = rng.normal(size=(count, 3))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        length = np.exp(rng.uniform(np.log(wavelength_mm[0]), np.log(wavelength_mm[1]), count))
        return Waves(direction * (2 * np.pi / length)[:, None], rng.uniform(0, 2 * np.pi, count))

    def on_grid(self, x: Axis, y: Axis, z: Axis) -> Field:
        """The field on the grid of three axes, (len(z), len(y), len(x)).

        The waves factor over the axes, so the cost is one small matrix product per slice. It is summed without
        BLAS, whose last digits, and so the bytes of a phantom, would depend on the number of threads.
        """
        along_x = np.exp(1j * np.multiply.outer(x, self.frequency[:, 0])).astype(np.complex64)  # (X, W)
        along_y = np.exp(1j * np.multiply.outer(y, self.frequency[:, 1])).astype(np.complex64)  # (Y, W)
        shift = np.multiply.outer(z, self.frequency[:, 2]) + self.phase
        along_z = np.exp(1j * shift).astype(np.complex64)  # (Z, W)
        rows = along_z[:, None, :] * along_y[None]  # (Z, Y, W)
        left = np.concatenate([rows.real, -rows.imag], axis=-1)  # (Z, Y, 2 W)
        right = np.concatenate([along_x.real, along_x.imag], axis=-1)  # (X, 2 W)
        field: Field = np.einsum("zyk,xk->zyx", left, right) * np.float32(np.sqrt(2.0 / len(self.phase)))
        return field
