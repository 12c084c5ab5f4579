"""What the models learn from: survival times, events and the one-year label of the paper."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Sequence, Tuple

import numpy as np
import numpy.typing as npt

from her2_core.case import Case
from her2_core.errors import TrainingError


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Outcomes of B patients.

    Attributes:
        days: (B,) float64, from the first day of anti-HER2 therapy to death or last contact.
        event: (B,) bool, death observed.
    """

    days: npt.NDArray[np.float64]
    event: npt.NDArray[np.bool_]

    def take(self, indices: Sequence[int]) -> Outcomes:
        """The patients at `indices`."""
        chosen = np.asarray(indices, dtype=np.int64)
        return Outcomes(self.days[chosen], self.event[chosen])

    def __len__(self) -> int:
        return len(self.days)


def outcomes_of(cases: Sequence[Case]) -> Outcomes:
    """Outcomes of cases, all of which must have one.

    Raises:
        TrainingError: an outcome is missing; names the case.
    """
    for case in cases:
        if case.outcome is None:
            raise TrainingError("the outcome is missing", where=f"case {case.case_id}", hint="Add it or leave it out.")
    return Outcomes(
        np.array([c.outcome.os_days for c in cases if c.outcome], dtype=np.float64),
        np.array([c.outcome.death_observed for c in cases if c.outcome], dtype=bool),
    )


def split(event: npt.NDArray[np.bool_], fraction: float, seed: int) -> Tuple[List[int], List[int]]:
    """Split patients in two, with the same share of events on both sides.

    Returns:
        indices of the larger part and of the part of about `fraction`, each ascending; both keep >= 1 patient
        of a group (events, censored) that has at least two.
    """
    random = np.random.default_rng([seed, 1])
    chosen: List[int] = []
    for group in (np.flatnonzero(event), np.flatnonzero(~event)):
        count = min(max(1, round(fraction * len(group))), len(group) - 1) if len(group) > 1 else 0
        chosen += random.permutation(group)[:count].tolist()
    rest = sorted(set(range(len(event))) - set(chosen))
    return rest, sorted(chosen)


def folds_of(event: npt.NDArray[np.bool_], folds: int, seed: int) -> npt.NDArray[np.int64]:
    """(B,) the fold 0 .. folds - 1 each patient belongs to; events and censored patients spread evenly."""
    random = np.random.default_rng([seed, 2])
    fold = np.empty(len(event), dtype=np.int64)
    order = np.concatenate([random.permutation(np.flatnonzero(event)), random.permutation(np.flatnonzero(~event))])
    fold[order] = np.arange(len(order)) % folds
    return fold
