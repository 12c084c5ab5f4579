"""The pictures hold what they claim: scales in the right places, marks of the patient, no labels on top of each other."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from typing import Optional

import numpy as np
import pytest

from her2_core.errors import BadInput
from her2_core.survival.kaplan_meier import Group, at_risk, kaplan_meier_figure, logrank_p
from her2_core.survival.nomogram import Baseline, Nomogram
from her2_core.survival.plots import nomogram_figure
from her2_core.survival.variables import FactorVariable, NumericVariable
from support.figures import overlapping, texts, words

PATIENT = {"ldlm_score": 0.7, "RECIST": "SD", "sex": "male", "HER2": "3+"}
NOTICE = "SYNTHETIC: no clinical meaning. " * 6


def nomogram(scale: float = 2.0, level: str = "2+/FISH+") -> Nomogram:
    return Nomogram(
        variables=(
            NumericVariable("ldlm_score", scale, tuple(i / 10 for i in range(11)), 0.5),
            FactorVariable("RECIST", {"PR": 0.0, "SD": 0.5, "PD": 0.51}, {"PR": 0.4, "SD": 0.4, "PD": 0.2}),
            FactorVariable("sex", {"female": 0.0, "male": 0.0}, {"female": 0.3, "male": 0.7}),
            FactorVariable("HER2", {level: 0.0, "3+": -0.1}, {level: 0.2, "3+": 0.8}),
        ),
        baseline=Baseline(tuple(range(1, 21)), tuple(np.linspace(0.97, 0.4, 20)), 20.0),
        concordance=0.7,
        n=91,
        events=50,
    )


def groups() -> list[Group]:
    rng = np.random.default_rng(0)
    low, high = np.ceil(rng.exponential(30, 40)), np.ceil(rng.exponential(9, 30))
    return [Group("low risk", low, rng.random(40) < 0.6), Group("high risk", high, rng.random(30) < 0.8)]


@pytest.mark.parametrize("patient", [None, PATIENT])
@pytest.mark.parametrize("level", ["2+/FISH+", "a level with quite a long name"])
@pytest.mark.parametrize("scale", [2.0, 0.4])
def test_no_two_texts_of_the_nomogram_overlap(patient: Optional[dict[str, object]], level: str, scale: float) -> None:
    figure = nomogram_figure(nomogram(scale, level), patient=patient, notice=NOTICE)  # type: ignore[arg-type]
    assert overlapping(figure) == []


def test_nomogram_shows_every_level_the_patient_and_the_notice() -> None:
    shown = words(nomogram_figure(nomogram(), patient=PATIENT, notice=NOTICE))
    assert {"LDLM score", "RECIST", "Sex", "HER2 status", "Total points"} <= shown
    assert {"PR", "SD", "PD", "2+/FISH+", "3+"} <= shown
    assert {"female", "male"} <= shown  # no effect: both at 0, one above and one below the line
    score = nomogram().score_one(PATIENT, [12])
    assert f"{score.total_points:.1f} points" in shown
    assert "0.7: 70.0 points" in shown
    assert f"{score.survival['12']:.3f}" in shown
    assert any(text.startswith("SYNTHETIC") for text in shown)


def test_times_beyond_the_follow_up_have_no_scale() -> None:
    shown = words(nomogram_figure(nomogram(), patient=PATIENT))
    assert "Survival at 12 months" in shown
    assert "Survival at 24 months" not in shown


def test_scales_in_months_of_a_nomogram_on_days() -> None:
    days = Baseline(tuple(30.4375 * t for t in range(1, 21)), nomogram().baseline.survival, 609.0)
    on_days = dataclasses.replace(nomogram(), baseline=days)
    shown = words(nomogram_figure(on_days, patient=PATIENT, times=(6, 12), unit_length=30.4375))
    assert shown == words(nomogram_figure(nomogram(), patient=PATIENT, times=(6, 12)))


def test_marks_stand_where_the_points_are() -> None:
    figure = nomogram_figure(nomogram(), patient=PATIENT, times=(12,))
    marks = [tuple(c.get_offsets()[0]) for c in figure.axes[0].collections]
    score = nomogram().score_one(PATIENT, [12])
    assert [x for x, _ in marks[:4]] == pytest.approx(list(score.points.values()))
    assert [y for _, y in marks] == [-1, -2, -3, -4, -5, -6]
    largest = 140  # of 100 + 25.5 + 0 + 5 points: the next round tick
    assert marks[4][0] == marks[5][0] == pytest.approx(100 * score.total_points / largest)


def test_survival_scale_agrees_with_the_score() -> None:
    figure = nomogram_figure(nomogram(), times=(12,))
    (label,) = (t for t in texts(figure) if t.get_text() == "0.5" and t.get_position()[1] < -5.5)
    total = label.get_position()[0] * 140 / 100
    survival = nomogram().survival_at(nomogram().linear_predictor(total), 12)
    assert survival == pytest.approx(0.5)


def test_a_patient_who_cannot_be_scored_is_refused() -> None:
    with pytest.raises(BadInput, match="'CR' is not one of its levels"):
        nomogram_figure(nomogram(), patient={**PATIENT, "RECIST": "CR"})


def test_numbers_at_risk_count_those_still_followed() -> None:
    group = Group("g", np.array([3.0, 5.0, 5.0, 8.0]), np.array([True, True, False, False]))
    assert at_risk(group, [0, 3, 4, 5, 6, 9]) == (4, 4, 3, 3, 1, 0)


def test_kaplan_meier_curve_is_the_hand_computed_one() -> None:
    group = Group("g", np.array([3.0, 5.0, 5.0, 8.0]), np.array([True, True, False, True]))
    figure = kaplan_meier_figure([group])
    line = figure.axes[0].lines[0]
    # 3/4 after 3; 3/4 x 2/3 after 5; 0 after 8
    assert list(line.get_xdata()) == [0, 3, 5, 8]
    assert list(line.get_ydata()) == pytest.approx([1, 0.75, 0.5, 0])


def test_kaplan_meier_texts_do_not_overlap_and_tell_everything() -> None:
    figure = kaplan_meier_figure(groups(), title="Training", notice=NOTICE)
    assert overlapping(figure) == []
    shown = words(figure)
    assert {"Number at risk", "Time (months)", "Survival probability", "low risk (n = 40)", "Training"} <= shown
    assert any(text.startswith("log-rank p") for text in shown)


def test_logrank_agrees_with_a_published_example() -> None:
    # Freireich 1963, remission in weeks: 6-MP against placebo; log-rank chi-square 16.79, p = 4.17e-5 (R survdiff).
    treated = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
    relapse = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
    placebo = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]
    first = Group("6-MP", np.array(treated, float), np.array(relapse, bool))
    second = Group("placebo", np.array(placebo, float), np.ones(21, bool))
    assert logrank_p([first, second]) == pytest.approx(4.17e-5, rel=2e-3)


def test_no_patients_give_no_curve() -> None:
    empty = Group("none", np.array([]), np.array([], dtype=bool))
    with pytest.raises(BadInput, match="not 0"):
        kaplan_meier_figure([empty])
    with pytest.raises(BadInput, match="at least two groups"):
        logrank_p([groups()[0], empty])


def test_pictures_leave_no_pyplot_state() -> None:
    program = (
        "import sys\n"
        "sys.modules['matplotlib.pyplot'] = None\n"
        "from her2_core.survival import plots\n"
        "print('drawn without pyplot')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "drawn without pyplot", done.stderr
