from __future__ import annotations

import numpy as np
import pytest

from her2_core.errors import TrainingError
from her2_core.models.prepare import MarkerTable, prepare
from her2_core.models.standardise import PixelStatistics, Standardisation
from her2_core.models.tables import table_for
from her2_core.models.tdlm import TDLM, TdlmConfig
from her2_core.training.config import TrainingConfig
from her2_core.training.dataset import MarkerDataset, RoiDataset
from her2_core.training.evaluate import last_known, recist_risk, stage_risks
from her2_core.training.loop import initialised, risk_probability
from her2_core.training.outcomes import Outcomes
from her2_core.training.risks import ldlm_risks, score_tables, tdlm_risks
from support.learnable import learnable_bundle, learnable_case
from support.networks import seeded_ldlm

NAN = float("nan")


def outcomes(days: list[float]) -> Outcomes:
    return Outcomes(np.array(days), np.ones(len(days), dtype=bool))


def test_score_tables_by_hand() -> None:
    # Baseline risks .1 .2 .3 .5 .9 -> scores 0 .25 .5 .6667 1; the patients dead within a year have .3, .5 and .9.
    risks = np.full((5, 5), NAN)
    risks[:, 0] = [0.1, 0.2, 0.3, 0.5, 0.9]
    risks[:4, 1] = [0.2, 0.4, 0.6, 0.8]
    tables = score_tables(risks, outcomes([900, 800, 100, 200, 300]))
    assert set(tables) == {0, 1}
    first = tables[0]
    assert (first.rescale.minimum, first.rescale.median, first.rescale.maximum) == (0.1, 0.3, 0.9)
    assert [first.score(r).value for r in (0.0, 0.1, 0.2, 0.3, 0.6, 0.9, 1.0)] == pytest.approx(
        [0, 0, 0.25, 0.5, 0.75, 1, 1]
    )
    assert first.cutoff == pytest.approx(0.5)
    assert (first.score(0.3).group, first.score(0.29).group) == ("high", "low")
    assert (first.patients, tables[1].patients) == (5, 4)
    assert tables[1].rescale.median == pytest.approx(0.5)


def test_a_number_of_follow_ups_with_one_outcome_only_uses_the_table_below() -> None:
    risks = np.array([[0.1, 0.1, NAN, NAN, NAN], [0.5, 0.6, NAN, NAN, NAN], [0.9, NAN, NAN, NAN, NAN]])
    tables = score_tables(risks, outcomes([900, 800, 100]))
    assert set(tables) == {0}
    assert table_for(tables, 2) is tables[0]


def test_a_cohort_with_one_outcome_only_is_refused() -> None:
    with pytest.raises(TrainingError, match="deaths within 12 months"):
        score_tables(np.full((3, 5), 0.5), outcomes([900, 800, 700]))


def test_risks_per_stage_equal_the_model_asked_one_patient_at_a_time() -> None:
    bundles = [learnable_bundle(i) for i in (0, 7, 2)]  # patient 7 has one follow-up only
    patients = [prepare(b.case, b.rois, 32) for b in bundles]
    data = RoiDataset(patients, Standardisation(PixelStatistics(0.5, 0.2)), TrainingConfig())
    model = seeded_ldlm()
    risks = ldlm_risks(model, data)
    assert np.isfinite(risks).tolist() == [[True] * 3 + [False] * 2, [True] * 2 + [False] * 3, [True] * 3 + [False] * 2]
    for stage in range(3):
        for patient in range(3):
            if np.isfinite(risks[patient, stage]):
                alone = risk_probability(model, data, [patient], stage)
                assert alone[0] == pytest.approx(risks[patient, stage], abs=1e-6)


def test_marker_risks_wait_for_the_first_panel() -> None:
    case, _ = learnable_case(0)
    late = case.__class__(**{**case.__dict__, "markers": case.markers[1:]})
    data = MarkerDataset([case, late], MarkerTable.fit([case], ("LDH",)), TrainingConfig())
    risks = tdlm_risks(initialised(TDLM, TdlmConfig(markers=("LDH",)), 0).eval(), data)
    assert np.isfinite(risks).tolist() == [[True, True, True, False, False], [False, True, True, False, False]]


def test_a_stage_takes_what_a_patient_has() -> None:
    risks = np.array([[0.1, 0.2, 0.3, 0.4, 0.5], [0.1, 0.2, NAN, NAN, NAN]])
    assert last_known(risks, 2).tolist() == [0.3, 0.2]
    assert {k: v.tolist() for k, v in stage_risks(risks).items()} == {
        "LDLM-BS": [0.1, 0.1],
        "LDLM-1F": [0.2, 0.2],
        "LDLM-2F": [0.3, 0.2],
    }


def test_recist_as_a_risk() -> None:
    cases = [learnable_case(i)[0] for i in range(20)]
    change = [c.lesions[1].observations[-1].long_mm / c.lesions[1].observations[0].long_mm - 1 for c in cases]
    expected = [0.0 if c <= -0.3 else 2.0 if c >= 0.2 else 1.0 for c in change]
    assert recist_risk(cases).tolist() == expected
    assert len(set(expected)) > 1
