"""The body of a phantom patient: organs as smooth ellipsoids, painted in order onto any axis-aligned grid.

Body coordinates are LPS millimetres (x to the left, y to the back, z to the head) with the origin in the middle of
the body at the level of the kidneys. Everything is a pure function of position, so one crop of a few thousand pixels
and a whole CT show the same anatomy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, NamedTuple, Sequence, Tuple

import numpy as np
import numpy.typing as npt

from her2_core.case import PHASES, Phase, Point
from her2_core.cohort.sites import STOMACH_AXES, STOMACH_CENTER
from her2_core.cohort.texture import Axis, Field, Waves

EDGE_MM = 1.6
"""Half width of an organ's blurred border."""
WOBBLE_MM, WOBBLE_SHARE = 2.5, 0.09
"""Organs are not perfect ellipsoids: a smooth field moves their border by a few mm, at most a share of the radius."""
TALL = 1e4
"""Half axis of things that run through the whole body."""


class Tissue(NamedTuple):
    """HU without contrast, added by contrast in the arterial and in the venous phase, and mottle (HU)."""

    plain: float
    arterial: float
    venous: float
    mottle: float = 3.0

    def hu(self, phase: Phase, enhancement: float) -> float:
        """HU in a phase; `enhancement` scales the contrast (timing, dose, tube voltage)."""
        return self.plain + enhancement * (self.arterial if phase == "arterial" else self.venous)


TISSUES: Dict[str, Tissue] = {
    "air": Tissue(-1000, 0, 0, 0),
    "fat": Tissue(-104, 2, 4, 5),
    "muscle": Tissue(52, 6, 14, 5),
    "lung": Tissue(-860, 5, 8, 28),
    "liver": Tissue(57, 16, 52, 4),
    "spleen": Tissue(48, 70, 70, 4),
    "kidney": Tissue(34, 110, 140, 8),
    "stomach wall": Tissue(38, 36, 44, 5),
    "water": Tissue(6, 0, 0, 3),
    "bowel": Tissue(32, 22, 34, 10),
    "pancreas": Tissue(40, 52, 48, 7),
    "aorta": Tissue(42, 250, 105, 3),
    "vein": Tissue(42, 40, 105, 4),
    "trabecular bone": Tissue(190, 5, 10, 30),
    "cortical bone": Tissue(520, 0, 0, 40),
    "canal": Tissue(22, 2, 4, 3),
    "heart": Tissue(42, 150, 100, 6),
}


class Part(NamedTuple):
    """An ellipsoid of one tissue: centre and half axes, body coordinates, mm."""

    tissue: str
    center: Point
    axes: Point


@dataclass(frozen=True, eq=False)
class Body:
    """One patient's anatomy.

    Attributes:
        parts: painted in this order.
        shape: field that makes outlines irregular.
        mottle: field of slight density differences.
    """

    parts: Tuple[Part, ...]
    shape: Waves
    mottle: Waves

    def paint(self, x: Axis, y: Axis, z: Axis, enhancement: Dict[Phase, float]) -> Dict[Phase, Field]:
        """Noise-free HU, (len(z), len(y), len(x)) per phase, at body coordinates x, y, z (mm)."""
        size = (len(z), len(y), len(x))
        hu = {phase: np.full(size, TISSUES["air"].plain, np.float32) for phase in enhancement}
        shape, mottle = self.shape.on_grid(x, y, z), self.mottle.on_grid(x, y, z)
        for part in self._parts_in((x, y, z)):
            _paint_part(hu, part, (x, y, z), shape, mottle, enhancement)
        return hu

    def _parts_in(self, grid: Tuple[Axis, Axis, Axis]) -> List[Part]:
        """The parts that may reach into a grid, in order."""
        centers = np.array([part.center for part in self.parts])  # (parts, 3)
        reach = np.array([_reach(part) for part in self.parts])
        low, high = np.array([axis[0] for axis in grid]), np.array([axis[-1] for axis in grid])
        near = ((centers + reach >= low) & (centers - reach <= high)).all(axis=1)
        return [self.parts[i] for i in np.flatnonzero(near)]


def _reach(part: Part) -> List[float]:
    """How far from its centre a part may be seen, mm."""
    return [axis * (1 + 4 * WOBBLE_SHARE) + 4 * EDGE_MM for axis in part.axes]


def _paint_part(
    hu: Dict[Phase, Field],
    part: Part,
    grid: Tuple[Axis, Axis, Axis],
    shape: Field,
    mottle: Field,
    enhancement: Dict[Phase, float],
) -> None:
    """Blend one ellipsoid over what is there, touching only its bounding box."""
    spans = [span_of(axis, c, r) for axis, c, r in zip(grid, part.center, _reach(part))]
    if any(s.stop <= s.start for s in spans):
        return
    window = (spans[2], spans[1], spans[0])
    u, v, w = (((axis[s] - c) / a) ** 2 for axis, s, c, a in zip(grid, spans, part.center, part.axes))
    radius = np.sqrt(w[:, None, None] + v[None, :, None] + u[None, None, :]).astype(np.float32)  # (Z, Y, X)
    thinnest = min(part.axes)
    outline = 1 + np.float32(min(WOBBLE_MM / thinnest, WOBBLE_SHARE)) * shape[window]
    cover = soft_step((outline - radius) * np.float32(thinnest / EDGE_MM))
    tissue = TISSUES[part.tissue]
    for phase, image in hu.items():
        value = np.float32(tissue.hu(phase, enhancement[phase])) + np.float32(tissue.mottle) * mottle[window]
        image[window] += cover * (value - image[window])


