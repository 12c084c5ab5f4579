"""Made-up patients whose images give their prognosis away: a network that cannot learn these learns nothing."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import List, Optional, Tuple

import numpy as np

from her2_core.bundle import Bundle, write_bundle
from her2_core.case import MARKERS, TIME_POINTS, Case, Clinical, MarkerPanel, Outcome, TimePoint
from her2_core.cohort.folder import CohortHeader, write_index
from her2_core.roi import Roi
from support.bundles import place
from support.cases import DAYS, lesion

SIDE = 16


def case_id(index: int) -> str:
    return base64.b32encode(hashlib.sha256(f"learnable {index}".encode()).digest()[:16]).decode().rstrip("=")


def learnable_case(index: int, times: Optional[int] = None, markers: bool = True) -> Tuple[Case, float]:
    """A patient and its hidden risk, standard normal; high = poor. One in eight has 1F only."""
    random = np.random.default_rng([7, index])
    risk = float(random.normal())
    death = 120 + 545 * (random.exponential() * np.exp(-2 * risk)) ** (1 / 1.35)
    last = random.uniform(400, 2400)
    times = times or (2 if index % 8 == 7 else 3)
    names = TIME_POINTS[:times]
    size = 20.0 * np.exp(0.15 * np.arange(times) * (risk - 1.0))
    lesions = (
        lesion("P", "primary", "Stomach", times=names, phases=("venous",), long_mm=40.0, short_mm=20.0),
        lesion("H1", "target", "Liver", times=names, phases=("venous",), long_mm=20.0, short_mm=15.0),
    )
    grown = tuple(
        replace(
            found,
            observations=tuple(
                replace(o, long_mm=float(size[t]), short_mm=float(size[t] * 0.8))
                for t, o in enumerate(found.observations)
            ),
        )
        for found in lesions
    )
    panels = tuple(
        MarkerPanel(name, {m: float(np.exp(1 + 0.5 * risk * t + 0.3 * random.normal())) for m in MARKERS[:3]})
        for t, name in enumerate(names)
    )
    case = Case(
        case_id(index),
        tuple(TimePoint(name, DAYS[i]) for i, name in enumerate(names)),
        grown,
        Clinical("female" if index % 3 else "male", "3+" if index % 4 else "2+/FISH+", 60, 1, "C1"),
        markers=panels if markers else (),
        therapy_start_day=3,
        outcome=Outcome(int(min(death, last)), bool(death <= last)),
        synthetic=True,
    )
    return case, risk


def learnable_bundle(index: int, times: Optional[int] = None, markers: bool = True) -> Bundle:
    """Brighter lesions = higher risk, the more so the later."""
    case, risk = learnable_case(index, times, markers)
    random = np.random.default_rng([8, index])
    rois = []
    for key in case.roi_keys:
        step = TIME_POINTS.index(key.time_point)
        hu = random.normal(50, 30, (3, SIDE, SIDE))
        hu[:, 4:12, 4:12] += 40 * risk * (1 + step) / 3
        rois.append(Roi(key.lesion_id, key.time_point, key.phase, hu.astype(np.int16), place(SIDE, SIDE)))
    return Bundle(case, tuple(rois))


def learnable_bundles(count: int, **fields: object) -> List[Bundle]:
    return [learnable_bundle(i, **fields) for i in range(count)]  # type: ignore[arg-type]


def learnable_cohort(folder: Path, training: int = 24, internal: int = 8) -> Path:
    """A cohort folder of learnable patients."""
    (folder / "cases").mkdir(parents=True)
    rows = []
    for index in range(training + internal):
        bundle = learnable_bundle(index)
        name = f"cases/{bundle.case.case_id}.her2"
        write_bundle(folder / name, bundle)
        rows.append((bundle.case.case_id, "training" if index < training else "internal", name))
    write_index(folder, CohortHeader("learnable", synthetic=True), rows)
    return folder
