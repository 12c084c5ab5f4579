"""Phantom patients that several tests look at; made once."""

from __future__ import annotations

from typing import Dict, List

import numpy as np
import numpy.typing as npt
import pytest

from her2_core.cohort.folder import Cohort
from her2_core.cohort.patients import Patient, draw_patient
from her2_core.cohort.phantom import write_phantom_cohort
from her2_core.cohort.truth import simulate_clinical

MANY = 2000


@pytest.fixture(scope="session")
def many() -> Dict[str, npt.NDArray[np.float64]]:
    """2,000 patients without pixels, as columns."""
    return simulate_clinical(MANY, seed=20240131)


@pytest.fixture(scope="session")
def patients() -> List[Patient]:
    """1,200 patients of the internal cohort."""
    return [draw_patient(77, "internal", index) for index in range(1200)]


@pytest.fixture(scope="session")
def small_cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    """A cohort folder of ten patients; read only."""
    folder = tmp_path_factory.mktemp("cohorts") / "small"
    return write_phantom_cohort(folder, 5, {"training": 5, "internal": 2, "external": 3}, pixel_mm=1.6)
