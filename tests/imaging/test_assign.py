"""Which series a reader draws on, and the note on ROIs whose phase was assumed."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from her2_core.imaging.assign import UNASSIGNED_PHASE, Assigned, assign, with_phase_notes
from her2_core.imaging.dicom_scan import scan_folder
from her2_core.imaging.pairing import PairedPatient, PairedTimePoint, pair
from her2_core.roi import Place, Roi

pytestmark = pytest.mark.light


def patient(**phases: Any) -> PairedPatient:
    point = PairedTimePoint("BL", 0, date(2000, 1, 1), {"arterial": None, "venous": None, **phases}, (), (), ())
    return PairedPatient("p", "", (point,), (), ())


def test_named_phases_are_taken_as_they_are() -> None:
    series: Any = SimpleNamespace(series_uid="1")
    assert assign(patient(arterial=series)) == {"BL": {"arterial": Assigned(series)}}


def test_a_real_series_that_names_no_phase_stands_in_as_venous(shared_data: Path) -> None:
    (found,) = pair(scan_folder(shared_data / "chest_ct" / "dicom"))
    sources = assign(found)
    assert {name: list(phases) for name, phases in sources.items()} == {"BL": ["venous"]}
    assert sources["BL"]["venous"].assumed


@pytest.mark.parametrize(
    ("assumed", "expected"), [(False, ("end_of_volume",)), (True, ("end_of_volume", UNASSIGNED_PHASE))]
)
def test_only_rois_of_an_assumed_phase_get_the_note(assumed: bool, expected: tuple) -> None:
    place = Place((0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 5.0), 8, 8)
    roi = Roi("L1", "BL", "venous", np.zeros((3, 8, 8), np.int16), place, ("end_of_volume",))
    series: Any = SimpleNamespace(series_uid="1")
    (noted,) = with_phase_notes((roi,), {"BL": {"venous": Assigned(series, assumed)}})
    assert noted.notes == expected
