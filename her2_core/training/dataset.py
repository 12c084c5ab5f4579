"""Cohort cases as batches: random objects and time points for training, everything for scoring."""

from __future__ import annotations

from typing import Iterator, List, Sequence, Tuple

import numpy as np
import torch
from torch import Tensor

from her2_core.case import Case
from her2_core.models.batch import MarkerBatch, RoiBatch
from her2_core.models.patches import rotate_randomly
from her2_core.models.prepare import (
    Choice,
    MarkerTable,
    PreparedCase,
    everything,
    has_markers,
    marker_batch,
    roi_batch,
)
from her2_core.models.standardise import Standardisation
from her2_core.training.config import TrainingConfig
from her2_core.training.outcomes import outcomes_of

SCORING_ROIS = 256
"""ROIs scored at once: large enough to keep the processor busy, small enough for any machine."""


class RoiDataset:
    """Patients for the LDLM; a patient is its index.

    Args:
        patients: prepared cases with outcomes.
        standardisation: image statistics of the training patients.
        config: sampling and augmentation.
    """

    def __init__(
        self, patients: Sequence[PreparedCase], standardisation: Standardisation, config: TrainingConfig
    ) -> None:
        self.patients = list(patients)
        self.standardisation = standardisation
        self.config = config
        self.outcomes = outcomes_of([p.case for p in patients])

    def name(self, patient: int) -> str:
        """Pseudonym for messages."""
        return self.patients[patient].case.case_id

    def training_batch(self, patients: Sequence[int], random: np.random.Generator) -> RoiBatch:
        """Up to `objects_per_patient` objects drawn without replacement, rotated patches."""
        chosen = [self.patients[p] for p in patients]
        generator = torch.Generator().manual_seed(int(random.integers(2**62)))

        def augment(patches: Tensor) -> Tensor:
            return rotate_randomly(patches, generator, self.config.rotation_degrees)

        return roi_batch(chosen, [self._draw(p, random) for p in chosen], self.standardisation, augment)

    def scoring_batches(self, patients: Sequence[int], follow_ups: int) -> Iterator[Tuple[List[int], RoiBatch]]:
        """All objects and the first 1 + follow_ups time points, a few patients at a time."""
        group: List[int] = []
        rois = 0
        for patient in patients:
            count = len(self.patients[patient].patches)
            if group and rois + count > SCORING_ROIS:
                yield group, self._scoring_batch(group, follow_ups)
                group, rois = [], 0
            group.append(patient)
            rois += count
        if group:
            yield group, self._scoring_batch(group, follow_ups)

    def _scoring_batch(self, patients: Sequence[int], follow_ups: int) -> RoiBatch:
        chosen = [self.patients[p] for p in patients]
        return roi_batch(chosen, [everything(p, follow_ups) for p in chosen], self.standardisation)

    def _draw(self, patient: PreparedCase, random: np.random.Generator) -> Choice:
        count = min(self.config.objects_per_patient, patient.n_objects)
        objects = random.choice(patient.n_objects, size=count, replace=False)
        return Choice(tuple(int(o) for o in objects), drawn_time_points(patient.n_time_points, self.config, random))


class MarkerDataset:
    """Patients for the TDLM; all must have at least one marker at the time points that are used.

    Args:
        cases: with outcomes.
        table: marker statistics of the training patients.
        config: sampling.
    """

    def __init__(self, cases: Sequence[Case], table: MarkerTable, config: TrainingConfig) -> None:
        self.cases = list(cases)
        self.table = table
        self.config = config
        self.outcomes = outcomes_of(cases)

    def name(self, patient: int) -> str:
        """Pseudonym for messages."""
        return self.cases[patient].case_id

    def training_batch(self, patients: Sequence[int], random: np.random.Generator) -> MarkerBatch:
        """All markers; a random prefix of the time points only where it holds a measurement."""
        chosen = [self.cases[p] for p in patients]
        counts = []
        for case in chosen:
            count = drawn_time_points(len(case.time_points), self.config, random)
            enough = has_markers(case, self.table.names, count)
            counts.append(count if enough else min(len(case.time_points), self.config.time_points))
        return marker_batch(chosen, counts, self.table)

    def scoring_batches(self, patients: Sequence[int], follow_ups: int) -> Iterator[Tuple[List[int], MarkerBatch]]:
        """All patients at once: markers are small."""
        if len(patients):
            chosen = [self.cases[p] for p in patients]
            counts = [min(len(case.time_points), 1 + follow_ups) for case in chosen]
            yield list(patients), marker_batch(chosen, counts, self.table)


def drawn_time_points(available: int, config: TrainingConfig, random: np.random.Generator) -> int:
    """All time points up to `config.time_points`, or a random number of the first of them."""
    most = min(available, config.time_points)
    return int(random.integers(1, most + 1)) if config.random_prefix else most
