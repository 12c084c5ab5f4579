"""How a lesion looks: necrotic core, enhancing rim, texture, as a function of its state and of position."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Tuple

import numpy as np
import numpy.typing as npt

from her2_core.case import Organ, Phase
from her2_core.cohort.anatomy import Tissue, soft_step, span_of
from her2_core.cohort.lesions import LesionCourse, LesionState
from her2_core.cohort.sites import STOMACH_CENTER
from her2_core.cohort.texture import Axis, Field, Waves

VIABLE: Dict[Organ, Tissue] = {
    "Stomach": Tissue(40, 34, 52),
    "Lymph node": Tissue(38, 30, 48),
    "Liver": Tissue(40, 14, 26),
    "Adrenal gland": Tissue(36, 30, 45),
    "Spleen": Tissue(40, 20, 35),
    "Peritoneum": Tissue(36, 28, 44),
    "Soft tissue": Tissue(48, 40, 60),
    "Bone": Tissue(46, 30, 48),
    "Lung": Tissue(40, 25, 40),
    "Other": Tissue(38, 28, 44),
}
"""Living tumour: HU without contrast and what contrast adds."""
CORE_HU = 8.0
CAVITY_HU = -320.0
"""A dying lung lesion cavitates: partly air, so that it shows in the lung window too."""
EDGE_MM = 1.4
RIM_AT, RIM_WIDTH = 0.86, 0.13
STOMACH_CURVATURE_MM = 38.0
OUTLINE_NOISE = 0.07


@dataclass(frozen=True, eq=False)
class Look:
    """The lasting character of one lesion: outline, texture, blood supply; says nothing about prognosis.

    Attributes:
        outline: field that makes the border irregular.
        interior: field of the inner texture.
        vascularity: factor on the contrast it takes up.
        core_bias: how large its core is without any treatment.
    """

    outline: Waves
    interior: Waves
    vascularity: float
    core_bias: float


@dataclass(frozen=True)
class Structure:
    """Numbers that describe the inside of a lesion at one examination.

    Attributes:
        core: radius of the low-density core relative to the lesion, 0 to 0.88.
        rim_hu: extra enhancement of the rim (venous, HU).
        texture_hu: standard deviation of the inner texture.
        shift_hu: change of the living tissue's density.
    """

    core: float
    rim_hu: float
    texture_hu: float
    shift_hu: float


def draw_look(rng: np.random.Generator) -> Look:
    """The character of one lesion."""
    return Look(
        outline=Waves.draw(rng, (12.0, 30.0), count=12),
        interior=Waves.draw(rng, (4.0, 10.0)),
        vascularity=float(np.clip(rng.normal(1.0, 0.15), 0.6, 1.4)),
        core_bias=float(rng.uniform(0.05, 0.3)),
    )


def structure_of(state: LesionState, core_bias: float) -> Structure:
    """What a lesion's activity does to its inside.

    Under therapy an inactive lesion has a large core, a thin pale rim and little texture; an active one is solid,
    coarse and brightly rimmed. Before therapy the risk shows only in the texture.
    """
    active = 1.0 / (1.0 + np.exp(-1.5 * state.structure))
    if not state.treated:
        return Structure(core_bias, 12.0, 8.0 + 12.0 * active, 0.0)
    core = 0.3 * core_bias + 0.88 * (1 - active)
    return Structure(float(min(core, 0.88)), 50.0 * active, 5.0 + 15.0 * active, 32.0 * (2 * active - 1))


def paint_lesion(
    hu: Dict[Phase, Field],
    grid: Tuple[Axis, Axis, Axis],
    course: LesionCourse,
    state: LesionState,
    look: Look,
    enhancement: Dict[Phase, float],
) -> None:
    """Blend one lesion over the anatomy, in place.

    Args:
        hu: per phase (len(z), len(y), len(x)).
        grid: body coordinates x, y, z, mm.
        course: where the lesion is.
        state: how it is at this examination.
        look: its character.
        enhancement: contrast factor per phase.
    """
    reach = state.long_mm / 2 * 1.4 + 4 * EDGE_MM
    spans = [span_of(axis, c, reach) for axis, c in zip(grid, course.center_mm)]
    if any(s.stop <= s.start for s in spans):
        return
    x, y, z = (axis[s] - c for axis, s, c in zip(grid, spans, course.center_mm))
    radius = _radius(course, state, x, y, z)
    outline = look.outline.on_grid(x, y, z)
    radius *= 1 + np.float32(OUTLINE_NOISE) * outline
    inside = structure_of(state, look.core_bias)
    half = state.short_mm / 2
    cover = soft_step((1 - radius) * np.float32(half / EDGE_MM))
    core = soft_step((inside.core - radius * (1 + np.float32(0.1) * outline)) * np.float32(max(half, 4.0) / 2.0))
    rim = np.exp(-(((radius - RIM_AT) / RIM_WIDTH) ** 2)) * np.float32(inside.rim_hu)
    texture = look.interior.on_grid(x, y, z) * np.float32(inside.texture_hu)
    core_hu = np.float32(CAVITY_HU if course.organ == "Lung" else CORE_HU)
    window = (spans[2], spans[1], spans[0])
    tissue = VIABLE[course.organ]
    for phase, image in hu.items():
        uptake = enhancement[phase] * look.vascularity
        strength = np.float32(uptake * (0.55 if phase == "arterial" else 1.0))
        living = np.float32(tissue.hu(phase, uptake) + inside.shift_hu) + texture + strength * rim
        value = living + core * (core_hu + np.float32(0.25) * texture - living)
        image[window] += cover * (value - image[window])


def _radius(course: LesionCourse, state: LesionState, x: Axis, y: Axis, z: Axis) -> npt.NDArray[np.float32]:
    """Distance from the centre relative to the outline, (len(z), len(y), len(x)); 1 on the ellipsoid."""
    cos, sin = np.cos(course.angle), np.sin(course.angle)
    along = cos * x[None, :] + sin * y[:, None]  # (Y, X)
    across = -sin * x[None, :] + cos * y[:, None]
    a, b = state.long_mm / 2, state.short_mm / 2
    c = 0.7 * a if course.organ == "Stomach" else (a + b) / 2
    if course.organ == "Stomach":
        inward = np.subtract(STOMACH_CENTER, course.center_mm)
        side = np.sign(-sin * inward[0] + cos * inward[1])
        across = across - side * along**2 / (2 * STOMACH_CURVATURE_MM)
    in_plane = ((along / a) ** 2 + (across / b) ** 2).astype(np.float32)
    squared = ((z / c) ** 2).astype(np.float32)[:, None, None] + in_plane[None]
    radius: npt.NDArray[np.float32] = np.sqrt(squared)
    return radius
