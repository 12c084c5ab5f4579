"""Every figure says what it shows, carries the notice, and keeps its texts apart."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.metrics import roc_auc_score

from her2_core.cohort.folder import PHANTOM_NOTICE
from her2_core.study.attention import by_risk_group, organ_pairs, time_differences, time_importance
from her2_core.study.calibration import calibrations
from her2_core.study.figures.attention import organ_pair_figure, time_importance_figure
from her2_core.study.figures.calibration import calibration_figure
from her2_core.study.figures.discrimination import roc_figure, waterfall_figure
from her2_core.study.figures.survival import cohort_figure, cohort_logrank, recist_figure, risk_group_figure
from her2_core.study.risk_groups import training_cutoffs
from her2_core.study.scores import ScoresTable
from support.figures import overlapping, words
from support.study import simulated

STUDY = simulated(scale=0.5)
CUTOFFS = training_cutoffs(STUDY.scores)


def check(figure: Figure | None) -> set[str]:
    """Its words, once it is known that they do not overlap and the notice is among them."""
    assert figure is not None
    assert overlapping(figure) == []
    shown = words(figure)
    assert any(text.startswith("SYNTHETIC") for text in shown)
    return shown


def test_figure_2_has_a_panel_per_cohort_and_number_of_follow_ups() -> None:
    shown = check(risk_group_figure(STUDY.scores, CUTOFFS, PHANTOM_NOTICE))
    for cohort in ("internal", "external", "prospective"):
        assert {f"{model}, {cohort} cohort" for model in ("LDLM-BS", "LDLM-1F", "LDLM-2F")} <= shown
    assert not any("training" in text for text in shown)


def test_figure_s6_compares_centres_and_cohorts() -> None:
    shown = check(cohort_figure(STUDY.summary, PHANTOM_NOTICE))
    assert {"By centre", "By cohort"} <= shown
    sizes = {c: len(STUDY.summary.of(c)) for c in ("training", "internal", "external", "prospective")}
    assert {f"{c} (n = {n})" for c, n in sizes.items()} <= shown
    p_values = cohort_logrank(STUDY.summary)
    assert {f"log-rank p = {p:.4f}" for p in p_values.values()} <= shown


def test_figure_s8_has_every_response_in_every_cohort() -> None:
    shown = check(recist_figure(STUDY.scores, PHANTOM_NOTICE))
    for cohort in STUDY.scores.cohorts:
        assert f"RECIST, {cohort} cohort" in shown
        for response in ("PR", "SD", "PD"):
            n = sum(r.recist == response for r in STUDY.scores.of(cohort))
            assert n == 0 or f"{response} (n = {n})" in shown


def test_roc_curves_tell_their_auc_and_the_external_cohort_its_own_nomogram() -> None:
    figure = roc_figure(STUDY.scores, PHANTOM_NOTICE)
    shown = check(figure)
    scored = STUDY.scores.scored("Nomo-w/o-TDLM", "external")
    auc = roc_auc_score(scored.days <= 365.25, scored.risk)
    assert f"Nomo-w/o-TDLM: {auc:.3f}" in shown
    assert figure is not None
    assert len(figure.axes) == 3
    assert sum(text.startswith("Nomo-LDLM-2F") for text in shown) == 2


def test_waterfall_has_one_bar_per_patient_falling_and_coloured_by_outcome() -> None:
    figure = waterfall_figure(STUDY.scores, "LDLM-2F", CUTOFFS["LDLM-2F"], PHANTOM_NOTICE)
    check(figure)
    assert figure is not None
    scored = STUDY.scores.scored("LDLM-2F", "internal")
    bars = figure.axes[0].patches
    heights = [bar.get_height() for bar in bars]
    assert heights == pytest.approx(sorted(scored.risk - CUTOFFS["LDLM-2F"], reverse=True))
    orange = sum(bar.get_facecolor()[0] > 0.8 for bar in bars)
    assert orange == int(np.sum(scored.event & (scored.days <= 365.25)))


def test_calibration_points_stand_where_they_were_computed() -> None:
    found = calibrations(STUDY.scores, "Nomo-w/o-TDLM", STUDY.nomograms, resamples=50)
    figure = calibration_figure(found, PHANTOM_NOTICE)
    shown = check(figure)
    assert figure is not None
    assert len(figure.axes) == len(found) == 4
    line = next(x for x in figure.axes[1].lines if x.get_marker() == "o")
    assert list(line.get_xdata()) == pytest.approx([p.predicted for p in found[1].points])
    assert list(line.get_ydata()) == pytest.approx([p.observed for p in found[1].points])
    patients = len(STUDY.scores.scored("Nomo-w/o-TDLM", "external").days)
    assert f"external cohort (n = {patients})" in shown


def test_attention_figures() -> None:
    groups = by_risk_group(STUDY.scores, STUDY.attentions, CUTOFFS["LDLM-2F"])
    pairs = {name: organ_pairs(found) for name, found in groups.items()}
    figure = organ_pair_figure(pairs, PHANTOM_NOTICE)
    shown = check(figure)
    assert {"low risk", "high risk", "attended organ", "attending organ", "mean attention weight"} <= shown
    assert all(f"{p.weight:.2f}" in shown for p in pairs["high"])
    times = {name: time_importance(found) for name, found in groups.items()}
    bars = time_importance_figure(times, time_differences(groups["low"], groups["high"]), PHANTOM_NOTICE)
    check(bars)
    assert bars is not None
    heights = [bar.get_height() for bar in bars.axes[0].patches]
    assert heights == pytest.approx([t.mean for name in ("low", "high") for t in times[name]])


def test_without_data_there_is_no_figure() -> None:
    training = ScoresTable(STUDY.scores.of("training"))
    assert risk_group_figure(training, CUTOFFS, "") is None
    assert roc_figure(training, "") is None
    assert waterfall_figure(training, "TDLM", 0.5, "") is None
    assert calibration_figure((), "") is None
    assert calibrations(training, "Nomo-LDLM-2F", {}) == ()
    assert organ_pair_figure({"low": (), "high": ()}, "") is None
    assert time_importance_figure({"low": (), "high": ()}, {}, "") is None
