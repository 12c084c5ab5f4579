"""How each examination was scanned: position on the table, pixel grid, contrast timing, kernel, noise.

None of this depends on the patient's hidden state; the external centres differ from centre 1 (He 2024, Table S1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, NamedTuple, Optional, Tuple

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from her2_core.case import PHASES, Phase, Point
from her2_core.cohort.patients import Patient
from her2_core.cohort.texture import Field
from her2_core.imaging.geometry import Geometry

SCAN_RANGE_MM = (-150.0, 160.0)
"""From the feet to the head, body coordinates."""
FIELD_OF_VIEW_MM = 368.0
"""The smallest matrix of 2^n pixels that covers this is used; no pixel size below makes it smaller than the body."""
ARTERIAL_MISSING = 0.03
"""Follow-up examinations without an arterial series."""


class Scanner(NamedTuple):
    """Habits of a centre: ranges of pixel size, slice thickness, noise (HU), kernel blur (mm), contrast (mean, SD)."""

    pixel_mm: Tuple[float, float]
    slice_mm: float
    noise_hu: Tuple[float, float]
    blur_mm: Tuple[float, float]
    contrast: Tuple[float, float]


SCANNERS: Dict[str, Scanner] = {
    "C1": Scanner((0.72, 0.84), 5.0, (8.0, 13.0), (0.50, 0.65), (1.00, 0.08)),
    "C2": Scanner((0.76, 0.90), 5.0, (12.0, 17.0), (0.35, 0.45), (0.88, 0.10)),
    "C3": Scanner((0.74, 0.82), 3.0, (13.0, 19.0), (0.40, 0.55), (1.08, 0.10)),
    "C4": Scanner((0.74, 0.80), 5.0, (9.0, 14.0), (0.70, 0.85), (0.94, 0.08)),
}


@dataclass(frozen=True, eq=False)
class Study:
    """One examination's acquisition.

    Attributes:
        shift_mm: position of the body's origin in the scanner (world = body + shift).
        geometry: pixel grid, world coordinates.
        slice_mm: slice thickness and distance.
        enhancement: contrast factor per phase.
        noise_hu: standard deviation of the noise.
        blur_mm: in-plane Gaussian blur of the reconstruction kernel.
        phases: series that exist.
    """

    shift_mm: Point
    geometry: Geometry
    slice_mm: float
    enhancement: Dict[Phase, float]
    noise_hu: float
    blur_mm: float
    phases: Tuple[Phase, ...]

    @property
    def pixel_mm(self) -> float:
        """Size of a pixel."""
        return self.geometry.pixel_spacing_mm[0]


@dataclass(frozen=True)
class ScanOptions:
    """What a caller may fix.

    Attributes:
        pixel_mm: pixel size instead of the scanner's (coarser = faster training); None = as scanned.
        slice_mm: slice thickness instead of the scanner's.
        range_mm: extent from feet to head, body coordinates.
        all_phases: no missing arterial series.
    """

    pixel_mm: Optional[float] = None
    slice_mm: Optional[float] = None
    range_mm: Tuple[float, float] = SCAN_RANGE_MM
    all_phases: bool = False


AS_SCANNED = ScanOptions()


def draw_studies(patient: Patient, options: ScanOptions = AS_SCANNED) -> Tuple[Study, ...]:
    """One acquisition per examination."""
    scanner = SCANNERS[str(patient.clinical.centre)]
    return tuple(
        _draw_study(scanner, patient.stream("study", i), options, baseline=i == 0) for i in range(len(patient.days))
    )


def _draw_study(scanner: Scanner, rng: np.random.Generator, options: ScanOptions, baseline: bool) -> Study:
    shift = rng.normal(0, (6.0, 5.0, 14.0))
    pixel = round(float(rng.uniform(*scanner.pixel_mm)), 4)
    enhancement: Dict[Phase, float] = {p: float(np.clip(rng.normal(*scanner.contrast), 0.6, 1.4)) for p in PHASES}
    noise, blur = float(rng.uniform(*scanner.noise_hu)), float(rng.uniform(*scanner.blur_mm))
    offset = rng.uniform(-0.5, 0.5, 3)
    arterial = baseline or options.all_phases or rng.random() >= ARTERIAL_MISSING
    pixel, slice_mm = options.pixel_mm or pixel, options.slice_mm or scanner.slice_mm
    center: npt.NDArray[np.float64] = np.round(shift + offset * (pixel, pixel, slice_mm), 2).astype(np.float64)
    return Study(
        shift_mm=(float(shift[0]), float(shift[1]), float(shift[2])),
        geometry=_grid(center, pixel, slice_mm, options.range_mm),
        slice_mm=slice_mm,
        enhancement=enhancement,
        noise_hu=noise,
        blur_mm=blur,
        phases=PHASES if arterial else ("venous",),
    )


def _grid(center: npt.NDArray[np.float64], pixel: float, slice_mm: float, range_mm: Tuple[float, float]) -> Geometry:
    """A square matrix about the body, slices from feet to head."""
    side = 2 ** int(np.ceil(np.log2(FIELD_OF_VIEW_MM / pixel)))
    count = int(np.floor((range_mm[1] - range_mm[0]) / slice_mm))
    corner = np.round(center[:2] - pixel * (side - 1) / 2, 3)
    lowest = np.round(center[2] + range_mm[0], 2)
    origins = np.empty((count, 3))
    origins[:, :2] = corner
    origins[:, 2] = np.round(lowest + slice_mm * np.arange(count), 3)
    return Geometry(origins, np.array([pixel, 0, 0]), np.array([0, pixel, 0]), side, side, slice_mm)


def acquire(hu: Field, study: Study, rng: np.random.Generator) -> npt.NDArray[np.int16]:
    """What the scanner makes of noise-free HU (slices, rows, columns): kernel blur, correlated noise, whole numbers."""
    sigma = study.blur_mm / study.pixel_mm
    noise = gaussian_filter(rng.standard_normal(hu.shape, dtype=np.float32), (0, sigma, sigma), mode="wrap")
    blurred = gaussian_filter(hu, (0, sigma, sigma), mode="nearest")
    image = blurred + np.float32(study.noise_hu / _noise_left(sigma)) * noise
    stored: npt.NDArray[np.int16] = np.rint(np.clip(image, -1024, 3071)).astype(np.int16)
    return stored


def _noise_left(sigma: float) -> float:
    """Standard deviation of white noise after the filter of `acquire`."""
    impulse = np.zeros(33)
    impulse[16] = 1.0
    kernel = gaussian_filter(impulse, sigma)
    return float((kernel**2).sum())
