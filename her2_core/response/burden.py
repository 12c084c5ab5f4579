"""Tumour burden (He 2024, Methods, "Models based on RECIST v1.1 and tumor burden"): change of the summed target area.

Boxes keep their size over time, so an area comes from measured diameters or a contour, never from a box.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Dict, Optional

from her2_core.case import TOO_SMALL_MM, Case, Observation, TimePointName
from her2_core.response.recist import TOLERANCE


@dataclass(frozen=True)
class TumourBurden:
    """Summed area of the targets over time.

    Attributes:
        change_percent: baseline to 2F, or to 1F if there is no 2F; None with a `reason`.
        follow_up: the time point compared with baseline; None with the baseline alone.
        area_mm2: summed area per time point; None where a target has no area.
        reason: why there is no change to tell, or None.
    """

    change_percent: Optional[float] = None
    follow_up: Optional[TimePointName] = None
    area_mm2: Dict[TimePointName, Optional[float]] = field(default_factory=dict)
    reason: Optional[str] = None


def area_mm2(observation: Optional[Observation]) -> Optional[float]:
    """Area of one lesion at one time point, mm^2; None = not measured.

    The contour's area where given, else the ellipse pi/4 x long x short. "too small" is the circle of RECIST's 5 mm
    (19.6 mm^2), "not visible" is 0, whatever else is filled in.
    """
    if observation is None or observation.state == "not evaluable":
        return None
    if observation.state == "not visible":
        return 0.0
    if observation.state == "too small":
        return math.pi / 4 * TOO_SMALL_MM**2
    if observation.area_mm2 is not None:
        return observation.area_mm2
    if observation.long_mm is None or observation.short_mm is None:
        return None
    return math.pi / 4 * observation.long_mm * observation.short_mm


def tumour_burden(case: Case) -> TumourBurden:
    """TB-delta of a case over its targets (the stomach primary is never one)."""
    areas = {point.name: _summed_area(case, point.name) for point in case.time_points}
    if len(case.time_points) < 2:
        return TumourBurden(area_mm2=areas, reason="only the baseline examination is given")
    follow_up = case.time_points[min(2, len(case.time_points) - 1)].name
    reason = _obstacle(case, areas, follow_up)
    if reason is not None:
        return TumourBurden(follow_up=follow_up, area_mm2=areas, reason=reason)
    before, after = areas["BL"] or 0.0, areas[follow_up] or 0.0
    return TumourBurden(100 * (after - before) / before, follow_up, areas)


def _summed_area(case: Case, time_point: TimePointName) -> Optional[float]:
    areas = [area_mm2(lesion.at(time_point)) for lesion in case.lesions if lesion.kind == "target"]
    known = [a for a in areas if a is not None]
    return sum(known) if areas and len(known) == len(areas) else None


def _obstacle(case: Case, areas: Dict[TimePointName, Optional[float]], follow_up: TimePointName) -> Optional[str]:
    targets = [lesion for lesion in case.lesions if lesion.kind == "target"]
    if not targets:
        return "no target lesion"
    for name in ("BL", follow_up):
        missing = [lesion.lesion_id for lesion in targets if area_mm2(lesion.at(name)) is None]
        if missing:
            return f"{name}: {', '.join(missing)} without both diameters or a contour"
    baseline = areas["BL"]
    return "the area at baseline is 0" if baseline is None or baseline <= TOLERANCE else None
