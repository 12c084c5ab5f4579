from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from her2_core.errors import ModelError
from her2_core.survival.rescale import PiecewiseRescale

RISKS = [0.2, 0.9, 0.3, 0.4, 0.25]


def test_training_minimum_median_and_maximum_become_zero_half_and_one() -> None:
    rescale = PiecewiseRescale.fit(RISKS)
    assert rescale([0.2, 0.3, 0.9]).tolist() == [0.0, 0.5, 1.0]
    assert rescale([0.25, 0.6]) == pytest.approx([0.25, 0.75])
    assert rescale.note is None


def test_scores_outside_the_training_range_are_clipped() -> None:
    assert PiecewiseRescale.fit(RISKS)([0.0, 1.0]).tolist() == [0.0, 1.0]


@pytest.mark.parametrize("values", [[0.4, 0.4, 0.4], [0.1, 0.1, 0.1, 0.9], [0.1, 0.9, 0.9, 0.9]])
def test_equal_training_values_make_it_the_identity_with_a_note(values: list[float]) -> None:
    rescale = PiecewiseRescale.fit(values)
    assert rescale([0.1, 0.4, 0.77]).tolist() == [0.1, 0.4, 0.77]
    assert rescale.note is not None
    assert "risk itself" in rescale.note


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.lists(st.floats(0, 1), min_size=2, max_size=20))
def test_the_score_never_falls_when_the_risk_rises_and_stays_in_its_range(train: list[float], new: list[float]) -> None:
    scores = PiecewiseRescale.fit(train)(np.sort(new))
    assert np.all(np.diff(scores) >= 0)
    assert scores.min() >= 0
    assert scores.max() <= 1


def test_a_table_survives_json() -> None:
    rescale = PiecewiseRescale.fit(RISKS)
    assert PiecewiseRescale.from_json(json.loads(json.dumps(rescale.to_json()))) == rescale


@pytest.mark.parametrize("value", [None, {}, {"minimum": 0.9, "median": 0.5, "maximum": 0.1}, {"minimum": "x"}])
def test_a_broken_table_is_refused(value: object) -> None:
    with pytest.raises(ModelError):
        PiecewiseRescale.from_json(value)


@pytest.mark.parametrize("values", [[], [float("nan")], [[0.1], [0.2]], [-0.1, 0.5]])
def test_impossible_training_risks_are_refused(values: list[object]) -> None:
    with pytest.raises(ModelError):
        PiecewiseRescale.fit(values)
