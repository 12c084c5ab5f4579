"""The shape of the cohorts: He 2024, Table 1, as numbers to draw from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Tuple

from her2_core.case import Organ
from her2_core.errors import BadInput

COHORTS: Tuple[str, ...] = ("training", "internal", "external", "prospective")

TARGET_COUNTS: Dict[int, float] = {1: 0.20, 2: 0.28, 3: 0.26, 4: 0.15, 5: 0.11}
"""Target lesions per patient; with the primary 3.69 +- 1.25 lesions (paper, Results: 3.70 +- 1.23)."""


@dataclass(frozen=True)
class CohortShape:
    """One column of Table 1.

    Attributes:
        size: number of patients.
        age: mean and standard deviation, years.
        male: share of men.
        her2_3plus: share of HER2 3+; the rest is 2+/FISH+.
        lines: counts of first, second, third or later line of therapy.
        targets: target lesions per organ (the stomach is the primary tumour of every patient).
        follow_ups: probability of at least 1, 2, 3, 4 follow-up examinations.
        centres: centre -> number of patients.
        markers: whether serum markers were recorded.
        follow_up_days: censoring is uniform between these days after the start of therapy.
    """

    size: int
    age: Tuple[float, float]
    male: float
    her2_3plus: float
    lines: Tuple[int, int, int]
    targets: Dict[Organ, int]
    follow_ups: Tuple[float, float, float, float]
    centres: Dict[str, int]
    markers: bool
    follow_up_days: Tuple[int, int]


_UP_TO_TWO = (1.0, 0.92, 0.0, 0.0)
_RETROSPECTIVE_DAYS = (400, 2400)

TABLE_1: Dict[str, CohortShape] = {
    "training": CohortShape(
        size=91,
        age=(60.8, 10.7),
        male=70 / 91,
        her2_3plus=70 / 91,
        lines=(76, 13, 2),
        targets={
            "Lymph node": 120,
            "Liver": 91,
            "Adrenal gland": 9,
            "Spleen": 1,
            "Peritoneum": 7,
            "Soft tissue": 2,
            "Bone": 2,
            "Lung": 8,
        },
        follow_ups=(1.0, 0.92, 0.62, 0.40),
        centres={"C1": 91},
        markers=True,
        follow_up_days=_RETROSPECTIVE_DAYS,
    ),
    "internal": CohortShape(
        size=46,
        age=(60.0, 12.8),
        male=37 / 46,
        her2_3plus=38 / 46,
        lines=(36, 9, 1),
        targets={
            "Lymph node": 57,
            "Liver": 45,
            "Adrenal gland": 3,
            "Peritoneum": 4,
            "Soft tissue": 1,
            "Lung": 4,
            "Other": 1,
        },
        follow_ups=_UP_TO_TWO,
        centres={"C1": 46},
        markers=True,
        follow_up_days=_RETROSPECTIVE_DAYS,
    ),
    "external": CohortShape(
        size=37,
        age=(63.8, 10.5),
        male=31 / 37,
        her2_3plus=23 / 37,
        lines=(31, 5, 1),
        targets={"Lymph node": 50, "Liver": 50, "Adrenal gland": 3, "Peritoneum": 3, "Lung": 3},
        follow_ups=_UP_TO_TWO,
        centres={"C2": 25, "C3": 10, "C4": 2},
        markers=False,
        follow_up_days=_RETROSPECTIVE_DAYS,
    ),
    "prospective": CohortShape(
        size=33,
        age=(67.0, 19.5),
        male=25 / 33,
        her2_3plus=24 / 32,
        lines=(23, 6, 4),
        targets={
            "Lymph node": 40,
            "Liver": 40,
            "Adrenal gland": 2,
            "Spleen": 1,
            "Peritoneum": 4,
            "Lung": 5,
            "Other": 2,
        },
        follow_ups=_UP_TO_TWO,
        centres={"C1": 33},
        markers=True,
        follow_up_days=(500, 1000),
    ),
}


def shape_of(cohort: str) -> CohortShape:
    """The column of Table 1 for a cohort.

    Raises:
        BadInput: there is no such cohort.
    """
    if cohort not in TABLE_1:
        raise BadInput(f"unknown cohort {cohort!r}", hint=f"Known: {', '.join(COHORTS)}.")
    return TABLE_1[cohort]
