"""From a case and its ROIs to tensors: patches computed once, batches put together as often as needed.

Training, scoring and prediction all go through here, so that a model is always asked the way it was trained.
Letters for shapes: R ROIs of one case, N of a batch, B patients, T time points, O objects, M markers, S patch side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Callable, Dict, List, Optional, Sequence, Tuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from her2_core.case import TIME_POINTS, Case
from her2_core.errors import CaseError
from her2_core.models.batch import MarkerBatch, RoiBatch
from her2_core.models.patches import to_patches
from her2_core.models.standardise import ImageGroup, Standardisation
from her2_core.roi import Roi, window_of

Augment = Callable[[Tensor], Tensor]
"""(N, 3, S, S) patches in [0, 1] to the same."""


@dataclass(frozen=True, eq=False)
class PreparedCase:
    """One patient with patches after padding, resampling and windowing (paper, Preprocessing data), not yet standardised.

    Attributes:
        case: the patient.
        patches: (R, 3, S, S) float16 in [0, 1], in the order of `case.roi_keys`.
        where: (R, 2) int64, time point and object of each ROI.
        groups: R keys of the image statistics.
    """

    case: Case
    patches: Tensor
    where: npt.NDArray[np.int64]
    groups: Tuple[ImageGroup, ...]

    @property
    def n_objects(self) -> int:
        """Objects of the model (lesion x phase)."""
        return len(self.case.objects)

    @property
    def n_time_points(self) -> int:
        """Time points of the case, also those without a ROI."""
        return len(self.case.time_points)


@dataclass(frozen=True)
class Choice:
    """What of a patient enters a batch.

    Attributes:
        objects: indices into `case.objects`, in the order of the batch's object axis.
        time_points: how many, from BL on.
    """

    objects: Tuple[int, ...]
    time_points: int


def prepare(case: Case, rois: Sequence[Roi], size: int) -> PreparedCase:
    """Compute the patches of a case.

    Args:
        case: the patient.
        rois: its ROIs in the order of `case.roi_keys` (as in a bundle).
        size: side S of the patches, pixels.

    Raises:
        CaseError: no object was observed at baseline, so that the model has nothing to look at.
    """
    objects, keys = case.objects, case.roi_keys
    if not objects:
        raise CaseError(
            "no primary or target lesion has a box at baseline",
            where="case.lesions",
            hint="Draw at least one box on the baseline CT.",
        )
    organs = [objects[key.object_index].organ for key in keys]
    patches = to_patches(rois, [window_of(organ) for organ in organs], size)
    return PreparedCase(
        case=case,
        patches=patches.half(),
        where=np.array([(TIME_POINTS.index(k.time_point), k.object_index) for k in keys], dtype=np.int64),
        groups=tuple(ImageGroup(case.clinical.centre, o, k.phase) for o, k in zip(organs, keys)),
    )


def everything(prepared: PreparedCase, follow_ups: int) -> Choice:
    """All objects, BL and up to `follow_ups` follow-ups."""
    return Choice(tuple(range(prepared.n_objects)), min(prepared.n_time_points, 1 + follow_ups))


def roi_batch(
    patients: Sequence[PreparedCase],
    choices: Sequence[Choice],
    standardisation: Standardisation,
    augment: Optional[Augment] = None,
) -> RoiBatch:
    """Put B patients together.

    Args:
        patients: B of them.
        choices: what of each.
        standardisation: image statistics of the model.
        augment: applied before standardisation.

    Returns:
        a batch whose object axis follows each patient's `Choice.objects`.
    """
    times = max(choice.time_points for choice in choices)
    objects = max(len(choice.objects) for choice in choices)
    day = torch.zeros(len(patients), times, dtype=torch.int64)
    observed = torch.zeros(len(patients), times, objects, dtype=torch.bool)
    slots: List[Tuple[int, int, int]] = []
    groups: List[ImageGroup] = []
    parts: List[Tensor] = []
    for b, (patient, choice) in enumerate(zip(patients, choices)):
        day[b, : choice.time_points] = _days(patient.case)[: choice.time_points]
        column: Dict[int, int] = {item: o for o, item in enumerate(choice.objects)}
        rows = [r for r, (t, item) in enumerate(patient.where) if t < choice.time_points and item in column]
        slots += [(b, int(patient.where[r, 0]), column[int(patient.where[r, 1])]) for r in rows]
        groups += [patient.groups[r] for r in rows]
        parts.append(patient.patches[rows].float())
    slot = torch.tensor(slots, dtype=torch.int64)
    observed[slot.unbind(1)] = True
    patches = torch.cat(parts)  # (N, 3, S, S)
    if augment is not None:
        patches = augment(patches)
    return RoiBatch(standardisation.apply(patches, groups), slot, day, observed)


@dataclass(frozen=True)
class MarkerTable:
    """z-scores of tumour markers: z = (log(1 + value) - mean) / std, since markers spread over orders of magnitude.

    Attributes:
        names: the M markers, in the order of the model.
        mean, std: of log(1 + value) over all training measurements, per marker.
    """

    names: Tuple[str, ...]
    mean: Tuple[float, ...]
    std: Tuple[float, ...]

    @staticmethod
    def fit(cases: Sequence[Case], names: Sequence[str]) -> MarkerTable:
        """Statistics of the training cases; a marker never or always equally measured gets mean 0 or its value, std 1."""
        mean, std = [], []
        for name in names:
            values = [math.log1p(p.values[name]) for case in cases for p in case.markers if name in p.values]
            mean.append(float(np.mean(values)) if values else 0.0)
            std.append(float(np.std(values)) or 1.0 if values else 1.0)
        return MarkerTable(tuple(names), tuple(mean), tuple(std))

    def values(self, case: Case, time_points: int) -> npt.NDArray[np.float32]:
        """(T, M) z-scores at the first time points, NaN where not measured."""
        table = np.full((time_points, len(self.names)), np.nan, dtype=np.float32)
        for panel in case.markers:
            t = TIME_POINTS.index(panel.time_point)
            for m, name in enumerate(self.names):
                if t < time_points and name in panel.values:
                    table[t, m] = (math.log1p(panel.values[name]) - self.mean[m]) / self.std[m]
        return table


def has_markers(case: Case, names: Sequence[str], time_points: int) -> bool:
    """At least one known marker was measured at one of the first time points."""
    first = TIME_POINTS[:time_points]
    return any(panel.time_point in first and set(panel.values) & set(names) for panel in case.markers)


def marker_batch(cases: Sequence[Case], time_points: Sequence[int], table: MarkerTable) -> MarkerBatch:
    """Put the markers of B patients together; missing values are masked, never imputed.

    Args:
        cases: B patients with at least one marker each at these time points.
        time_points: how many of each, from BL on.
        table: statistics of the model.
    """
    times = max(time_points)
    values = torch.full((len(cases), times, len(table.names)), torch.nan)
    day = torch.zeros(len(cases), times, dtype=torch.int64)
    for b, (case, count) in enumerate(zip(cases, time_points)):
        values[b, :count] = torch.from_numpy(table.values(case, count))
        day[b, :count] = _days(case)[:count]
    observed = ~values.isnan()
    return MarkerBatch(values.nan_to_num(0.0), observed, day)


def _days(case: Case) -> Tensor:
    return torch.tensor([t.day for t in case.time_points], dtype=torch.int64)
