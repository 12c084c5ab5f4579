"""DICOM-level phantom: one patient's studies as CT files on disk, and what a reader drew on them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import count
from pathlib import Path
from typing import Dict, Iterator, Literal, Optional, Tuple

import numpy as np

from her2_core.case import Phase
from her2_core.cohort.acquisition import ScanOptions, Study, acquire, draw_studies
from her2_core.cohort.dicom_files import SYNTHETIC_LABEL, PatientLabel, SeriesLabel, uid_of, write_slices
from her2_core.cohort.patients import Patient, draw_patient
from her2_core.cohort.reading import Reading, read_patient
from her2_core.cohort.scene import Scene, build_scene
from her2_core.cohort.texture import Field

Language = Literal["en", "zh"]
PIXEL_MM: Dict[int, float] = {256: 1.5, 512: 0.78}
SLICE_MM = 5.0
RANGE_MM = (-110.0, 130.0)
"""Upper abdomen with the lung bases, body coordinates; every lesion site lies inside."""
DELAY_S: Dict[Phase, int] = {"arterial": 35, "venous": 70}
"""Seconds from the start of injection to the scan."""
DESCRIPTIONS: Dict[Language, Dict[Phase, str]] = {
    "en": {"arterial": "Abdomen arterial 5.0", "venous": "Abdomen portal venous 5.0"},
    "zh": {"arterial": "腹部 动脉期 5.0mm", "venous": "腹部 门脉期 5.0mm"},
}
FIRST_DAY = date(2021, 3, 1)
SLAB = 8
"""Slices made at a time, to bound memory."""


def write_phantom_patient_dicom(folder: Path, seed: int, matrix: int = 256, language: Language = "en") -> Reading:
    """A phantom patient for demonstrations: BL, 1F, 2F, both phases, at least three lesions in two organs.

    Args:
        folder: where the files go (study / series / file); made if missing.
        seed: any integer; the same seed gives the same bytes.
        matrix: 256 or 512 pixels a side.
        language: of the series descriptions.

    Returns:
        The case with boxes in LPS mm, without outcome (it is what shall be predicted), and the series they lie on.
    """
    patient = demonstration_patient(seed)
    return write_patient_dicom(Path(folder), patient, matrix, language, with_outcome=False)


def demonstration_patient(seed: int) -> Patient:
    """The first patient of the internal cohort who shows everything.

    Two follow-ups, targets in two organs besides the primary, a marker panel each time, every lesion evaluable.
    """
    suitable = (p for p in (draw_patient(seed, "internal", i) for i in count()) if _shows_everything(p))
    return next(suitable)  # one patient in five


def _shows_everything(patient: Patient) -> bool:
    organs = {c.organ for c in patient.lesions if c.kind == "target"}
    if len(patient.days) < 3 or len(organs) < 2 or not all(patient.markers):
        return False
    case = read_patient(patient, draw_studies(patient))
    return all(o.state != "not evaluable" for lesion in case.lesions for o in lesion.observations)


def write_patient_dicom(
    folder: Path, patient: Patient, matrix: int = 256, language: Language = "en", with_outcome: bool = True
) -> Reading:
    """Write all series of a patient.

    Args:
        folder: where to.
        patient: who.
        matrix: 256 or 512.
        language: of the series descriptions.
        with_outcome: whether the case says how it ended.
    """
    options = ScanOptions(PIXEL_MM[matrix], SLICE_MM, RANGE_MM, all_phases=True)
    scene = build_scene(patient, options)
    sources: Dict[str, Dict[str, str]] = {}
    for time, study in enumerate(scene.studies):
        labels = {phase: _label(patient, time, phase, language) for phase in study.phases}
        _write_study(folder, scene, time, labels)
        sources[patient.time_points[time]] = {phase: label.series for phase, label in labels.items()}
    case = scene.case if with_outcome else replace(scene.case, outcome=None)
    return Reading(case, sources)


def _write_study(folder: Path, scene: Scene, time: int, labels: Dict[Phase, SeriesLabel]) -> None:
    study = scene.studies[time]
    folders = {phase: folder / f"study{time + 1}" / f"series{label.number}" for phase, label in labels.items()}
    for path in folders.values():
        path.mkdir(parents=True)
    noise = {phase: scene.patient.stream("volume noise", time, phase) for phase in labels}
    for first, clean in _slabs(scene, time, study):
        for phase, label in labels.items():
            hu = acquire(clean[phase], study, noise[phase])
            write_slices(folders[phase], label, study.geometry, first, hu)


def _slabs(scene: Scene, time: int, study: Study) -> Iterator[Tuple[int, Dict[Phase, Field]]]:
    """Noise-free HU of both phases, a few slices at a time, with the number of the first slice."""
    geometry = study.geometry
    x = geometry.origins_mm[0, 0] + study.pixel_mm * np.arange(geometry.columns)
    y = geometry.origins_mm[0, 1] + study.pixel_mm * np.arange(geometry.rows)
    for first in range(0, len(geometry), SLAB):
        z = geometry.origins_mm[first : first + SLAB, 2]
        yield first, scene.paint(time, x, y, z, study.phases)


def _label(patient: Patient, time: int, phase: Phase, language: Language) -> SeriesLabel:
    """Headers of one series; names and dates are invented, and everything says that it is synthetic."""
    key = (patient.case_id, time)
    start = FIRST_DAY + timedelta(days=int(patient.stream("calendar").integers(0, 700)))
    bolus = 9 * 3600 + 60 * int(patient.stream("clock", time).integers(0, 480))
    age: Optional[int] = patient.clinical.age_years
    return SeriesLabel(
        patient=PatientLabel(
            name=f"PHANTOM^{SYNTHETIC_LABEL}",
            patient_id=f"PHANTOM-{patient.case_id[:10]}",
            birth_date=f"{start.year - (age or 60)}0101",
            sex={"male": "M", "female": "F"}.get(patient.clinical.sex or "", ""),
        ),
        study=uid_of(*key, "study"),
        series=uid_of(*key, "series", phase),
        frame_of_reference=uid_of(*key, "frame"),
        day=start + timedelta(days=patient.days[time]),
        time=bolus + DELAY_S[phase],
        bolus_time=bolus,
        number=2 if phase == "arterial" else 3,
        description=f"{DESCRIPTIONS[language][phase]} PHANTOM {SYNTHETIC_LABEL}",
        study_description=f"CT abdomen PHANTOM {SYNTHETIC_LABEL}",
        protocol=f"Abdomen biphasic {SYNTHETIC_LABEL}",
        derivation="Computer-generated phantom, no patient",
    )
