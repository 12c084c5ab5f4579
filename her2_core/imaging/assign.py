"""From paired time points to what a reader draws on: which series stands for which phase."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Dict, Tuple

from her2_core.case import Phase, TimePointName
from her2_core.imaging.choose import choose
from her2_core.imaging.dicom_series import Series
from her2_core.imaging.pairing import PairedPatient, PairedTimePoint
from her2_core.roi import Roi

UNASSIGNED_PHASE = "unassigned_phase"
"""QC code of an ROI whose series names no contrast phase and was read as venous."""


@dataclass(frozen=True)
class Assigned:
    """The series that is read for one phase; `assumed` = its headers name no phase, so it stands in as venous."""

    series: Series
    assumed: bool = False


Assignment = Dict[TimePointName, Dict[Phase, Assigned]]


def assign(patient: PairedPatient) -> Assignment:
    """One series per time point and phase; where the only usable series names no phase, it is read as venous."""
    return {point.name: _assign_at(point) for point in patient.time_points}


def _assign_at(point: PairedTimePoint) -> Dict[Phase, Assigned]:
    found: Dict[Phase, Assigned] = {phase: Assigned(series) for phase, series in point.phases.items() if series}
    if not found and point.unassigned:
        found["venous"] = Assigned(choose(point.unassigned).best, assumed=True)
    return found


def with_phase_notes(rois: Tuple[Roi, ...], assignment: Assignment) -> Tuple[Roi, ...]:
    """The same ROIs, with a QC note on those cut from a series whose phase was assumed."""
    return tuple(
        replace(roi, notes=(*roi.notes, UNASSIGNED_PHASE)) if assignment[roi.time_point][roi.phase].assumed else roi
        for roi in rois
    )
