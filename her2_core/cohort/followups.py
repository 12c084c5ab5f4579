"""Clearly labelled synthetic follow-ups of a real scan: moved, and with its boxed lesions shrunk or grown.

For trying the whole chain on real pixels: no public data set has whole CT volumes of one patient at several dates
with boxes and survival. The lesions' course and the clinical data are invented; the case says `synthetic`.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Dict, List, Sequence, Tuple, Union

import numpy as np
import numpy.typing as npt

from her2_core.case import TIME_POINTS, Case, Clinical, Lesion, Observation, Phase, Point, TimePoint
from her2_core.cohort.boxed_series import BoxedSeries, center_of, match_boxes, size_of, slice_of
from her2_core.cohort.boxes import PixelBox, read_boxes
from her2_core.cohort.dicom_files import SYNTHETIC_LABEL, PatientLabel, SeriesLabel, uid_of, write_slices
from her2_core.cohort.reading import Reading
from her2_core.cohort.streams import case_id_of, stream
from her2_core.cohort.table1 import TABLE_1
from her2_core.cohort.warp import Ball, warp_balls
from her2_core.imaging.dicom_scan import scan_folder
from her2_core.imaging.dicom_series import Series
from her2_core.imaging.geometry import Geometry
from her2_core.imaging.volume import OUTSIDE

INTERVAL_DAYS = (42, 56)
FIRST_CHANGE, LATER_CHANGE = (0.70, 0.92), (0.80, 1.25)
"""Factors on the lesions' diameters from one examination to the next."""
LESION_CHANGE_SD = 0.05
SHIFT_PIXELS, SHIFT_SLICES = 12, 2
NOISE_HU = 6.0
AIR_HU = -1024


def synthetic_followups(
    dicom_dir: Union[str, Path], boxes_csv: Union[str, Path], out_dir: Union[str, Path], seed: int
) -> Reading:
    """Copy the baseline and write 1F and 2F made from it.

    Args:
        dicom_dir: CT of one patient.
        boxes_csv: boxes at baseline (see `her2_core.cohort.boxes`).
        out_dir: where the DICOM files go; baseline, 1F, 2F.
        seed: decides how the lesions change.

    Returns:
        The case (synthetic, no outcome) and the series its boxes lie on.

    Raises:
        BadInput: a box lies on no series or outside of the image, or is not of the baseline; names its row.
    """
    boxes = read_boxes(boxes_csv)
    sources = match_boxes(boxes, scan_folder(Path(dicom_dir)))
    rng = stream(seed, "follow-ups", 0, "course")
    lesions = list(dict.fromkeys(box.lesion for box in boxes))
    days = (0, *np.cumsum(rng.integers(*INTERVAL_DAYS, size=2)).tolist())
    factors = _draw_factors(lesions, rng)
    shifts = [(0, 0, 0), *(_draw_shift(rng) for _ in days[1:])]
    out = Path(out_dir)
    named: Dict[str, Dict[str, str]] = {}
    for time, day in enumerate(days):
        folder = out / TIME_POINTS[time]
        named[TIME_POINTS[time]] = {}
        for source in sources:
            if time == 0:
                uid = _copy(source.series, folder)
            else:
                scale = {name: factors[name][time] for name in lesions}
                uid = _write_followup(folder, source, time, day, scale, shifts[time], seed)
            named[TIME_POINTS[time]][source.phase] = uid
    case = _case(sources, days, factors, shifts, seed)
    return Reading(case, named)


def _draw_factors(lesions: Sequence[str], rng: np.random.Generator) -> Dict[str, Tuple[float, ...]]:
    """Per lesion the diameter at BL, 1F, 2F relative to baseline; lesions of one patient change alike."""
    first, later = rng.uniform(*FIRST_CHANGE), rng.uniform(*LATER_CHANGE)
    factors: Dict[str, Tuple[float, ...]] = {}
    for name in lesions:
        own = np.exp(rng.normal(0, LESION_CHANGE_SD, 2))
        factors[name] = (1.0, float(first * own[0]), float(first * later * own[0] * own[1]))
    return factors


def _draw_shift(rng: np.random.Generator) -> Tuple[int, int, int]:
    """How far the patient lies from the baseline position: columns, rows, slices."""
    columns, rows = rng.integers(-SHIFT_PIXELS, SHIFT_PIXELS + 1, 2)
    return int(columns), int(rows), int(rng.integers(-SHIFT_SLICES, SHIFT_SLICES + 1))


def _offset(geometry: Geometry, shift: Tuple[int, int, int]) -> npt.NDArray[np.float64]:
    """The same in patient space, mm. Slices keep their content: their position moves."""
    columns, rows, slices = shift
    along = np.array([0.0, 0.0, slices * geometry.slice_spacing_mm])
    offset: npt.NDArray[np.float64] = columns * geometry.column_step_mm + rows * geometry.row_step_mm + along
    return offset


def _copy(series: Series, folder: Path) -> str:
    target = folder / f"series{uid_of(series.source)[-6:]}"
    target.mkdir(parents=True)
    for number, path in enumerate(sorted({frame.path for frame in series.frames})):
        shutil.copyfile(path, target / f"IM{number + 1:04d}.dcm")
    return series.source


