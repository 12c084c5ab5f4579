"""A phantom patient without pixels: clinical data, schedule, lesions over time, markers, survival.

Everything here is drawn from the hidden state of `latents`; `roi_level` and `dicom_level` turn it into images.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Optional, Tuple

import numpy as np

from her2_core.case import MARKERS, TIME_POINTS, Clinical, NonTargets, Outcome, TimePointName
from her2_core.cohort.latents import (
    Latents,
    draw_latents,
    draw_survival_days,
    true_log_hazard,
)
from her2_core.cohort.lesions import LesionCourse, draw_lesions
from her2_core.cohort.streams import case_id_of, stream
from her2_core.cohort.table1 import CohortShape, shape_of

INTERVAL_DAYS, INTERVAL_SD, INTERVAL_RANGE = 49.0, 4.5, (39, 57)
"""CT every six to eight weeks."""
LONGEST_START_DAYS = 10
"""Therapy starts 1 to 10 days after the baseline CT."""
LAST_CT_TO_DEATH_DAYS = 7.0
PANEL_MISSING, VALUE_MISSING = 0.08, 0.12
NON_TARGETS_PRESENT = 0.5

MARKER_BASELINE: Dict[str, Tuple[float, float, float]] = {
    "LDH": (200.0, 0.20, 0.25),
    "NSE": (13.0, 0.25, 0.25),
    "CEA": (8.0, 0.70, 0.75),
    "CA125": (30.0, 0.60, 0.60),
    "CA19-9": (35.0, 0.80, 0.80),
    "CA72-4": (9.0, 0.70, 0.70),
    "AFP": (4.0, 0.50, 0.30),
}
"""Median at baseline (MARKER_UNITS), spread of its logarithm, and how strongly it follows the tumour burden."""
MARKER_NOISE = 0.15
MARKER_RISK = 0.30
"""How much the hidden risk raises the burden that markers show before therapy."""


@dataclass(frozen=True)
class Patient:
    """One phantom patient.

    Attributes:
        seed, cohort, index: what fixes the patient.
        case_id: pseudonym, shows neither.
        clinical: sex, HER2, age, line of therapy, centre.
        days: day of each examination since baseline; the first is 0.
        therapy_start_day: relative to baseline.
        lesions: primary first, then targets, then new ones.
        non_targets: per examination.
        markers: per examination; empty = no panel.
        outcome: from the start of therapy.
        latents, log_hazard: the truth; never written beside the data.
    """

    seed: int
    cohort: str
    index: int
    case_id: str
    clinical: Clinical
    days: Tuple[int, ...]
    therapy_start_day: int
    lesions: Tuple[LesionCourse, ...]
    non_targets: Tuple[Optional[NonTargets], ...]
    markers: Tuple[Dict[str, float], ...]
    outcome: Outcome
    latents: Latents
    log_hazard: float

    @property
    def time_points(self) -> Tuple[TimePointName, ...]:
        """Names of the examinations."""
        return TIME_POINTS[: len(self.days)]

    def stream(self, *purpose: object) -> np.random.Generator:
        """A random stream of this patient for one purpose."""
        return stream(self.seed, self.cohort, self.index, *purpose)


def draw_patient(seed: int, cohort: str, index: int) -> Patient:
    """The patient that (seed, cohort, index) fixes.

    Raises:
        BadInput: there is no such cohort.
    """
    shape = shape_of(cohort)
    latents = draw_latents(stream(seed, cohort, index, "latents"))
    clinical = _draw_clinical(shape, stream(seed, cohort, index, "clinical"))
    log_hazard = true_log_hazard(latents, clinical)
    rng = stream(seed, cohort, index, "course")
    start = int(rng.integers(1, LONGEST_START_DAYS + 1))
    survival = draw_survival_days(log_hazard, rng)
    followed = float(rng.uniform(*shape.follow_up_days))
    days = _draw_days(shape, rng, last=survival + start - LAST_CT_TO_DEATH_DAYS)
    lesions = draw_lesions(shape.targets, latents, len(days), stream(seed, cohort, index, "lesions"))
    return Patient(
        seed=seed,
        cohort=cohort,
        index=index,
        case_id=case_id_of(seed, cohort, index),
        clinical=clinical,
        days=days,
        therapy_start_day=start,
        lesions=lesions,
        non_targets=_draw_non_targets(latents, len(days), rng),
        markers=_draw_markers(shape, latents, len(days), stream(seed, cohort, index, "markers")),
        outcome=Outcome(max(1, int(min(survival, followed))), bool(survival <= followed)),
        latents=latents,
        log_hazard=log_hazard,
    )


def _draw_clinical(shape: CohortShape, rng: np.random.Generator) -> Clinical:
    lines = np.array(shape.lines) / sum(shape.lines)
    centres = list(shape.centres)
    weights = np.array([shape.centres[c] for c in centres]) / sum(shape.centres.values())
    return Clinical(
        sex="male" if rng.random() < shape.male else "female",
        her2="3+" if rng.random() < shape.her2_3plus else "2+/FISH+",
        age_years=int(np.clip(round(rng.normal(*shape.age)), 20, 92)),
        line_of_therapy=int(rng.choice(len(lines), p=lines)) + 1,
        centre=str(rng.choice(centres, p=weights)),
    )


def _draw_days(shape: CohortShape, rng: np.random.Generator, last: float) -> Tuple[int, ...]:
    """Days of the examinations; 3F and 4F only as long as the patient lives."""
    draw = rng.random()
    wanted = sum(draw < p for p in shape.follow_ups)
    gaps = np.clip(np.round(rng.normal(INTERVAL_DAYS, INTERVAL_SD, 4)), *INTERVAL_RANGE).astype(int)
    days = [0, *np.cumsum(gaps)[:wanted].tolist()]
    return tuple(day for i, day in enumerate(days) if i <= 2 or day <= last)


def _draw_non_targets(latents: Latents, times: int, rng: np.random.Generator) -> Tuple[Optional[NonTargets], ...]:
    """RECIST assessment of the other lesions: usually unchanged, gone after a strong response, worse when active."""
    if rng.random() >= NON_TARGETS_PRESENT:
        return (None,) * times
    seen: List[Optional[NonTargets]] = ["present"]
    for follow_up in range(1, times):
        level = latents.activity("target", follow_up) + rng.normal(0, 0.6)
        worse = seen[-1] == "unequivocal progression" or level > 2.3
        seen.append("unequivocal progression" if worse else "absent" if level < -1.6 else "present")
    return tuple(seen)


def _draw_markers(
    shape: CohortShape, latents: Latents, times: int, rng: np.random.Generator
) -> Tuple[Dict[str, float], ...]:
    """Serum markers follow the tumour burden; panels are recorded up to 2F and miss values at random."""
    panels: List[Dict[str, float]] = []
    positive = rng.normal(size=len(MARKERS))
    burden = MARKER_RISK * latents.risk
    for time in range(times):
        if time:
            both = 0.4 * latents.activity("primary", time) + 0.6 * latents.activity("target", time)
            burden += -0.30 + 0.55 * both
        noise = rng.normal(0, MARKER_NOISE, len(MARKERS))
        kept = rng.random(len(MARKERS)) >= VALUE_MISSING
        recorded = shape.markers and rng.random() >= PANEL_MISSING and time <= 2
        panel = {}
        for i, name in enumerate(MARKERS):
            median, spread, load = MARKER_BASELINE[name]
            value = median * np.exp(spread * positive[i] + load * burden + noise[i])
            if recorded and kept[i]:
                panel[name] = round(float(value), 2)
        panels.append(panel)
    return tuple(panels)
