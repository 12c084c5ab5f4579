"""A case of typical size with random pixels: benchmarks time what is done, not what is found."""

from __future__ import annotations

from typing import Tuple

import numpy as np

from her2_core.bundle import Bundle
from her2_core.case import Case, Lesion, Observation, TimePoint
from her2_core.roi import Place, Roi

PIXEL_MM = 0.7
CROP_PIXELS = 86
"""A 40 mm box, enlarged 1.5 times, at 0.7 mm."""
ROIS = 22
"""3 time points; a primary and two nodes in both phases and a liver lesion (21), and one box of a fifth lesion."""


def typical_bundle(seed: int = 0) -> Bundle:
    """Three time points, two phases, 22 ROIs of 86 x 86 pixels with the noise of a body CT (SD 15 HU)."""
    names = ("BL", "1F", "2F")
    both, venous = ("arterial", "venous"), ("venous",)
    lesions = (
        _lesion("P", "primary", "Stomach", names, both),
        _lesion("N1", "target", "Lymph node", names, both),
        _lesion("N2", "target", "Lymph node", names, both),
        _lesion("H1", "target", "Liver", names, venous),
        _lesion("H2", "target", "Liver", names[:1], venous),
    )
    points = tuple(TimePoint(name, 45 * i) for i, name in enumerate(names))  # type: ignore[arg-type]
    case = Case("A" * 26, points, lesions, therapy_start_day=0, synthetic=True)
    random = np.random.default_rng(seed)
    rois = []
    for key in case.roi_keys:
        hu = random.normal(60, 15, (3, CROP_PIXELS, CROP_PIXELS)).astype(np.int16)
        place = Place(
            (0.0, 0.0, 0.0), (PIXEL_MM, 0.0, 0.0), (0.0, PIXEL_MM, 0.0), (0.0, 0.0, 5.0), CROP_PIXELS, CROP_PIXELS
        )
        rois.append(Roi(key.lesion_id, key.time_point, key.phase, hu, place))
    return Bundle(case, tuple(rois))


def _lesion(name: str, kind: str, organ: str, times: Tuple[str, ...], phases: Tuple[str, ...]) -> Lesion:
    seen = tuple(Observation(t, box_centers_mm=dict.fromkeys(phases, (0.0, 0.0, 0.0))) for t in times)  # type: ignore[arg-type]
    return Lesion(name, kind, organ, (40.0, 40.0), seen)  # type: ignore[arg-type]
