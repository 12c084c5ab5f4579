"""A table of RECIST measurements (CSV) as visits per subject and reader.

Columns: subject, reader, visit_number, visit, lesion, group, organ, long_mm, short_mm, state.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

from her2_core.case import MAX_BOX_MM
from her2_core.errors import BadInput
from her2_core.response.recist import NonTargetFinding, Target, Visit

COLUMNS = (
    "subject",
    "reader",
    "visit_number",
    "visit",
    "lesion",
    "group",
    "organ",
    "long_mm",
    "short_mm",
    "state",
)
FILLED = ("subject", "visit_number", "lesion", "group")
"""Columns that may not be empty."""
GROUPS = ("TARGET", "NON-TARGET", "NEW")
STATES = ("", "PRESENT", "ABSENT", "UNEQUIVOCAL")


@dataclass(frozen=True)
class Row:
    """One line of the table, checked; sizes in mm, None = empty."""

    line: int
    subject: str
    reader: str
    visit_number: float
    visit: str
    lesion: str
    group: str
    organ: str
    long_mm: Optional[float]
    short_mm: Optional[float]
    state: str

    @property
    def is_node(self) -> bool:
        """Lymph nodes are measured by their short axis."""
        return self.organ.upper() == "LYMPH NODE"

    @property
    def mm(self) -> Optional[float]:
        """What counts for a target: its diameter, 0 when ABSENT, None when not measured."""
        measured = self.short_mm if self.is_node else self.long_mm
        return 0.0 if measured is None and self.state == "ABSENT" else measured


@dataclass(frozen=True)
class Course:
    """What one reader saw in one subject: visits in order, the baseline first."""

    subject: str
    reader: str
    visits: Tuple[Visit, ...]


def read_measurements(path: Path) -> Tuple[Course, ...]:
    """Read and check a table.

    Raises:
        BadInput: names the file, and where it can the row (line of the file, the header is row 1) and the column.
        OSError: the file cannot be opened.
    """
    rows = list(_rows(path))
    if not rows:
        raise BadInput("holds no measurements", where=str(path))
    _check_unique(rows, path)
    courses: Dict[Tuple[str, str], Dict[float, List[Row]]] = {}
    for row in rows:
        by_visit = courses.setdefault((row.subject, row.reader), {})
        by_visit.setdefault(row.visit_number, []).append(row)
    return tuple(Course(subject, reader, _visits(by_visit, path)) for (subject, reader), by_visit in courses.items())


def _rows(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            header = [name.strip() for name in next(reader, [])]
            _check_header(header, path)
            for cells in reader:
                if cells:
                    yield _row(header, cells, reader.line_num, path)
        except UnicodeDecodeError:
            raise BadInput("is not a UTF-8 text", where=str(path), hint="Save it as CSV UTF-8.") from None
        except csv.Error as error:
            raise BadInput(f"is not a CSV table ({error})", where=f"{path}, row {reader.line_num}") from None


def _check_header(header: Sequence[str], path: Path) -> None:
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise BadInput(f"column {missing[0]!r} is missing", where=str(path), hint=f"Needed: {', '.join(COLUMNS)}.")
    twice = [name for name in COLUMNS if header.count(name) > 1]
    if twice:
        raise BadInput(f"column {twice[0]!r} appears twice", where=str(path), hint="Keep one of them.")


def _row(header: Sequence[str], cells: Sequence[str], line: int, path: Path) -> Row:
    where = f"{path}, row {line}"
    if len(cells) != len(header):
        raise BadInput(f"has {len(cells)} values for {len(header)} columns", where=where)
    value = {name: cell.strip() for name, cell in zip(header, cells)}
    _check_words(value, where)
    row = Row(
        line=line,
        subject=value["subject"],
        reader=value["reader"],
        visit_number=_number(value, "visit_number", where),
        visit=value["visit"],
        lesion=value["lesion"],
        group=value["group"].upper(),
        organ=value["organ"],
        long_mm=_size(value, "long_mm", where),
        short_mm=_size(value, "short_mm", where),
        state=value["state"].upper(),
    )
    problem = _contradiction(row)
    if problem:
        raise BadInput(problem, where=f"{where}, column state")
    return row


def _check_words(value: Dict[str, str], where: str) -> None:
    for column in FILLED:
        if not value[column]:
            raise BadInput("is empty", where=f"{where}, column {column}")
    for column, allowed in (("group", GROUPS), ("state", STATES)):
        if value[column].upper() not in allowed:
            words = ", ".join(filter(None, allowed))
            raise BadInput(f"{value[column]!r} is not one of {words}", where=f"{where}, column {column}")


def _size(value: Dict[str, str], column: str, where: str) -> Optional[float]:
    if not value[column]:
        return None
    size = _number(value, column, where)
    if not 0 <= size <= MAX_BOX_MM:
        raise BadInput(f"{size:g} must lie between 0 and {MAX_BOX_MM:g} mm", where=f"{where}, column {column}")
    return size


def _number(value: Dict[str, str], column: str, where: str) -> float:
    try:
        number = float(value[column])
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise BadInput(f"{value[column]!r} is not a number", where=f"{where}, column {column}")
    return number


def _contradiction(row: Row) -> Optional[str]:
    sizes = [s for s in (row.long_mm, row.short_mm) if s is not None]
    if row.state == "ABSENT" and any(sizes):
        return "ABSENT, but a size is given"
    if row.group == "TARGET" and row.state == "UNEQUIVOCAL":
        return "UNEQUIVOCAL progression is for non-target lesions; a target is measured"
    if row.group == "NEW" and not row.state and not sizes:
        return "a NEW lesion needs PRESENT, UNEQUIVOCAL or ABSENT, or a size"
    return None


def _check_unique(rows: Sequence[Row], path: Path) -> None:
    first: Dict[Tuple[str, str, float, str], int] = {}
    for row in rows:
        key = (row.subject, row.reader, row.visit_number, row.lesion)
        if key in first:
            raise BadInput(
                f"repeats lesion {row.lesion!r} of row {first[key]} (same subject, reader and visit)",
                where=f"{path}, row {row.line}, column lesion",
                hint="Keep one of them.",
            )
        first[key] = row.line


def _visits(by_visit: Dict[float, List[Row]], path: Path) -> Tuple[Visit, ...]:
    numbers = sorted(by_visit)
    baseline = {row.lesion: row for row in by_visit[numbers[0]]}
    followed = [row for row in baseline.values() if row.group == "NON-TARGET"]
    visits: List[Visit] = []
    for number in numbers:
        rows = by_visit[number]
        for row in rows:
            _check_against_baseline(row, baseline.get(row.lesion), is_baseline=number == numbers[0], path=path)
        targets = tuple(Target(row.lesion, row.mm, row.is_node) for row in rows if row.group == "TARGET")
        before = bool(visits) and visits[-1].new_lesion
        new = before or any(row.group == "NEW" and _is_there(row) for row in rows)
        visits.append(Visit(rows[0].visit, targets, _non_targets(followed, rows), new, number))
    return tuple(visits)


def _check_against_baseline(row: Row, first: Optional[Row], *, is_baseline: bool, path: Path) -> None:
    where = f"{path}, row {row.line}, column group"
    if row.group == "NEW":
        if is_baseline:
            raise BadInput("a NEW lesion cannot be seen at the first visit", where=where)
        if first is not None:
            raise BadInput(
                f"lesion {row.lesion!r} is NEW here, but was seen at baseline (row {first.line})", where=where
            )
    elif first is None:
        raise BadInput(
            f"{row.group} lesion {row.lesion!r} was not seen at the first visit", where=where, hint="Is it NEW?"
        )
    elif first.group != row.group or first.is_node != row.is_node:
        raise BadInput(f"lesion {row.lesion!r} has another group or organ at baseline (row {first.line})", where=where)


def _is_there(row: Row) -> bool:
    return row.state in ("PRESENT", "UNEQUIVOCAL") or bool(row.long_mm) or bool(row.short_mm)


def _non_targets(followed: Sequence[Row], rows: Sequence[Row]) -> Optional[NonTargetFinding]:
    """All non-targets together: the worst finding; one without a finding leaves them not evaluated."""
    if not followed:
        return None
    states = {row.lesion: row.state for row in rows if row.group == "NON-TARGET"}
    found = [states.get(row.lesion, "") for row in followed]
    if "UNEQUIVOCAL" in found:
        return "unequivocal progression"
    if "" in found:
        return "not evaluated"
    return "present" if "PRESENT" in found else "absent"
