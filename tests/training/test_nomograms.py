from __future__ import annotations

from typing import List

import numpy as np
import pytest

from her2_core.case import Case
from her2_core.models.nomogram_inputs import LDLM, TDLM
from her2_core.training.config import TrainingConfig
from her2_core.training.networks import Risk
from her2_core.training.nomograms import fit_nomograms, score_frame, scores, total_points
from support.learnable import learnable_case
from support.model_folders import untrained_model


@pytest.fixture(scope="module")
def cases() -> List[Case]:
    return [learnable_case(i)[0] for i in range(80)]


@pytest.fixture(scope="module")
def hidden() -> np.ndarray:
    return np.array([learnable_case(i)[1] for i in range(80)])


def test_both_variants_are_fitted_and_rank_the_patients(cases: List[Case], hidden: np.ndarray) -> None:
    score = 1 / (1 + np.exp(-hidden))
    fits = fit_nomograms(cases, score, score**2, TrainingConfig())
    assert set(fits.fitted) == {"Nomo-LDLM-2F", "Nomo-w/o-TDLM"}
    assert fits.fitted["Nomo-LDLM-2F"].nomogram.names == ("LDLM score", "TDLM score", "RECIST", "Sex", "HER2 status")
    frame = score_frame(cases, score, score**2)
    for fitted in fits.fitted.values():
        points = total_points(fitted, frame)
        assert np.corrcoef(points, hidden)[0, 1] > 0.7
        assert points.min() < fitted.cutoff < points.max()
        assert fitted.nomogram.n == 80


def test_patients_without_a_value_are_left_out_and_counted(cases: List[Case], hidden: np.ndarray) -> None:
    score, markers = 1 / (1 + np.exp(-hidden)), np.full(80, np.nan)
    markers[:60] = score[:60]
    score = np.where(np.arange(80) < 5, np.nan, score)
    fits = fit_nomograms(cases, score, markers, TrainingConfig())
    assert fits.fitted["Nomo-LDLM-2F"].nomogram.n == 55
    assert fits.fitted["Nomo-w/o-TDLM"].nomogram.n == 75
    assert any("55 of 80" in note for note in fits.notes)
    points = total_points(fits.fitted["Nomo-LDLM-2F"], score_frame(cases, score, markers))
    assert np.isfinite(points).tolist() == [5 <= i < 60 for i in range(80)]


def test_without_markers_there_is_one_nomogram_and_a_note(cases: List[Case], hidden: np.ndarray) -> None:
    fits = fit_nomograms(cases, 1 / (1 + np.exp(-hidden)), np.full(80, np.nan), TrainingConfig())
    assert set(fits.fitted) == {"Nomo-w/o-TDLM"}
    assert any("Nomo-LDLM-2F: not fitted" in note for note in fits.notes)


def test_a_variable_without_spread_is_left_out_and_said(cases: List[Case], hidden: np.ndarray) -> None:
    fits = fit_nomograms(cases, np.full(80, 0.5), 1 / (1 + np.exp(-hidden)), TrainingConfig())
    names = fits.fitted["Nomo-LDLM-2F"].nomogram.names
    assert LDLM not in names
    assert TDLM in names
    assert any("LDLM score left out" in note for note in fits.notes)


def test_scores_use_the_table_of_the_follow_ups_a_patient_has(cases: List[Case]) -> None:
    model = untrained_model()
    few = [cases[0], cases[7], learnable_case(3, times=1)[0], learnable_case(4, times=5)[0]]
    risk = np.array([[0.1, 0.2, 0.3, np.nan, np.nan]] * 3 + [[0.1, 0.2, 0.3, 0.4, 0.5]])
    ldlm, tdlm = scores(few, Risk(risk, np.full((4, 5), np.nan)), model.tables)
    assert ldlm[:2] == pytest.approx([0.3, 0.2])  # two follow-ups; one
    assert np.isnan(ldlm[2])  # baseline only: no nomogram
    assert ldlm[3] == pytest.approx(0.3)  # later follow-ups do not enter
    assert np.isnan(tdlm).all()
