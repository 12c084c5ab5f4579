"""The image patch of one box as it travels: HU pixels, their place in patient space, and whose they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Dict, NamedTuple, Tuple

import numpy as np
import numpy.typing as npt

from her2_core.case import Phase, Point, TimePointName
from her2_core.decoding import encode


class Window(NamedTuple):
    """A CT display window; `low` and `high` are its ends in HU."""

    level: int
    width: int

    @property
    def low(self) -> int:
        """Lower end, HU: also the padding value."""
        return self.level - self.width // 2

    @property
    def high(self) -> int:
        """Upper end, HU."""
        return self.level + self.width // 2


LUNG_WINDOW = Window(-400, 1500)
"""Paper, Preprocessing data (3)."""
BODY_WINDOW = Window(50, 350)
"""Paper, Preprocessing data (3)."""


def window_of(organ: str) -> Window:
    """The window an organ is normalised with (HU)."""
    return LUNG_WINDOW if organ == "Lung" else BODY_WINDOW


@dataclass(frozen=True)
class Place:
    """Where an ROI lies in patient space (LPS, mm).

    Attributes:
        origin_mm: centre of the pixel at row 0, column 0 of the middle slice.
        column_step_mm: vector from one column to the next (towards the patient's left).
        row_step_mm: vector from one row to the next (towards the back).
        slice_step_mm: vector from the middle slice to the upper one.
        rows: number of rows.
        columns: number of columns.
    """

    origin_mm: Point
    column_step_mm: Point
    row_step_mm: Point
    slice_step_mm: Point
    rows: int
    columns: int

    __pydantic_config__: ClassVar[Dict[str, Any]] = {"extra": "forbid", "strict": True, "allow_inf_nan": False}

    @property
    def spacing_mm(self) -> Tuple[float, float]:
        """Distance between rows and between columns, mm."""
        return float(np.linalg.norm(self.row_step_mm)), float(np.linalg.norm(self.column_step_mm))


@dataclass(frozen=True, eq=False)
class Roi:
    """One ROI, native resolution, before any resampling (model.md section 2, step 2).

    Attributes:
        lesion_id, time_point, phase: whose it is; `phase` is the series it was cut from.
        hu: (3, rows, columns) int16 Hounsfield units; channel 0 the slice below, 1 the box's slice, 2 the slice above;
            columns increase to the patient's left, rows to the back.
        place: where it lies.
        notes: short QC codes from cutting, e.g. "end_of_volume", "outside_image".
    """

    lesion_id: str
    time_point: TimePointName
    phase: Phase
    hu: npt.NDArray[np.int16]
    place: Place
    notes: Tuple[str, ...] = ()

    @property
    def identity(self) -> Tuple[str, str, str]:
        """Key of the ROI within its case: lesion, time point, phase."""
        return (self.lesion_id, self.time_point, self.phase)

    def header(self) -> Dict[str, Any]:
        """Everything but the pixels, JSON-ready."""
        return {
            "lesion_id": self.lesion_id,
            "time_point": self.time_point,
            "phase": self.phase,
            "place": encode(self.place),
            "notes": list(self.notes),
        }
