"""The images hold what a network shall find: a few hand-made features already rank patients."""

from __future__ import annotations

from typing import List, Tuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from lifelines import CoxPHFitter
from lifelines.utils import concordance_index

from her2_core.bundle import Bundle
from her2_core.cohort.acquisition import ScanOptions
from her2_core.cohort.roi_level import phantom_bundle
from her2_core.roi import Roi, window_of

N = 360


def features(roi: Roi, organ: str) -> Tuple[float, float]:
    """Mean of the middle and of the ring around it, in the window."""
    window = window_of(organ)
    image = np.clip((roi.hu[1].astype(float) - window.low) / window.width, 0, 1)
    rows, columns = (np.linspace(-1, 1, n) for n in image.shape)
    radius = np.hypot(rows[:, None], columns[None])
    return float(image[radius < 0.25].mean()), float(image[(radius >= 0.3) & (radius < 0.6)].mean())


def row(bundle: Bundle) -> List[float]:
    """Features averaged over the primary and over the targets, at BL, 1F and the last time point."""
    last = bundle.case.time_points[min(2, len(bundle.case.time_points) - 1)].name
    found: List[float] = []
    for time_point in ("BL", "1F", last):
        for primary in (True, False):
            seen = [
                features(r, bundle.case.lesion(r.lesion_id).organ)
                for r in bundle.rois
                if r.time_point == time_point and (r.lesion_id == "P") == primary
            ]
            found += list(np.mean(seen, axis=0)) if seen else [np.nan, np.nan]
    return found


@pytest.mark.slow
def test_hand_made_features_of_two_follow_ups_rank_patients_and_the_baseline_hardly_does() -> None:
    bundles = [phantom_bundle(31, "internal", index, ScanOptions(pixel_mm=2.0)) for index in range(N)]
    values = np.array([row(b) for b in bundles])
    values = np.where(np.isnan(values), np.nanmean(values, axis=0), values)
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    days = np.array([b.case.outcome.os_days for b in bundles if b.case.outcome])
    died = np.array([b.case.outcome.death_observed for b in bundles if b.case.outcome])
    baseline, full = (held_out_c_index(values[:, :n], days, died) for n in (4, 12))
    assert baseline < 0.62
    assert full > 0.64
    assert full > baseline + 0.06


def held_out_c_index(x: npt.NDArray[np.float64], days: npt.NDArray[np.int64], died: npt.NDArray[np.bool_]) -> float:
    """C-index of a Cox model, fitted on one half and tested on the other, both ways."""
    table = pd.DataFrame(x).assign(days=days, died=died)
    scores = []
    for fold in (0, 1):
        inside = np.arange(len(days)) % 2 == fold
        model = CoxPHFitter(penalizer=0.1).fit(table[inside], "days", "died")
        risk = model.predict_log_partial_hazard(table[~inside])
        scores.append(concordance_index(days[~inside], -risk, died[~inside]))
    return float(np.mean(scores))
