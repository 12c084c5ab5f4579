"""Phantom patients against Table 1 of the paper, and against each other."""

from __future__ import annotations

from typing import Dict, List

import numpy as np
import pytest

from her2_core.case import CASE_ID
from her2_core.cohort.patients import Patient, draw_patient
from her2_core.cohort.table1 import COHORTS, TABLE_1
from her2_core.errors import BadInput

N = 500

PAPER_TARGET_SHARES = {
    "training": {"Lymph node": 120 / 240, "Liver": 91 / 240, "Lung": 8 / 240, "Adrenal gland": 9 / 240},
    "internal": {"Lymph node": 57 / 115, "Liver": 45 / 115, "Lung": 4 / 115, "Adrenal gland": 3 / 115},
    "external": {"Lymph node": 50 / 109, "Liver": 50 / 109, "Lung": 3 / 109, "Adrenal gland": 3 / 109},
    "prospective": {"Lymph node": 40 / 94, "Liver": 40 / 94, "Lung": 5 / 94, "Peritoneum": 4 / 94},
}
"""Table 1, without the stomach: counted from the paper, not from the code."""


@pytest.fixture(scope="module")
def drawn() -> Dict[str, List[Patient]]:
    return {cohort: [draw_patient(2024, cohort, index) for index in range(N)] for cohort in COHORTS}


def close(share: float, expected: float, n: int, factor: float = 4.0) -> bool:
    """Within `factor` binomial standard errors."""
    return abs(share - expected) <= factor * np.sqrt(max(expected * (1 - expected), 1e-4) / n)


def test_default_sizes_are_those_of_table_1() -> None:
    assert {name: shape.size for name, shape in TABLE_1.items()} == {
        "training": 91,
        "internal": 46,
        "external": 37,
        "prospective": 33,
    }


@pytest.mark.parametrize(
    ("cohort", "male", "her2_3plus", "first_line"),
    [
        ("training", 0.7692, 0.7692, 76 / 91),
        ("internal", 0.8043, 0.8261, 36 / 46),
        ("external", 0.8378, 0.6216, 31 / 37),
        ("prospective", 0.7576, 24 / 32, 23 / 33),
    ],
)
def test_clinical_shares_are_those_of_table_1(
    drawn: Dict[str, List[Patient]], cohort: str, male: float, her2_3plus: float, first_line: float
) -> None:
    clinical = [p.clinical for p in drawn[cohort]]
    assert close(np.mean([c.sex == "male" for c in clinical]), male, N)
    assert close(np.mean([c.her2 == "3+" for c in clinical]), her2_3plus, N)
    assert close(np.mean([c.line_of_therapy == 1 for c in clinical]), first_line, N)
    assert np.mean([c.age_years or 0 for c in clinical]) == pytest.approx(TABLE_1[cohort].age[0], abs=2.5)


@pytest.mark.parametrize("cohort", COHORTS)
def test_sites_are_those_of_table_1(drawn: Dict[str, List[Patient]], cohort: str) -> None:
    organs = [c.organ for p in drawn[cohort] for c in p.lesions if c.kind == "target"]
    for organ, share in PAPER_TARGET_SHARES[cohort].items():
        # Lesions of one patient favour the same organs, so the error is larger than binomial.
        assert close(np.mean([o == organ for o in organs]), share, N), organ
    assert all(p.lesions[0].kind == "primary" and p.lesions[0].organ == "Stomach" for p in drawn[cohort])


def test_lesions_per_patient_are_3_7_with_deviation_1_2(drawn: Dict[str, List[Patient]]) -> None:
    counts = np.array([sum(c.kind != "new" for c in p.lesions) for ps in drawn.values() for p in ps])
    assert counts.mean() == pytest.approx(3.70, abs=0.1)
    assert counts.std() == pytest.approx(1.23, abs=0.08)
    assert counts.min() >= 2
    assert counts.max() <= 6


def test_follow_ups_are_as_many_as_in_the_paper(drawn: Dict[str, List[Patient]]) -> None:
    for cohort in COHORTS:
        follow_ups = np.array([len(p.days) - 1 for p in drawn[cohort]])
        assert close(np.mean(follow_ups == 1), 0.08, N)
        assert follow_ups.min() == 1
        if cohort == "training":
            assert np.mean(follow_ups >= 3) == pytest.approx(0.60, abs=0.06)
            assert np.mean(follow_ups >= 4) == pytest.approx(0.38, abs=0.06)
        else:
            assert follow_ups.max() == 2


def test_examinations_are_six_to_eight_weeks_apart_and_before_death(drawn: Dict[str, List[Patient]]) -> None:
    for patient in (p for ps in drawn.values() for p in ps):
        gaps = np.diff(patient.days)
        assert ((gaps >= 39) & (gaps <= 57)).all()
        assert 1 <= patient.therapy_start_day <= 10
        assert (
            patient.outcome.os_days + patient.therapy_start_day > patient.days[-1] or not patient.outcome.death_observed
        )


def test_markers_are_missing_at_random_and_absent_outside_centre_1(drawn: Dict[str, List[Patient]]) -> None:
    assert all(not any(p.markers) for p in drawn["external"])
    panels = [m for p in drawn["internal"] for m in p.markers]
    assert 0.05 < np.mean([not m for m in panels]) < 0.12
    assert 0.08 < np.mean([1 - len(m) / 7 for m in panels if m]) < 0.16
    assert all(not m for p in drawn["training"] for m in p.markers[3:])


def test_centres_follow_the_paper(drawn: Dict[str, List[Patient]]) -> None:
    assert {p.clinical.centre for p in drawn["training"] + drawn["internal"] + drawn["prospective"]} == {"C1"}
    external = [p.clinical.centre for p in drawn["external"]]
    assert close(np.mean([c == "C2" for c in external]), 25 / 37, N)
    assert set(external) == {"C2", "C3", "C4"}


def test_case_ids_are_pseudonyms_that_never_repeat(drawn: Dict[str, List[Patient]]) -> None:
    ids = [p.case_id for ps in drawn.values() for p in ps]
    assert all(CASE_ID.match(name) for name in ids)
    assert len(set(ids)) == len(ids)


def test_a_patient_depends_on_seed_cohort_and_index_only() -> None:
    first = draw_patient(9, "training", 4)
    draw_patient(9, "training", 3)
    assert draw_patient(9, "training", 4) == first
    for other in (draw_patient(10, "training", 4), draw_patient(9, "internal", 4), draw_patient(9, "training", 5)):
        assert other.case_id != first.case_id
        assert other.latents != first.latents


def test_active_disease_grows_and_its_markers_rise(patients: List[Patient]) -> None:
    level = np.array([p.latents.targets + p.latents.primary for p in patients])
    growth = np.array([p.lesions[1].states[-1].long_mm / p.lesions[1].states[0].long_mm for p in patients])  # type: ignore[union-attr]
    assert np.corrcoef(level, np.log(growth))[0, 1] > 0.4
    both = [(lv, p.markers) for lv, p in zip(level, patients) if "CEA" in p.markers[0] and "CEA" in p.markers[-1]]
    rise = np.array([np.log(m[-1]["CEA"] / m[0]["CEA"]) for _, m in both])
    assert np.corrcoef([lv for lv, _ in both], rise)[0, 1] > 0.4


def test_unknown_cohort_is_refused() -> None:
    with pytest.raises(BadInput, match=r"unknown cohort 'test'\. Known: training, internal"):
        draw_patient(1, "test", 0)
