"""The truth: hazard, survival, and what each stage can know of it."""

from __future__ import annotations

from dataclasses import replace
from typing import List

import numpy as np
import pytest
from lifelines import KaplanMeierFitter

from her2_core.case import Clinical
from her2_core.cohort.latents import (
    GUARANTEE_DAYS,
    TWELVE_MONTHS_DAYS,
    Latents,
    draw_latents,
    draw_survival_days,
    staged_log_hazards,
    survival_probability,
    true_log_hazard,
)
from her2_core.cohort.patients import Patient
from support.phantom_scores import Columns, c_index, recist_code

PLAIN = Clinical(sex="male", her2="3+", line_of_therapy=1)


def test_oracle_reaches_about_080_and_recist_about_065(many: Columns) -> None:
    assert 0.78 <= c_index(many, many["log_hazard"]) <= 0.825
    assert 0.62 <= c_index(many, recist_code(many)) <= 0.68


def test_each_follow_up_adds_to_what_even_the_oracle_knows(many: Columns) -> None:
    baseline, first, second = (c_index(many, many[f"stage {s}"]) for s in ("baseline", "1F", "2F"))
    assert 0.54 < baseline < 0.65
    assert baseline + 0.03 < first
    assert first + 0.08 < second


def test_order_in_time_and_both_kinds_of_lesions_matter(many: Columns) -> None:
    full = c_index(many, many["stage 2F"])
    primary, targets = c_index(many, many["stage 2F primary only"]), c_index(many, many["stage 2F targets only"])
    assert c_index(many, many["stage 2F unordered"]) < full - 0.02
    assert primary < targets - 0.005
    assert targets < full - 0.015


def test_recist_classes_are_all_common(many: Columns) -> None:
    counts = np.bincount(recist_code(many).astype(int)) / len(many["os_days"])
    assert (counts > 0.12).all()


def test_survival_is_like_the_papers(many: Columns) -> None:
    curve = KaplanMeierFitter().fit(many["os_days"], many["death_observed"])
    assert 14 <= curve.median_survival_time_ / 30.4375 <= 18
    assert 0.58 <= curve.predict(TWELVE_MONTHS_DAYS) <= 0.70
    assert 0.1 < 1 - many["death_observed"].mean() < 0.4


def test_survival_days_follow_the_survival_probability() -> None:
    rng = np.random.default_rng(3)
    for log_hazard in (-1.5, 0.0, 1.5):
        days = np.array([draw_survival_days(log_hazard, rng) for _ in range(4000)])
        assert days.min() >= GUARANTEE_DAYS
        for day in (200.0, TWELVE_MONTHS_DAYS, 700.0):
            expected = float(survival_probability(log_hazard, day))
            assert abs((days > day).mean() - expected) < 4 * np.sqrt(expected * (1 - expected) / 4000) + 1e-9


def test_survival_probability_by_hand() -> None:
    # exp(-((365.25 - 120) / 560)^1.45): 0.437946^1.45 = 0.302037, exp(-0.302037) = 0.739311
    assert survival_probability(0.0) == pytest.approx(0.739311, abs=1e-6)
    assert survival_probability(np.log(2.0)) == pytest.approx(0.739311**2, abs=2e-6)
    assert survival_probability(5.0, 100.0) == 1.0


def test_stages_are_the_best_linear_predictions_of_the_truth() -> None:
    rng = np.random.default_rng(5)
    drawn = [draw_latents(rng) for _ in range(6000)]
    truth = np.array([true_log_hazard(item, PLAIN) for item in drawn])
    stages = [staged_log_hazards(item, PLAIN) for item in drawn]
    for name in stages[0]:
        known = np.array([s[name] for s in stages])
        slope = np.cov(truth, known)[0, 1] / known.var()
        assert slope == pytest.approx(1.0, abs=0.05), name
    assert np.allclose([s["2F"] for s in stages], truth)


def test_a_response_and_its_mirror_image_in_time_look_alike_without_order() -> None:
    early, late = Latents(0.2, 0.5, 0.5, 1.3, 0.1), Latents(0.2, 0.5, 0.5, -1.3, 0.1)
    assert true_log_hazard(early, PLAIN) - true_log_hazard(late, PLAIN) > 1.5
    ordered = staged_log_hazards(early, PLAIN)["2F unordered"] - staged_log_hazards(late, PLAIN)["2F unordered"]
    assert abs(ordered) < 0.35


def test_latents_have_mean_0_and_deviation_1(patients: List[Patient]) -> None:
    values = np.array(
        [[getattr(p.latents, n) for n in ("risk", "primary", "targets", "trend", "discordance")] for p in patients]
    )
    assert np.abs(values.mean(axis=0)).max() < 0.08
    assert np.abs(values.std(axis=0) - 1).max() < 0.06
    assert np.corrcoef(values[:, 1], values[:, 2])[0, 1] == pytest.approx(0.4, abs=0.07)


def test_clinical_data_raise_the_hazard_as_stated() -> None:
    nothing = Latents(0, 0, 0, 0, 0)
    worse = replace(PLAIN, her2="2+/FISH+", line_of_therapy=3)
    assert true_log_hazard(nothing, PLAIN) == 0
    assert true_log_hazard(nothing, worse) == pytest.approx(0.25 + 2 * 0.20)
