"""The boxes CSV (`--boxes`): which lesion was boxed on which slice, in pixel indices of its series.

Columns: time_point, phase, lesion, kind, organ, z_mm, xmin, ymin, xmax, ymax (pixel indices, inclusive). A file that
has only z_mm and the four pixel columns (others are ignored) describes one target lesion in the lung at baseline;
of its slices the one with the largest box counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Sequence, Tuple, Union

from her2_core.case import NAME, ORGANS, PHASES, TIME_POINTS
from her2_core.errors import BadInput
from her2_core.tables import Row, read_rows

PLACE_COLUMNS = ("z_mm", "xmin", "ymin", "xmax", "ymax")
LABEL_COLUMNS = ("time_point", "phase", "lesion", "kind", "organ")
DEFAULT_LABELS: Dict[str, str] = {
    "time_point": "BL",
    "phase": "venous",
    "lesion": "T1",
    "kind": "target",
    "organ": "Lung",
}
_CHOICES: Dict[str, Sequence[str]] = {
    "time_point": TIME_POINTS,
    "phase": PHASES,
    "kind": ("primary", "target", "new"),
    "organ": ORGANS,
}


@dataclass(frozen=True)
class PixelBox:
    """One box of the file.

    Attributes:
        time_point, phase, lesion, kind, organ: whose it is.
        z_mm: position of its slice, patient space.
        xmin, ymin, xmax, ymax: columns and rows of the series, inclusive.
        place: file and row, for messages.
    """

    time_point: str
    phase: str
    lesion: str
    kind: str
    organ: str
    z_mm: float
    xmin: int
    ymin: int
    xmax: int
    ymax: int
    place: str

    @property
    def area(self) -> int:
        """Number of pixels."""
        return (self.xmax - self.xmin + 1) * (self.ymax - self.ymin + 1)


def read_boxes(path: Union[str, Path]) -> Tuple[PixelBox, ...]:
    """The boxes of a file, one per lesion, time point and phase (the largest), in the order of the file.

    Raises:
        BadInput: names file, row and column.
        OSError: the file cannot be read.
    """
    rows = read_rows(Path(path), needed=PLACE_COLUMNS)
    _check_columns(rows[0])
    largest: Dict[Tuple[str, str, str], PixelBox] = {}
    for box in map(_read_row, rows):
        key = (box.lesion, box.time_point, box.phase)
        if key not in largest or box.area > largest[key].area:
            largest[key] = box
    _check_lesions(list(largest.values()))
    return tuple(largest.values())


def _check_columns(row: Row) -> None:
    absent = [c for c in LABEL_COLUMNS if c not in row.values]
    if 0 < len(absent) < len(LABEL_COLUMNS):
        hint = f"Give all of {', '.join(LABEL_COLUMNS)}, or none of them."
        raise BadInput(f"column {absent[0]!r} is missing.", where=row.path, hint=hint)


def _read_row(row: Row) -> PixelBox:
    labels = {c: row.values.get(c, DEFAULT_LABELS[c]) for c in LABEL_COLUMNS}
    _check_labels(row, labels)
    corners = {column: _pixel_index(row, column) for column in PLACE_COLUMNS[1:]}
    for low, high in (("xmin", "xmax"), ("ymin", "ymax")):
        if corners[high] < corners[low]:
            raise BadInput(f"{corners[high]} is less than {low} = {corners[low]}.", where=row.place(high))
    return PixelBox(
        time_point=labels["time_point"],
        phase=labels["phase"],
        lesion=labels["lesion"],
        kind=labels["kind"],
        organ=labels["organ"],
        z_mm=row.real("z_mm"),
        xmin=corners["xmin"],
        ymin=corners["ymin"],
        xmax=corners["xmax"],
        ymax=corners["ymax"],
        place=row.place(),
    )


def _check_labels(row: Row, labels: Dict[str, str]) -> None:
    for column, choices in _CHOICES.items():
        if labels[column] not in choices:
            raise BadInput(f"{labels[column]!r} is not one of {', '.join(choices)}.", where=row.place(column))
    if not NAME.match(labels["lesion"]):
        what = f"{labels['lesion']!r} is no name: 1-32 letters, digits, spaces or ._/+-."
        raise BadInput(what, where=row.place("lesion"))


def _pixel_index(row: Row, column: str) -> int:
    text = row[column]
    if not (text.isascii() and text.isdigit() and len(text) <= 5):
        raise BadInput(f"{text!r} is not a pixel index (0, 1, 2, ..).", where=row.place(column))
    return int(text)


def _check_lesions(boxes: List[PixelBox]) -> None:
    """A lesion keeps kind and organ."""
    first: Dict[str, PixelBox] = {}
    for box in boxes:
        other = first.setdefault(box.lesion, box)
        for column in ("kind", "organ"):
            if getattr(other, column) != getattr(box, column):
                what = f"{box.lesion} is {getattr(box, column)} here, {getattr(other, column)} before."
                raise BadInput(what, where=f"{box.place}, column {column}", hint=f"See {other.place}.")
