"""Which series the boxes of a CSV file lie on, and where they are in patient space."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Dict, List, Sequence, Tuple

import numpy as np
import numpy.typing as npt

from her2_core.case import PHASES, Phase
from her2_core.cohort.boxes import PixelBox
from her2_core.errors import BadInput
from her2_core.imaging.dicom_scan import Scan
from her2_core.imaging.dicom_series import Series
from her2_core.imaging.geometry import Geometry
from her2_core.imaging.phases import recognise


@dataclass(frozen=True)
class BoxedSeries:
    """A baseline series with the boxes drawn on it."""

    phase: Phase
    series: Series
    boxes: Tuple[PixelBox, ...]


def match_boxes(boxes: Sequence[PixelBox], scan: Scan) -> List[BoxedSeries]:
    """The series of each phase: the one that has a slice where the boxes lie.

    Args:
        boxes: from `read_boxes`, rows and columns as stored.
        scan: the folder they were drawn on.

    Raises:
        BadInput: a box is not of the baseline, or lies on no series, on several, or outside of the image; names
            its row.
    """
    found: Dict[str, Tuple[Series, List[PixelBox]]] = {}
    for box in boxes:
        if box.time_point != "BL":
            raise BadInput(f"is of {box.time_point}: follow-ups are made from baseline boxes only.", where=box.place)
        if box.kind == "new":
            raise BadInput("a new lesion has no box at baseline.", where=box.place)
        candidates = [s for s in scan.series if _holds(s.geometry, _canonical(box, s))]
        if not candidates:
            hint = "Check z_mm and the pixel indices."
            raise BadInput("lies on no axial series of the folder.", where=box.place, hint=hint)
        series = _of_phase(candidates, box, scan)
        found.setdefault(box.phase, (series, []))[1].append(_canonical(box, series))
        if found[box.phase][0] is not series:
            raise BadInput(f"boxes of the {box.phase} phase lie on different series.", where=box.place)
    return [BoxedSeries(p, found[p][0], tuple(found[p][1])) for p in PHASES if p in found]


def _of_phase(candidates: Sequence[Series], box: PixelBox, scan: Scan) -> Series:
    if len(candidates) == 1:
        return candidates[0]
    phases = recognise(scan.series)
    named = [s for s in candidates if phases[s.source].phase == box.phase]
    if len(named) != 1:
        hint = "Leave only the series the boxes were drawn on in the folder."
        raise BadInput(f"{len(candidates)} series could be meant.", where=box.place, hint=hint)
    return named[0]


def _canonical(box: PixelBox, series: Series) -> PixelBox:
    """The box in canonical rows and columns; in the file they are those of the stored images."""
    x, y = (box.xmin, box.xmax), (box.ymin, box.ymax)
    if series.view.transpose:
        x, y = y, x
    if series.view.flip_columns:
        x = (series.geometry.columns - 1 - x[1], series.geometry.columns - 1 - x[0])
    if series.view.flip_rows:
        y = (series.geometry.rows - 1 - y[1], series.geometry.rows - 1 - y[0])
    return replace(box, xmin=x[0], xmax=x[1], ymin=y[0], ymax=y[1])


def _holds(geometry: Geometry, box: PixelBox) -> bool:
    inside = box.xmin >= 0 and box.xmax < geometry.columns and box.ymin >= 0 and box.ymax < geometry.rows
    return inside and bool(np.abs(geometry.positions_mm - box.z_mm).min() <= geometry.slice_spacing_mm / 2)


def slice_of(geometry: Geometry, z_mm: float) -> int:
    """The slice nearest to a position."""
    return int(np.argmin(np.abs(geometry.positions_mm - z_mm)))


def center_of(geometry: Geometry, box: PixelBox) -> npt.NDArray[np.float64]:
    """Centre of a box, LPS mm."""
    column, row = (box.xmin + box.xmax) / 2, (box.ymin + box.ymax) / 2
    origin = geometry.origins_mm[slice_of(geometry, box.z_mm)]
    center: npt.NDArray[np.float64] = origin + column * geometry.column_step_mm + row * geometry.row_step_mm
    return center


def size_of(geometry: Geometry, box: PixelBox) -> Tuple[float, float]:
    """Width and height of a box, mm."""
    row_mm, column_mm = geometry.pixel_spacing_mm
    return round((box.xmax - box.xmin + 1) * column_mm, 2), round((box.ymax - box.ymin + 1) * row_mm, 2)
