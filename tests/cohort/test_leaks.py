"""Nothing but the images, the markers and the clinical data may tell the outcome."""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Callable, Dict, List

import numpy as np
import pytest
from lifelines.utils import concordance_index

from her2_core.case import Case
from her2_core.cohort.acquisition import Study, draw_studies
from her2_core.cohort.latents import Latents
from her2_core.cohort.patients import Patient
from her2_core.cohort.reading import read_patient
from her2_core.cohort.scene import build_scene

TOLERANCE = 0.04
"""Four standard errors of a C-index of 1,200 patients with 75 % deaths (about 0.01)."""
TRUTH_MODULES = ("truth", "latents", "patients", "lesions", "scene")
"""Modules that hold or show the truth; `phantom` only writes cohorts, so the demonstration model may call it."""


class Read:
    """A patient as the reader and the scanner left it, without pixels."""

    def __init__(self, patient: Patient) -> None:
        self.patient = patient
        self.studies = draw_studies(patient)
        self.case: Case = read_patient(patient, self.studies)


@pytest.fixture(scope="module")
def read(patients: List[Patient]) -> List[Read]:
    return [Read(p) for p in patients]


SHORTCUTS: Dict[str, Callable[[Read], float]] = {
    "number of objects": lambda r: len(r.case.objects),
    "number of time points": lambda r: len(r.case.time_points),
    "number of ROIs": lambda r: len(r.case.roi_keys),
    "day of 1F": lambda r: r.case.time_points[1].day,
    "last day": lambda r: r.case.time_points[-1].day,
    "start of therapy": lambda r: r.case.therapy_start_day or 0,
    "mean box area": lambda r: float(np.mean([s.box_size_mm[0] * s.box_size_mm[1] for s in baseline(r)])),  # type: ignore[index]
    "box shape (padding)": lambda r: float(np.mean([s.box_size_mm[0] / s.box_size_mm[1] for s in baseline(r)])),  # type: ignore[index]
    "case id": lambda r: int.from_bytes(r.case.case_id.encode(), "big") % 10**9,
    "patient index": lambda r: r.patient.index,
    "noise": lambda r: r.studies[-1].noise_hu,
    "pixel size": lambda r: r.studies[0].pixel_mm,
    "kernel": lambda r: r.studies[-1].blur_mm,
    "contrast": lambda r: r.studies[-1].enhancement["venous"] - r.studies[0].enhancement["venous"],
    "table position": lambda r: r.studies[1].shift_mm[2],
    "missing arterial series": lambda r: sum(len(s.phases) for s in r.studies) / len(r.studies),
    "marker panels": lambda r: len(r.case.markers) / len(r.case.time_points),
    "missing marker values": lambda r: sum(len(m.values) for m in r.case.markers),
    "lesion ids": lambda r: len("".join(s.lesion_id for s in baseline(r))),
}


def baseline(read: Read) -> List:  # type: ignore[type-arg]
    return [s for s in read.case.lesions if s.kind != "new"]


@pytest.mark.parametrize("name", sorted(SHORTCUTS))
def test_shortcut_tells_nothing_about_survival(read: List[Read], name: str) -> None:
    value = np.array([SHORTCUTS[name](r) for r in read], dtype=float)
    days = [r.patient.outcome.os_days for r in read]
    event = [r.patient.outcome.death_observed for r in read]
    assert abs(concordance_index(days, value, event) - 0.5) < TOLERANCE


def test_this_check_would_see_a_weak_leak(read: List[Read]) -> None:
    truth = np.array([r.patient.log_hazard for r in read])
    leaky = -truth + np.random.default_rng(0).normal(0, 3.5 * truth.std(), len(truth))
    days = [r.patient.outcome.os_days for r in read]
    event = [r.patient.outcome.death_observed for r in read]
    assert concordance_index(days, leaky, event) - 0.5 > TOLERANCE


def other_latents(patient: Patient) -> Patient:
    return replace(patient, latents=Latents(3.0, 3.0, 3.0, 3.0, 1.0), log_hazard=9.0)


def as_numbers(study: Study) -> List[object]:
    return [study.shift_mm, study.slice_mm, study.enhancement, study.noise_hu, study.blur_mm, study.phases]


def test_scanner_and_anatomy_do_not_know_the_latents(patients: List[Patient]) -> None:
    for patient in patients[:5]:
        plain, changed = build_scene(patient), build_scene(other_latents(patient))
        assert [as_numbers(s) for s in plain.studies] == [as_numbers(s) for s in changed.studies]
        assert plain.body.parts == changed.body.parts
        for name, look in plain.looks.items():
            assert look.vascularity == changed.looks[name].vascularity
            assert np.array_equal(look.outline.phase, changed.looks[name].outline.phase)


def test_box_size_knows_the_baseline_only(patients: List[Patient]) -> None:
    patient = next(p for p in patients if len(p.days) == 3)
    grown = tuple(
        replace(c, states=(c.states[0], *(replace(s, long_mm=90.0, short_mm=80.0) for s in c.states[1:] if s)))
        for c in patient.lesions
        if c.kind != "new"
    )
    studies = draw_studies(patient)
    before = {s.lesion_id: s.box_size_mm for s in read_patient(patient, studies).lesions}
    after = {s.lesion_id: s.box_size_mm for s in read_patient(replace(patient, lesions=grown), studies).lesions}
    assert all(after[name] == before[name] for name in after)


@pytest.mark.parametrize("room", ["models", "training", "server", "survival", "response", "imaging", "report"])
def test_no_room_that_trains_or_predicts_imports_the_truth(repository: Path, room: str) -> None:
    wrong = []
    files = sorted((repository / "her2_core" / room).rglob("*.py"))
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [a.name for a in node.names] if isinstance(node, ast.Import) else []
            wrong += [
                f"{path.name} imports {n}" for n in names if n in {f"her2_core.cohort.{m}" for m in TRUTH_MODULES}
            ]
    assert files
    assert not wrong


def test_reading_a_cohort_loads_nothing_that_knows_the_truth() -> None:
    program = f"import sys, her2_core.cohort\nprint([m for m in {(*TRUTH_MODULES, 'phantom')!r} if 'her2_core.cohort.' + m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