def span_of(axis: Axis, center: float, reach: float) -> slice:
    """The part of an increasing axis within `reach` of `center`."""
    return slice(int(np.searchsorted(axis, center - reach)), int(np.searchsorted(axis, center + reach)))


def soft_step(x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """0 below -1, 1 above 1, smooth between (cubic)."""
    t = np.clip(x * np.float32(0.5) + np.float32(0.5), 0, 1)
    step: npt.NDArray[np.float32] = t * t * (np.float32(3) - np.float32(2) * t)
    return step


def draw_body(rng: np.random.Generator) -> Body:
    """One patient's anatomy: the common plan, slightly varied."""
    parts = [_varied(part, rng) for part in (*_TRUNK, *_vessels(rng), *_ORGANS, *_bowel(rng), *_BONES)]
    return Body(tuple(parts), Waves.draw(rng, (45.0, 110.0)), Waves.draw(rng, (3.0, 14.0)))


def _varied(part: Part, rng: np.random.Generator) -> Part:
    """Sizes vary by a few per cent; positions stay, since lesions are placed relative to them."""
    factor = np.exp(rng.normal(0, 0.03))
    a, b, c = part.axes
    return part._replace(axes=(a * factor, b * factor, c if c >= TALL else c * factor))


_TRUNK: Tuple[Part, ...] = (
    Part("muscle", (0, 0, 0), (172, 118, TALL)),  # skin, a thin rim left by the fat painted over it
    Part("fat", (0, 0, 0), (169, 115, TALL)),
    Part("muscle", (0, 4, 0), (148, 96, TALL)),
    Part("fat", (0, -2, 0), (136, 82, TALL)),
    Part("muscle", (38, 74, -30), (26, 20, 260)),
    Part("muscle", (-38, 74, -30), (26, 20, 260)),
    Part("lung", (72, 5, 165), (58, 78, 105)),
    Part("lung", (-72, 5, 165), (58, 78, 105)),
    Part("heart", (22, -25, 165), (52, 42, 48)),
)
_ORGANS: Tuple[Part, ...] = (
    Part("liver", (-72, -8, 35), (64, 68, 78)),
    Part("liver", (-20, -45, 45), (52, 24, 40)),
    Part("vein", (-55, -4, 32), (30, 4.5, 5)),
    Part("vein", (-72, 8, 58), (5, 26, 5)),
    Part("vein", (-90, -22, 22), (4, 4, 28)),
    Part("vein", (-48, -24, 62), (4, 22, 5)),
    Part("spleen", (104, 34, 40), (26, 36, 46)),
    Part("kidney", (60, 42, -45), (25, 24, 54)),
    Part("water", (52, 38, -45), (9, 8, 18)),
    Part("kidney", (-62, 44, -50), (25, 24, 54)),
    Part("water", (-54, 40, -50), (9, 8, 18)),
    Part("pancreas", (14, -8, -12), (44, 9, 12)),
    Part("stomach wall", STOMACH_CENTER, STOMACH_AXES),
    Part("water", STOMACH_CENTER, (STOMACH_AXES[0] - 6, STOMACH_AXES[1] - 6, STOMACH_AXES[2] - 6)),
    Part("air", (STOMACH_CENTER[0], STOMACH_CENTER[1] - 17, STOMACH_CENTER[2]), (24, 9, 34)),
)


def _vessels(rng: np.random.Generator) -> List[Part]:
    """Aorta, vena cava and mesenteric vessels."""
    small = [("vein", (12, -4, 0), 5.0), ("aorta", (4, 0, 0), 4.0)]
    parts = [Part("aorta", (9, 32, 0), (10, 10, TALL)), Part("vein", (-24, 30, 0), (13, 10, TALL))]
    for tissue, (x, y, z), radius in small:
        shift = rng.normal(0, 2, 2)
        parts.append(Part(tissue, (x + shift[0], y + shift[1], z - 60), (radius, radius, 60)))
    return parts


def _bowel(rng: np.random.Generator) -> List[Part]:
    """Loops in the front of the lower abdomen, some with gas."""
    parts = []
    for x in (-95, -50, -5, 45, 90):
        for z in (-125, -92, -60):
            y = -28 + 26 * (x / 95) ** 2 + rng.normal(0, 5)
            size = rng.uniform(14, 22)
            center = (x + rng.normal(0, 5), y, z + rng.normal(0, 6))
            parts.append(Part("bowel", center, (size, size * 0.8, size)))
            if rng.random() < 0.4:
                parts.append(Part("air", (center[0], y - 4, center[2]), (size * 0.6, size * 0.35, size * 0.6)))
    return parts


def _ribs() -> Sequence[Part]:
    angles = np.deg2rad([-62, -38, -12, 14, 38, 62])
    sides = [(s * 153 * np.cos(a), 101 * np.sin(a)) for a in angles for s in (-1, 1)]
    return [Part("cortical bone", (float(x), float(y), 90.0), (8.0, 4.5, 130.0)) for x, y in sides]


_BONES: Tuple[Part, ...] = (
    Part("cortical bone", (0, 57, 0), (23, 18, TALL)),
    Part("trabecular bone", (0, 57, 0), (20.5, 15.5, TALL)),
    Part("cortical bone", (0, 86, 0), (15, 13, TALL)),
    Part("canal", (0, 82, 0), (9, 8, TALL)),
    Part("cortical bone", (0, 106, 0), (4, 12, TALL)),
    *_ribs(),
)

ENHANCEMENT_ONE: Dict[Phase, float] = dict.fromkeys(PHASES, 1.0)
