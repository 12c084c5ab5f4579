"""What a radiologist notes about a phantom patient: boxes, diameters, states; together with the rest, a `Case`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np
import numpy.typing as npt

from her2_core.case import Case, Lesion, MarkerPanel, Observation, Phase, Point, TimePoint
from her2_core.cohort.acquisition import Study
from her2_core.cohort.lesions import LesionCourse, LesionState
from her2_core.cohort.patients import Patient

DIAMETER_SD_SHARE, DIAMETER_SD_MM = 0.03, 0.5
AREA_SD_SHARE = 0.05
NOT_VISIBLE_BELOW_MM, TOO_SMALL_BELOW_MM = 3.0, 5.0
NOT_EVALUABLE = 0.01
CENTER_SD_MM = 1.2
BOX_MARGIN = (1.05, 1.20)
BOX_MARGIN_MM, BOX_LEAST_MM = 1.5, 12.0


@dataclass(frozen=True)
class Reading:
    """A case and the series its boxes were drawn on: what CASE.json holds.

    Attributes:
        case: the case.
        sources: time point -> phase -> SeriesInstanceUID.
    """

    case: Case
    sources: Dict[str, Dict[str, str]]

    def to_json(self) -> Dict[str, Any]:
        """JSON-ready content of CASE.json."""
        return {"case": self.case.to_json(), "sources": self.sources}


def read_patient(patient: Patient, studies: Sequence[Study]) -> Case:
    """The case as it leaves the reading room, boxes in the world coordinates of the studies."""
    points = tuple(
        TimePoint(name, day, study.slice_mm, non_targets)
        for name, day, study, non_targets in zip(
            patient.time_points, patient.days, studies, patient.non_targets, strict=True
        )
    )
    panels = [MarkerPanel(name, dict(v)) for name, v in zip(patient.time_points, patient.markers, strict=True) if v]
    return Case(
        case_id=patient.case_id,
        time_points=points,
        lesions=tuple(_read_lesion(patient, course, studies) for course in patient.lesions),
        clinical=patient.clinical,
        markers=tuple(panels),
        therapy_start_day=patient.therapy_start_day,
        outcome=patient.outcome,
        synthetic=True,
    )


def _read_lesion(patient: Patient, course: LesionCourse, studies: Sequence[Study]) -> Lesion:
    rng = patient.stream("reading", course.lesion_id)
    seen: List[Observation] = []
    size: Optional[Tuple[float, float]] = None
    for time, study in enumerate(studies):
        state = course.states[time]
        jitter, errors, lost = rng.normal(0, CENTER_SD_MM, 2), rng.normal(size=5), rng.random() < NOT_EVALUABLE
        margin = rng.uniform(*BOX_MARGIN, 2)
        if state is None:
            continue
        if size is None:
            size = _box_size(course, state, margin)
        name = patient.time_points[time]
        if lost and time:
            seen.append(Observation(name, "not evaluable"))
            continue
        center = _box_center(course, study, jitter)
        boxes = dict.fromkeys(_boxed_phases(course, study), center)
        seen.append(_measure(name, state, boxes, errors))
    return Lesion(course.lesion_id, course.kind, course.organ, size, tuple(seen))


def _boxed_phases(course: LesionCourse, study: Study) -> Tuple[Phase, ...]:
    """Liver and lung lesions are read in the venous phase only (He 2024, Methods)."""
    return tuple(p for p in study.phases if p == "venous" or course.organ not in ("Liver", "Lung"))


def _box_size(course: LesionCourse, state: LesionState, margin: npt.NDArray[np.float64]) -> Tuple[float, float]:
    """Width and height of the baseline box: the lesion's extent plus a margin; never looks at a follow-up."""
    a, b = state.long_mm, state.short_mm
    cos, sin = np.cos(course.angle), np.sin(course.angle)
    extent = np.hypot((a * cos, a * sin), (b * sin, b * cos))
    width, height = np.maximum(extent * margin + BOX_MARGIN_MM, BOX_LEAST_MM)
    return round(float(width), 1), round(float(height), 1)


def _box_center(course: LesionCourse, study: Study, jitter: npt.NDArray[np.float64]) -> Point:
    """Centre of the box on the slice nearest to the lesion's middle, world coordinates."""
    world = np.add(course.center_mm, study.shift_mm)
    slices = study.geometry.origins_mm[:, 2]
    z = slices[int(np.argmin(np.abs(slices - world[2])))]
    return round(float(world[0] + jitter[0]), 2), round(float(world[1] + jitter[1]), 2), float(z)


def _measure(name: str, state: LesionState, boxes: Dict[Phase, Point], errors: npt.NDArray[np.float64]) -> Observation:
    """Diameters and area with reader error; a lesion too small to measure gets a state instead."""
    if state.long_mm < TOO_SMALL_BELOW_MM:
        word = "not visible" if state.long_mm < NOT_VISIBLE_BELOW_MM else "too small"
        return Observation(name, word, boxes)  # type: ignore[arg-type]
    long_mm = state.long_mm * (1 + DIAMETER_SD_SHARE * errors[0]) + DIAMETER_SD_MM * errors[1]
    short_mm = state.short_mm * (1 + DIAMETER_SD_SHARE * errors[2]) + DIAMETER_SD_MM * errors[3]
    long_mm, short_mm = round(max(long_mm, 1.0), 1), round(max(short_mm, 1.0), 1)
    short_mm, long_mm = sorted((short_mm, long_mm))
    area = np.pi / 4 * state.long_mm * state.short_mm * (1 + AREA_SD_SHARE * errors[4])
    return Observation(name, "measured", boxes, long_mm, short_mm, round(float(area), 1))  # type: ignore[arg-type]
