"""The lesions of a phantom patient: where, how large, how active, at each examination."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np
import numpy.typing as npt

from her2_core.case import LesionKind, Organ, Point
from her2_core.cohort.latents import Latents
from her2_core.cohort.sites import draw_site
from her2_core.cohort.table1 import TARGET_COUNTS

CLUSTERING = 4.0
"""Metastases of one patient favour the same organs: a Dirichlet draw around the cohort's proportions."""

LONG_MM: Dict[Organ, Tuple[float, float, float, float]] = {
    "Stomach": (48.0, 0.25, 28.0, 80.0),
    "Lymph node": (24.0, 0.28, 15.0, 50.0),
    "Liver": (30.0, 0.40, 13.0, 75.0),
    "Adrenal gland": (26.0, 0.25, 15.0, 45.0),
    "Spleen": (24.0, 0.30, 13.0, 45.0),
    "Peritoneum": (24.0, 0.30, 13.0, 45.0),
    "Soft tissue": (22.0, 0.25, 13.0, 36.0),
    "Bone": (20.0, 0.20, 13.0, 28.0),
    "Lung": (20.0, 0.35, 12.0, 42.0),
    "Other": (28.0, 0.30, 14.0, 55.0),
}
"""Long diameter at baseline: median (mm), spread of the logarithm, least, largest."""
SHORT_RATIO: Dict[Organ, Tuple[float, float]] = {"Stomach": (0.32, 0.48), "Lymph node": (0.65, 0.9)}
SHORT_RATIO_OTHERS = (0.72, 0.95)

GROWTH_MEAN: Tuple[float, float, float, float] = (-0.21, -0.08, 0.0, 0.03)
"""Mean logarithmic change of the diameter in each interval under therapy."""
GROWTH_PER_ACTIVITY: Tuple[float, float, float, float] = (0.13, 0.22, 0.20, 0.20)
"""How much of it follows the activity; more in the second interval, where resistant clones take over."""
GROWTH_PATIENT_SD, GROWTH_INTERVAL_SD, GROWTH_LESION_SD = 0.08, 0.04, 0.05
"""Size change that has nothing to do with prognosis: tumours may die without shrinking (He 2024, Introduction)."""
GROWTH_RANGE = (-2.6, 0.75)

BASELINE_NOISE = 1.2
"""The untreated look shows the risk only weakly."""
STRUCTURE_NOISE = 0.15
"""Spread of a lesion's visible structure about its activity, per examination."""
NEW_LESION_LEVEL, NEW_LESION_CHANCE = 1.3, 0.6


@dataclass(frozen=True)
class LesionState:
    """One lesion at one examination.

    Attributes:
        long_mm, short_mm: true diameters.
        structure: visible activity: low = necrotic core, thin rim; high = solid, bright thick rim, coarse texture.
            At baseline it is the untreated look, which shows only the patient's risk, weakly.
        treated: False at baseline.
    """

    long_mm: float
    short_mm: float
    structure: float
    treated: bool


@dataclass(frozen=True)
class LesionCourse:
    """One lesion over time.

    Attributes:
        lesion_id: e.g. "L1".
        kind, organ: as in `her2_core.case.Lesion`.
        center_mm: in body coordinates (see `anatomy`).
        angle: of the long axis in the axial plane, radians.
        states: one per examination; None before a new lesion appears.
    """

    lesion_id: str
    kind: LesionKind
    organ: Organ
    center_mm: Point
    angle: float
    states: Tuple[Optional[LesionState], ...]


