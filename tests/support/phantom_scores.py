"""Scores of phantom patients that the tests compare, written out independently of the code under test."""

from __future__ import annotations

from typing import Dict

import numpy as np
import numpy.typing as npt
from lifelines.utils import concordance_index

Columns = Dict[str, npt.NDArray[np.float64]]


def recist_code(columns: Columns) -> npt.NDArray[np.float64]:
    """PR 0, SD 1, PD 2 as the paper reads it."""
    change = columns["sum_change"]
    progressed = (change >= 0.2) | (columns["new_lesion"] > 0)
    return np.where(progressed, 2.0, np.where(change <= -0.3, 0.0, 1.0))


def c_index(columns: Columns, risk: npt.NDArray[np.float64]) -> float:
    """Lifelines' C-index; a high risk means early death."""
    return float(concordance_index(columns["os_days"], -risk, columns["death_observed"]))
