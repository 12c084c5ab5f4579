"""Where lesions grow: positions in body coordinates (LPS mm, origin in the middle of the body, see `anatomy`)."""

from __future__ import annotations

from typing import Dict, Sequence, Tuple

import numpy as np

from her2_core.case import Organ, Point

GAP_MM = 5.0
TRIES = 60

Taken = Sequence[Tuple[Point, float]]
"""Centre and largest long diameter of the lesions placed so far."""
_Ball = Tuple[float, float, float, float, float, float]
"""An ellipsoid to draw a centre from: centre x, y, z and half axes, mm."""

REGIONS: Dict[Organ, Tuple[_Ball, ...]] = {
    "Lymph node": ((30, 22, -15, 8, 8, 40), (-2, 10, 0, 10, 4, 40), (22, -2, 15, 8, 8, 20), (-45, 32, -45, 6, 8, 25)),
    "Liver": ((-72, -10, 35, 44, 40, 46),),
    "Adrenal gland": ((40, 32, 36, 4, 4, 8),),
    "Spleen": ((102, 32, 40, 8, 16, 22),),
    "Peritoneum": ((-25, -62, -45, 45, 6, 40), (60, -50, -60, 30, 8, 30)),
    "Soft tissue": ((112, -42, -40, 4, 8, 50), (-112, -42, -40, 4, 8, 50), (62, 84, -20, 20, 3, 70)),
    "Bone": ((0, 57, 0, 4, 3, 90),),
    "Lung": ((82, 20, 108, 16, 28, 12), (-95, 40, 112, 10, 20, 10)),
    "Other": ((20, 8, -85, 40, 8, 15),),
}
STOMACH_CENTER: Point = (58.0, -35.0, 28.0)
STOMACH_AXES: Point = (44.0, 34.0, 55.0)
"""The stomach in body coordinates; the primary tumour lies in its wall."""


def draw_site(organ: Organ, long_mm: float, taken: Taken, rng: np.random.Generator) -> Tuple[Point, float]:
    """Centre of a new lesion and the angle of its long axis in the axial plane (radians).

    Keeps clear of the lesions placed so far; in a crowded region the best of all tries is taken.
    """
    best, best_room = _candidate(organ, rng), -np.inf
    for _ in range(TRIES):
        candidate = _candidate(organ, rng)
        room = min((_distance(candidate[0], c) - (d + long_mm) / 2 for c, d in taken), default=np.inf)
        if room > best_room:
            best, best_room = candidate, room
        if room >= GAP_MM:
            break
    return best


def _candidate(organ: Organ, rng: np.random.Generator) -> Tuple[Point, float]:
    if organ == "Stomach":
        return _stomach_wall(rng)
    regions = REGIONS[organ]
    x, y, z, a, b, c = regions[int(rng.integers(len(regions)))]
    direction = rng.normal(size=3)
    direction *= rng.random() ** (1 / 3) / np.linalg.norm(direction)
    center = (x + a * direction[0], y + b * direction[1], z + c * direction[2])
    return (float(center[0]), float(center[1]), float(center[2])), float(rng.uniform(0, np.pi))


def _stomach_wall(rng: np.random.Generator) -> Tuple[Point, float]:
    """A place on the wall near the stomach's equator; the long axis runs along the wall."""
    around = float(rng.uniform(0, 2 * np.pi))
    z = float(rng.uniform(-14, 14))
    (x0, y0, z0), (a, b, _) = STOMACH_CENTER, STOMACH_AXES
    center = (x0 + a * np.cos(around), y0 + b * np.sin(around), z0 + z)
    tangent = np.arctan2(b * np.cos(around), -a * np.sin(around))
    return (float(center[0]), float(center[1]), float(center[2])), float(tangent % np.pi)


def _distance(a: Point, b: Point) -> float:
    return float(np.linalg.norm(np.subtract(a, b)))