def draw_lesions(
    proportions: Mapping[Organ, int], latents: Latents, times: int, rng: np.random.Generator
) -> Tuple[LesionCourse, ...]:
    """Primary, targets, and lesions that appear under therapy.

    Args:
        proportions: target lesions per organ in the cohort.
        latents: the patient's hidden state.
        times: number of examinations.
        rng: the patient's stream for lesions.
    """
    growth_bias = rng.normal(0, GROWTH_PATIENT_SD)
    interval_bias = rng.normal(0, GROWTH_INTERVAL_SD, 4)
    growth = growth_bias + interval_bias
    found: List[LesionCourse] = [_draw_lesion("P", "primary", "Stomach", latents, times, growth, rng, ())]
    for number, organ in enumerate(_draw_organs(proportions, rng), start=1):
        found.append(_draw_lesion(f"T{number}", "target", organ, latents, times, growth, rng, found))
    return (*found, *_draw_new_lesions(proportions, latents, times, growth, rng, found))


def _draw_organs(proportions: Mapping[Organ, int], rng: np.random.Generator) -> List[Organ]:
    organs = list(proportions)
    share = np.array([proportions[o] for o in organs], dtype=float)
    own = rng.dirichlet(CLUSTERING * share / share.sum())
    count = int(rng.choice(list(TARGET_COUNTS), p=list(TARGET_COUNTS.values())))
    return [organs[i] for i in rng.choice(len(organs), size=count, p=own)]


def _draw_lesion(
    lesion_id: str,
    kind: LesionKind,
    organ: Organ,
    latents: Latents,
    times: int,
    growth: npt.NDArray[np.float64],
    rng: np.random.Generator,
    taken: Sequence[LesionCourse],
) -> LesionCourse:
    median, spread, low, high = LONG_MM[organ]
    long_mm = float(np.clip(median * np.exp(rng.normal(0, spread)), low, high))
    ratio = float(rng.uniform(*SHORT_RATIO.get(organ, SHORT_RATIO_OTHERS)))
    deviation = rng.normal(0, latents.lesion_spread) if kind != "primary" else 0.0
    center, angle = draw_site(organ, long_mm, [(c.center_mm, _largest(c)) for c in taken], rng)
    states = [LesionState(long_mm, long_mm * ratio, latents.risk + rng.normal(0, BASELINE_NOISE), False)]
    size = 0.0
    for follow_up in range(1, times):
        level = latents.activity(kind, follow_up) + deviation
        own = rng.normal(0, GROWTH_LESION_SD)
        step = GROWTH_MEAN[follow_up - 1] + GROWTH_PER_ACTIVITY[follow_up - 1] * level
        step += growth[follow_up - 1] + own
        size = float(np.clip(size + step, *GROWTH_RANGE))
        now = long_mm * float(np.exp(size))
        states.append(LesionState(now, now * ratio, level + rng.normal(0, STRUCTURE_NOISE), True))
    return LesionCourse(lesion_id, kind, organ, center, angle, tuple(states))


def _draw_new_lesions(
    proportions: Mapping[Organ, int],
    latents: Latents,
    times: int,
    growth: npt.NDArray[np.float64],
    rng: np.random.Generator,
    taken: Sequence[LesionCourse],
) -> List[LesionCourse]:
    """At most one new lesion, when the disease is active at a follow-up."""
    for follow_up in range(1, times):
        active = latents.activity("target", follow_up) + rng.normal(0, 0.3) > NEW_LESION_LEVEL
        if active and rng.random() < NEW_LESION_CHANCE:
            organ = _draw_organs(proportions, rng)[0]
            drawn = _draw_lesion("N1", "new", organ, latents, times, growth, rng, taken)
            hidden = (None,) * follow_up
            states = tuple(_smaller(s) for s in drawn.states[follow_up:])
            return [replace(drawn, states=hidden + states)]
    return []


def _smaller(state: Optional[LesionState]) -> Optional[LesionState]:
    """A new lesion is found while it is small."""
    if state is None:
        return None
    factor = min(1.0, 16.0 / state.long_mm)
    return replace(state, long_mm=state.long_mm * factor, short_mm=state.short_mm * factor)


def _largest(course: LesionCourse) -> float:
    return max(s.long_mm for s in course.states if s is not None)
