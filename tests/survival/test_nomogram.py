"""Points, totals and survival on lifelines' rossi data, and the rules of the nomogram on small made-up tables."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lifelines import CoxPHFitter
from lifelines.datasets import load_rossi

from her2_core.errors import BadInput
from her2_core.survival.nomogram import Baseline, Nomogram
from her2_core.survival.variables import FactorVariable, NumericVariable

PATIENT = {"fin": 0, "age": 20, "race": 1, "wexp": 0, "mar": 0, "paro": 1, "prio": 6}


@pytest.fixture(scope="module")
def rossi() -> pd.DataFrame:
    return load_rossi()


@pytest.fixture(scope="module")
def nomogram(rossi: pd.DataFrame) -> Nomogram:
    return Nomogram.fit(rossi, "week", "arrest")


def made_up() -> Nomogram:
    """beta = 2 per unit of x in 0 .. 1; PD +1 and PR -0.5 against SD; sex without effect."""
    return Nomogram(
        variables=(
            NumericVariable("x", 2.0, (0.0, 0.5, 1.0), 0.25),
            FactorVariable("RECIST", {"SD": 0.0, "PR": -0.5, "PD": 1.0}, {"SD": 0.5, "PR": 0.25, "PD": 0.25}),
            FactorVariable("sex", {"female": 0.0, "male": 0.0}, {"female": 0.5, "male": 0.5}),
        ),
        baseline=Baseline((5.0, 10.0), (0.8, 0.5), 12.0),
        concordance=0.7,
        n=20,
        events=9,
    )


def test_rossi_patient_has_the_published_points(nomogram: Nomogram) -> None:
    score = nomogram.score([PATIENT], [52])[0]
    assert nomogram.points_per_lp_unit == pytest.approx(60.718392, abs=5e-7)
    assert score.total_points == pytest.approx(194.5605, abs=5e-5)
    assert score.linear_predictor == pytest.approx(0.874690, abs=5e-7)
    assert score.survival["52"] == pytest.approx(0.517895, abs=5e-7)
    assert score.points["prio"] == pytest.approx(100 / 3)
    assert score.points["paro"] == pytest.approx(0)


def test_rossi_axes_are_distinct_values_or_pretty_ticks(nomogram: Nomogram) -> None:
    axes = {v.name: v.axis for v in nomogram.variables}
    assert axes["fin"] == (0.0, 1.0)
    assert axes["age"] == tuple(range(16, 46, 2))
    assert axes["prio"] == tuple(range(0, 20, 2))


def test_survival_equals_lifelines_for_every_patient_and_death_time(rossi: pd.DataFrame, nomogram: Nomogram) -> None:
    times = np.unique(rossi.week[rossi.arrest == 1])
    theirs = CoxPHFitter().fit(rossi, "week", "arrest", fit_options={"precision": 1e-14})
    expected = theirs.predict_survival_function(rossi, times=times).to_numpy().T
    found = [list(s.survival.values()) for s in nomogram.score(rossi.to_dict("records"), times)]
    assert np.abs(np.array(found) - expected).max() < 1e-12


def test_total_gives_the_linear_predictor_back_and_the_other_way_round(rossi: pd.DataFrame, nomogram: Nomogram) -> None:
    beta = np.array([v.coefficient for v in nomogram.variables if isinstance(v, NumericVariable)])
    x = rossi[list(nomogram.names)].to_numpy(float)
    expected = (x - x.mean(axis=0)) @ beta
    scores = nomogram.score(rossi.to_dict("records"))
    assert [s.linear_predictor for s in scores] == pytest.approx(list(expected), abs=1e-10)
    for score in scores[:20]:
        assert nomogram.total_points(score.linear_predictor) == pytest.approx(score.total_points)


def test_points_of_a_made_up_nomogram_are_those_of_the_definition() -> None:
    score = made_up().score([{"x": 0.5, "RECIST": "PD", "sex": "male"}], [4, 5, 9.5, 12, 13])[0]
    # Widest reach: x, 2.0, so 50 points per unit. x: 1.0 -> 50; PD: 1 - (-0.5) = 1.5 -> 75; sex: 0.
    assert score.points == {"x": 50.0, "RECIST": 75.0, "sex": 0.0}
    assert score.total_points == 125.0
    # lp = 1.0 + 1.0 - (2 x 0.25) - (0.25 x -0.5 + 0.25 x 1) = 1.375
    assert score.linear_predictor == pytest.approx(1.375)
    hazard = math.exp(1.375)
    assert score.survival == {
        "4": 1.0,
        "5": pytest.approx(0.8**hazard),
        "9.5": pytest.approx(0.8**hazard),
        "12": pytest.approx(0.5**hazard),
        "13": None,
    }
    assert [t for t, _ in score.curve] == [0.0, 5.0, 10.0, 12.0]
    assert score.curve[-1][1] == score.curve[-2][1] == pytest.approx(0.5**hazard)


def test_a_number_beyond_its_axis_is_extrapolated() -> None:
    score = made_up().score([{"x": 1.5, "RECIST": "SD", "sex": "male"}])[0]
    assert score.points["x"] == 150.0


@given(st.floats(-50, 50), st.floats(-50, 50))
def test_more_points_never_mean_better_survival(first: float, second: float) -> None:
    low, high = (made_up().score([{"x": x, "RECIST": "SD", "sex": "male"}], [10])[0] for x in sorted((first, second)))
    assert low.total_points <= high.total_points
    assert (low.survival["10"] or 0) >= (high.survival["10"] or 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": None}, "row 2, x: has no value"),
        ({"x": float("nan")}, "row 2, x: nan is not a number"),
        ({"x": "0.5"}, "row 2, x: '0.5' is not a number"),
        ({"x": True}, "row 2, x: True is not a number"),
        ({"RECIST": "CR"}, "row 2, RECIST: 'CR' is not one of its levels SD, PR, PD"),
        ({"RECIST": ""}, "row 2, RECIST: '' is not one of its levels"),
    ],
)
def test_unusable_values_are_refused_with_row_and_variable(change: dict[str, Any], message: str) -> None:
    good = {"x": 0.5, "RECIST": "PD", "sex": "male"}
    with pytest.raises(BadInput) as caught:
        made_up().score([good, {**good, **change}])
    assert message in str(caught.value)


@pytest.mark.parametrize("time", [-1.0, float("nan"), float("inf")])
def test_impossible_times_are_refused(time: float) -> None:
    with pytest.raises(BadInput, match="is not a time >= 0"):
        made_up().score([{"x": 0.5, "RECIST": "PD", "sex": "male"}], [time])


def test_json_carries_everything(nomogram: Nomogram) -> None:
    for original in (nomogram, made_up()):
        assert Nomogram.from_json(json.loads(json.dumps(original.to_json()))) == original


def test_json_has_the_keys_other_programs_rely_on() -> None:
    value = made_up().to_json()
    expected = {"variables", "points_per_lp_unit", "baseline", "ties", "concordance", "n", "events"}
    assert expected <= value.keys()
    assert value["points_per_lp_unit"] == 50.0
    assert value["ties"] == "efron"
    assert value["variables"]["x"]["coefficient"] == 2.0
    assert value["variables"]["x"]["axis"] == [0.0, 0.5, 1.0]
    assert value["variables"]["x"]["points"] == [0.0, 50.0, 100.0]
    assert value["variables"]["RECIST"]["axis"] == ["SD", "PR", "PD"]
    assert value["variables"]["RECIST"]["points"] == [25.0, 0.0, 75.0]


@pytest.mark.parametrize(
    ("path", "new", "message"),
    [
        ("schema", "other/1", "schema is 'other/1'"),
        ("baseline", None, "is not a nomogram"),
        ("baseline.times", [5.0], "needs rising times with falling survival"),
        ("baseline.survival", [0.5, 0.8], "needs rising times with falling survival"),
        ("baseline.survival", [1.5, 0.8], "needs rising times with falling survival"),
        ("baseline.last_time", 1.0, "ends before its last time"),
        ("variables", {}, "no variable has an effect"),
        ("variables.x.kind", "spline", "kind 'spline'"),
        ("variables.x.axis", [1.0, 0.0], "x: needs at least two rising ticks"),
        ("variables.x.coefficient", float("nan"), "is not a nomogram"),
        ("variables.x.coefficient", "2", "is not a nomogram"),
        ("variables.RECIST.axis", ["SD", "CR"], "'CR' is missing"),
    ],
)
def test_a_damaged_file_is_refused(path: str, new: Any, message: str) -> None:
    value: Any = json.loads(json.dumps(made_up().to_json()))
    *parents, last = path.split(".")
    place = value
    for key in parents:
        place = place[key]
    place[last] = new
    with pytest.raises(BadInput) as caught:
        Nomogram.from_json(value)
    assert message in str(caught.value)


@pytest.mark.parametrize("value", [None, [], 3, "x", {}])
def test_something_else_is_no_nomogram(value: Any) -> None:
    with pytest.raises(BadInput, match="is not a nomogram"):
        Nomogram.from_json(value)


def test_scoring_loads_no_heavy_library() -> None:
    program = (
        "import sys\n"
        "for name in ('lifelines', 'pandas', 'scipy', 'sklearn', 'torch', 'matplotlib'): sys.modules[name] = None\n"
        "from her2_core.survival.nomogram import Nomogram\n"
        "import json\n"
        "n = Nomogram.from_json(json.loads(sys.stdin.read()))\n"
        "print(n.score([{'x': 0.5, 'RECIST': 'PD', 'sex': 'male'}])[0].total_points)"
    )
    text = json.dumps(made_up().to_json())
    done = subprocess.run([sys.executable, "-c", program], input=text, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "125.0", done.stderr
