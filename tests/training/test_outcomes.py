from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from her2_core.errors import TrainingError
from her2_core.training.outcomes import folds_of, outcomes_of, split
from support.cases import case, full_case, primary


@given(st.integers(2, 60), st.integers(2, 60), st.integers(0, 5))
def test_the_split_keeps_the_share_of_events(events: int, censored: int, seed: int) -> None:
    event = np.array([True] * events + [False] * censored)
    fit, inner = split(event, 0.2, seed)
    assert sorted(fit + inner) == list(range(len(event)))
    assert sum(event[inner]) == min(max(1, round(0.2 * events)), events - 1)
    assert sum(~event[inner]) == min(max(1, round(0.2 * censored)), censored - 1)


def test_the_split_depends_on_the_seed_alone() -> None:
    event = np.arange(50) % 3 == 0
    assert split(event, 0.2, 1) == split(event, 0.2, 1)
    assert split(event, 0.2, 1) != split(event, 0.2, 2)


def test_folds_are_even_in_size_and_events() -> None:
    event = np.arange(53) % 4 != 0
    fold = folds_of(event, 5, seed=3)
    sizes = np.bincount(fold)
    assert sizes.max() - sizes.min() <= 1
    deaths = np.bincount(fold[event])
    assert deaths.max() - deaths.min() <= 1


def test_a_case_without_outcome_is_named() -> None:
    known = full_case()
    assert outcomes_of([known]).days.tolist() == [410.0]
    with pytest.raises(TrainingError, match=known.case_id):
        outcomes_of([case(primary())])