def _write_followup(
    folder: Path,
    source: BoxedSeries,
    time: int,
    day: int,
    scale: Dict[str, float],
    shift: Tuple[int, int, int],
    seed: int,
) -> str:
    geometry = source.series.geometry
    hu = source.series.volume().read_slices(range(len(geometry))).astype(np.float32)
    hu[hu == OUTSIDE] = AIR_HU
    balls = [_ball(geometry, box, scale[box.lesion]) for box in source.boxes]
    warp_balls(hu, balls)
    hu = _moved(hu, shift)
    rng = stream(seed, "follow-ups", time, source.phase)
    body = hu > AIR_HU + 10
    hu += body * rng.normal(0, NOISE_HU, hu.shape).astype(np.float32)
    offset = _offset(geometry, (0, 0, shift[2]))
    moved = replace(geometry, origins_mm=geometry.origins_mm + offset)
    label = _label(source, time, day, seed)
    target = folder / f"series{uid_of(label.series)[-6:]}"
    target.mkdir(parents=True)
    write_slices(target, label, moved, 0, np.rint(hu).astype(np.int16))
    return label.series


def _moved(hu: npt.NDArray[np.float32], shift: Tuple[int, int, int]) -> npt.NDArray[np.float32]:
    """Move the content by whole pixels; air comes in at the edge."""
    columns, rows, _ = shift
    moved = np.full_like(hu, AIR_HU)
    height, width = hu.shape[1:]
    to_rows, to_columns = slice(max(rows, 0), height + min(rows, 0)), slice(max(columns, 0), width + min(columns, 0))
    from_rows = slice(max(-rows, 0), height + min(-rows, 0))
    from_columns = slice(max(-columns, 0), width + min(-columns, 0))
    moved[:, to_rows, to_columns] = hu[:, from_rows, from_columns]
    return moved


def _ball(geometry: Geometry, box: PixelBox, scale: float) -> Ball:
    """The lesion of a box as an ellipsoid in voxels: slice, row, column."""
    width, height = size_of(geometry, box)
    depth = (width + height) / 2 / geometry.slice_spacing_mm
    half = (max(depth / 2, 1.0), (box.ymax - box.ymin + 1) / 2, (box.xmax - box.xmin + 1) / 2)
    center = (float(slice_of(geometry, box.z_mm)), (box.ymin + box.ymax) / 2, (box.xmin + box.xmax) / 2)
    return Ball(center, half, scale)


def _label(source: BoxedSeries, time: int, day: int, seed: int) -> SeriesLabel:
    """Headers: the same patient, a later date, new UIDs, and SYNTHETIC in every description."""
    series = source.series
    start = series.study_date or date(2021, 3, 1)
    began = int(series.acquired_s) if series.acquired_s is not None else 9 * 3600
    key = (series.study_uid, seed, time)
    who = series.patient
    return SeriesLabel(
        patient=PatientLabel(who.name, who.patient_id, who.birth_date, who.sex, who.issuer),
        study=uid_of(*key, "study"),
        series=uid_of(*key, series.source, "series"),
        frame_of_reference=uid_of(*key, "frame"),
        day=start + timedelta(days=day),
        time=began,
        bolus_time=None if not series.contrast_agent else began - 70,
        number=1 if source.phase == "arterial" else 2,
        description=f"{series.description} {SYNTHETIC_LABEL} {TIME_POINTS[time]}".strip(),
        study_description=f"{SYNTHETIC_LABEL} follow-up",
        protocol=f"{series.protocol} {SYNTHETIC_LABEL}".strip(),
        derivation="Synthetic follow-up: baseline images moved, boxed lesions changed in size",
        kernel=series.kernel,
        image_type=("DERIVED", "PRIMARY", "AXIAL"),
    )


def _case(
    sources: Sequence[BoxedSeries],
    days: Sequence[int],
    factors: Dict[str, Tuple[float, ...]],
    shifts: Sequence[Tuple[int, int, int]],
    seed: int,
) -> Case:
    thickness = sources[0].series.thickness_mm
    points = tuple(TimePoint(name, day, thickness) for name, day in zip(TIME_POINTS, days))
    by_lesion: Dict[str, List[Tuple[BoxedSeries, PixelBox]]] = {}
    for source in sources:
        for box in source.boxes:
            by_lesion.setdefault(box.lesion, []).append((source, box))
    return Case(
        case_id=case_id_of(seed, "follow-ups", 0),
        time_points=points,
        lesions=tuple(_lesion(name, drawn, factors[name], shifts) for name, drawn in by_lesion.items()),
        clinical=_clinical(sources[0].series, stream(seed, "follow-ups", 0, "clinical")),
        synthetic=True,
    )


def _lesion(
    name: str,
    drawn: Sequence[Tuple[BoxedSeries, PixelBox]],
    factors: Tuple[float, ...],
    shifts: Sequence[Tuple[int, int, int]],
) -> Lesion:
    """Boxes follow the shift, diameters the factor; at baseline the box's sides stand in for the diameters."""
    first = drawn[0][1]
    sizes = np.array([size_of(source.series.geometry, box) for source, box in drawn])
    width, height = (float(v) for v in sizes.max(axis=0))
    observations = []
    for time, (factor, shift) in enumerate(zip(factors, shifts)):
        centers: Dict[Phase, Point] = {}
        for source, box in drawn:
            geometry = source.series.geometry
            x, y, z = (round(float(v), 3) for v in center_of(geometry, box) + _offset(geometry, shift))
            centers[source.phase] = (x, y, z)
        long_mm, short_mm = (round(side * factor, 1) for side in (max(width, height), min(width, height)))
        observations.append(Observation(TIME_POINTS[time], "measured", centers, long_mm, short_mm))
    return Lesion(name, first.kind, first.organ, (width, height), tuple(observations))  # type: ignore[arg-type]


def _clinical(series: Series, rng: np.random.Generator) -> Clinical:
    """Sex from the header; HER2 status and line of therapy are invented, so that a nomogram can be shown."""
    sex = {"M": "male", "F": "female"}.get(series.patient.sex)
    her2 = "3+" if rng.random() < TABLE_1["training"].her2_3plus else "2+/FISH+"
    return Clinical(sex=sex, her2=her2, line_of_therapy=1)  # type: ignore[arg-type]
