"""Table 3 against the statistics computed one by one, and risk groups with the training cut-off."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter
from lifelines.utils import concordance_index
from sklearn.metrics import roc_auc_score

from her2_core.errors import BadInput
from her2_core.study.paper_numbers import TABLE_3
from her2_core.study.performance import one_year_survival, performances, table_3, table_of_weighted_statistics
from her2_core.study.risk_groups import risk_group_table, risk_groups, training_cutoffs
from her2_core.study.scores import PatientScores, ScoresTable
from her2_core.survival.kaplan_meier import logrank_p
from her2_core.survival.time_dependent import brier_score
from support.study import simulated

STUDY = simulated(scale=0.5)


def find(cohort: str, model: str):  # type: ignore[no-untyped-def]
    found = performances(STUDY.scores, STUDY.nomograms, resamples=50)
    return next(p for p in found if (p.cohort, p.model) == (cohort, model))


def test_row_of_the_internal_cohort() -> None:
    scored = STUDY.scores.scored("LDLM-2F", "internal")
    row = find("internal", "LDLM-2F")
    assert (row.patients, row.deaths) == (len(scored.days), int(scored.event.sum()))
    assert row.c_index.value == pytest.approx(concordance_index(scored.days, -scored.risk, scored.event))
    label = scored.event & (scored.days <= 365.25)
    assert row.auc.value == pytest.approx(roc_auc_score(label, scored.risk))  # nobody is lost within the year here
    assert row.lost == 0


def test_hazard_ratio_is_per_training_standard_deviation() -> None:
    scored = STUDY.scores.scored("LDLM-2F", "internal")
    unit = np.std(STUDY.scores.scored("LDLM-2F", "training").risk, ddof=1)
    frame = pd.DataFrame({"x": scored.risk / unit, "t": scored.days, "e": scored.event})
    theirs = CoxPHFitter().fit(frame, "t", "e").summary.loc["x"]
    ours = find("internal", "LDLM-2F").hazard
    assert (ours.ratio, ours.low, ours.high, ours.p) == pytest.approx(
        tuple(theirs[["exp(coef)", "exp(coef) lower 95%", "exp(coef) upper 95%", "p"]]), rel=1e-4
    )


def test_brier_score_of_a_plain_score_comes_from_a_cox_regression_on_training() -> None:
    training, internal = (STUDY.scores.scored("TDLM", c) for c in ("training", "internal"))
    frame = pd.DataFrame({"x": training.risk, "t": training.days, "e": training.event})
    fitted = CoxPHFitter().fit(frame, "t", "e")
    curves = fitted.predict_survival_function(pd.DataFrame({"x": internal.risk}))
    theirs = curves.loc[:365.25].iloc[-1].to_numpy()  # the last step; at times of one's own lifelines interpolates
    ours = one_year_survival("TDLM", internal.risk, training, {})
    assert ours == pytest.approx(theirs, abs=1e-5)
    expected = brier_score(internal.days, internal.event, theirs, resamples=2).value
    assert find("internal", "TDLM").brier.value == pytest.approx(expected, abs=1e-5)


def test_a_nomogram_answers_with_its_own_survival() -> None:
    nomogram = STUDY.nomograms["Nomo-w/o-TDLM"]
    scored = STUDY.scores.scored("Nomo-w/o-TDLM", "external")
    ours = one_year_survival("Nomo-w/o-TDLM", scored.risk, scored, STUDY.nomograms)
    theirs = [nomogram.survival_at(nomogram.linear_predictor(points), 365.25) for points in scored.risk]
    assert ours == pytest.approx(theirs)


def test_table_3_shows_ours_as_synthetic_beside_the_clinical_numbers() -> None:
    found = performances(STUDY.scores, STUDY.nomograms, resamples=20)
    table = table_3(found, synthetic=True)
    assert "C-index (95 % CI), SYNTHETIC" in table.header
    assert "C-index (95 % CI), clinical (He 2024)" in table.header
    column = table.header.index("C-index (95 % CI), clinical (He 2024)")
    rows = {row[:2]: row for row in table.rows}
    assert rows["external", "Nomo-w/o-TDLM"][column] == "0.709 (0.562–0.855)"
    assert ("external", "TDLM") not in rows  # no markers there
    assert not any("SYNTHETIC" in name for name in table_3(found, synthetic=False).header)
    weighted = {row[:2]: row for row in table_of_weighted_statistics(found, synthetic=True).rows}
    assert set(weighted) == set(rows)
    brier = find("internal", "LDLM-2F").brier
    assert weighted["internal", "LDLM-2F"][5].startswith(f"{brier.value:.3f} (")


def test_the_paper_s_intervals_contain_its_values() -> None:
    assert len(TABLE_3) == 19
    for result in TABLE_3.values():
        for value, low, high in (result.c_index, result.auc):
            assert low < value < high


def test_what_cannot_be_computed_is_left_open() -> None:
    ids = [f"ABCDEFGHIJKLMNOPQRSTUVWX{a}{b}" for a in "ABC" for b in "ABCDEF"]
    rows = [PatientScores(i, "training", 100 + 50 * k, k % 2 == 0, ldlm_2f=k / 18) for k, i in enumerate(ids)]
    rows.append(PatientScores("ZZZZZZZZZZZZZZZZZZZZZZZZZZ", "external", 50, False, ldlm_2f=0.5))
    found = {(p.cohort, p.model): p for p in performances(ScoresTable(tuple(rows)), {}, resamples=20)}
    alone = found["external", "LDLM-2F"]
    assert (alone.patients, alone.lost) == (1, 1)
    assert (alone.c_index, alone.hazard, alone.auc, alone.ipcw_auc, alone.brier) == (None,) * 5
    assert found["external", "RECIST"].patients == 0


def test_risk_groups_use_the_training_cut_off() -> None:
    cutoffs = training_cutoffs(STUDY.scores)
    training = STUDY.scores.scored("LDLM-2F", "training")
    label = training.days <= 365.25
    gains = {c: np.mean(training.risk[label] >= c) - np.mean(training.risk[~label] >= c) for c in training.risk}
    assert gains[cutoffs["LDLM-2F"]] == pytest.approx(max(gains.values()))
    scored = STUDY.scores.scored("LDLM-2F", "external")
    low, high = risk_groups(scored, cutoffs["LDLM-2F"])
    assert len(high.time) == int(np.sum(scored.risk >= cutoffs["LDLM-2F"]))
    assert sorted([*low.time, *high.time]) == pytest.approx(sorted(scored.days / 30.4375))
    rows = {row[:1] + row[2:3]: row for row in risk_group_table(STUDY.scores, cutoffs).rows}
    said = rows["LDLM-2F", "external"]
    assert said[3:5] == (str(len(low.time)), str(len(high.time)))
    assert float(said[7].lstrip("< ")) == pytest.approx(logrank_p([low, high]), abs=6e-4)


def test_without_training_patients_there_is_no_cut_off() -> None:
    with pytest.raises(BadInput, match="no training patients"):
        training_cutoffs(ScoresTable(STUDY.scores.of("internal")))
