"""One patient as a scene that can be looked at through any pixel grid: anatomy, lesions, acquisitions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Sequence, Tuple

from her2_core.case import Case, Phase
from her2_core.cohort.acquisition import AS_SCANNED, ScanOptions, Study, draw_studies
from her2_core.cohort.anatomy import Body, draw_body
from her2_core.cohort.look import Look, draw_look, paint_lesion
from her2_core.cohort.patients import Patient
from her2_core.cohort.reading import read_patient
from her2_core.cohort.texture import Axis, Field


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything needed to make images of one patient.

    Attributes:
        patient: who.
        body: anatomy.
        looks: character of each lesion.
        studies: acquisition of each examination.
        case: what the reader notes.
    """

    patient: Patient
    body: Body
    looks: Dict[str, Look]
    studies: Tuple[Study, ...]
    case: Case

    def paint(self, time: int, x: Axis, y: Axis, z: Axis, phases: Sequence[Phase]) -> Dict[Phase, Field]:
        """Noise-free HU per phase, (len(z), len(y), len(x)), at world coordinates (LPS mm, increasing)."""
        study = self.studies[time]
        grid = tuple(axis - shift for axis, shift in zip((x, y, z), study.shift_mm, strict=True))
        enhancement = {phase: study.enhancement[phase] for phase in phases}
        hu = self.body.paint(grid[0], grid[1], grid[2], enhancement)
        for course in self.patient.lesions:
            state = course.states[time]
            if state is not None:
                look = self.looks[course.lesion_id]
                paint_lesion(hu, (grid[0], grid[1], grid[2]), course, state, look, enhancement)
        return hu


def build_scene(patient: Patient, options: ScanOptions = AS_SCANNED) -> Scene:
    """The scene of a patient."""
    studies = draw_studies(patient, options)
    return Scene(
        patient=patient,
        body=draw_body(patient.stream("body")),
        looks={c.lesion_id: draw_look(patient.stream("look", c.lesion_id)) for c in patient.lesions},
        studies=studies,
        case=read_patient(patient, studies),
    )
