"""What the networks eat: real ROIs or marker values, and the slots (patient, time point, object) they belong to.

Letters for shapes: B patients, T time points, O objects, N real observations, S patch side.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Tuple, Union

import torch
from torch import Tensor

from her2_core.errors import BadInput

Device = Union[torch.device, str]


def _check(ok: bool, what: str) -> None:
    if not ok:
        raise BadInput(what, where="batch")


@dataclass(frozen=True, eq=False)
class Layout:
    """Which slots of the (B, T, O) grid are observed.

    Attributes:
        slot: (N, 3) int64; row n says that observation n fills (patient, time point, object).
        day: (B, T) days since the baseline CT; any value, NaN too, where nothing was observed.
        observed: (B, T, O) bool; true exactly at the slots.

    Raises:
        BadInput: shapes disagree, a slot repeats or is not marked as observed, a day of an observed slot is not finite,
            or a patient has no observation at all. Checked where batches are made, on the CPU.
    """

    slot: Tensor
    day: Tensor
    observed: Tensor

    def __post_init__(self) -> None:
        batch, times, _ = self.observed.shape
        _check(self.observed.dtype == torch.bool, f"observed must be bool, not {self.observed.dtype}")
        _check(self.slot.dtype == torch.int64 and self.slot.shape[1:] == (3,), "slot must be (N, 3) int64")
        _check(
            self.day.shape == (batch, times),
            f"day is {tuple(self.day.shape)}, observed is {tuple(self.observed.shape)}",
        )
        if not self.observed.is_cuda:
            self._check_values()

    def _check_values(self) -> None:
        limits = torch.tensor(self.observed.shape)
        _check(bool(((self.slot >= 0) & (self.slot < limits)).all()), "a slot lies outside the grid")
        filled = torch.zeros_like(self.observed)
        filled[self.slot.unbind(1)] = True
        _check(
            len(self.slot) == int(self.observed.sum()) and torch.equal(filled, self.observed),
            "observed must be true exactly at the slots, each used once",
        )
        empty = (~self.observed.flatten(1).any(1)).nonzero().flatten().tolist()
        _check(not empty, f"patient {empty[0] if empty else ''} of the batch has no observation")
        _check(bool(self.day[self.observed.any(2)].isfinite().all()), "the day of an observed time point is not finite")

    def to(self, device: Device) -> Layout:
        """The same on another device."""
        return Layout(self.slot.to(device), self.day.to(device), self.observed.to(device))

    def first(self, time_points: int) -> Tuple[Layout, Tensor]:
        """Only the first time points, as LDLM-BS (1), LDLM-1F (2) and LDLM-2F (3) are asked.

        Returns:
            the layout, and the indices (n,) of the observations kept.

        Raises:
            BadInput: a patient has no observation left.
        """
        kept = (self.slot[:, 1] < time_points).nonzero().flatten()
        return Layout(self.slot[kept], self.day[:, :time_points], self.observed[:, :time_points]), kept


@dataclass(frozen=True, eq=False)
class RoiBatch:
    """Image patches of B patients; only real ROIs, no padding.

    Attributes:
        patches: (N, 3, S, S) float32, standardised.
        slot, day, observed: as in `Layout`.

    Raises:
        BadInput: see `Layout`; or patches and slots differ in number.
    """

    patches: Tensor
    slot: Tensor
    day: Tensor
    observed: Tensor

    def __post_init__(self) -> None:
        _check(
            self.patches.ndim == 4 and self.patches.shape[1] == 3 and self.patches.shape[2] == self.patches.shape[3],
            f"patches must be (N, 3, S, S), not {tuple(self.patches.shape)}",
        )
        _check(len(self.patches) == len(self.slot), f"{len(self.patches)} patches, but {len(self.slot)} slots")
        self.layout  # noqa: B018 -- checks the rest

    @cached_property
    def layout(self) -> Layout:
        """Where the patches belong."""
        return Layout(self.slot, self.day, self.observed)

    def to(self, device: Device) -> RoiBatch:
        """The same on another device."""
        return RoiBatch(self.patches.to(device), *_parts(self.layout.to(device)))

    def first(self, time_points: int) -> RoiBatch:
        """Only the first time points; see `Layout.first`."""
        layout, kept = self.layout.first(time_points)
        return RoiBatch(self.patches[kept], *_parts(layout))


@dataclass(frozen=True, eq=False)
class MarkerBatch:
    """Tumour markers of B patients; M markers stand in the place of the objects.

    Attributes:
        values: (B, T, M) float32 z-scores; any value, NaN too, where not measured.
        observed: (B, T, M) bool.
        day: (B, T) as in `Layout`.

    Raises:
        BadInput: see `Layout`; or a measured value is not finite.
    """

    values: Tensor
    observed: Tensor
    day: Tensor

    def __post_init__(self) -> None:
        _check(
            self.values.shape == self.observed.shape,
            f"values are {tuple(self.values.shape)}, observed is {tuple(self.observed.shape)}",
        )
        layout = self.layout
        _check(
            layout.observed.is_cuda or bool(self.values[self.observed].isfinite().all()),
            "a measured value is not finite",
        )

    @cached_property
    def layout(self) -> Layout:
        """Where the measured values belong."""
        return Layout(self.observed.nonzero(), self.day, self.observed)

    def to(self, device: Device) -> MarkerBatch:
        """The same on another device."""
        return MarkerBatch(self.values.to(device), self.observed.to(device), self.day.to(device))

    def first(self, time_points: int) -> MarkerBatch:
        """Only the first time points."""
        return MarkerBatch(self.values[:, :time_points], self.observed[:, :time_points], self.day[:, :time_points])


def _parts(layout: Layout) -> Tuple[Tensor, Tensor, Tensor]:
    return layout.slot, layout.day, layout.observed
