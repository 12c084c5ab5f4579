"""A table of RECIST measurements (CSV) as visits per subject and reader.

Columns: subject, reader, visit_number, visit, lesion, group, organ, long_mm, short_mm, state.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

from her2_core.case import MAX_BOX_MM
from her2_core.errors import BadInput
from her2_core.response.recist import NonTargetFinding, Target, Visit
from her2_core.tables import Row, read_rows

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
class Finding:
    """One lesion at one visit, checked; sizes in mm, None = empty."""

    row: Row
    visit_number: float
    group: str
    state: str
    long_mm: Optional[float]
    short_mm: Optional[float]

    @property
    def lesion(self) -> str:
        """Name of the lesion within its subject and reader."""
        return self.row["lesion"]

    @property
    def is_node(self) -> bool:
        """Lymph nodes are measured by their short axis."""
        return self.row["organ"].upper() == "LYMPH NODE"

    @property
    def mm(self) -> Optional[float]:
        """What counts for a target: its diameter, 0 when ABSENT, None when not measured."""
        measured = self.short_mm if self.is_node else self.long_mm
        return 0.0 if measured is None and self.state == "ABSENT" else measured

    @property
    def is_there(self) -> bool:
        """It was seen."""
        return self.state in ("PRESENT", "UNEQUIVOCAL") or bool(self.long_mm) or bool(self.short_mm)


@dataclass(frozen=True)
class Course:
    """What one reader saw in one subject: visits in order, the baseline first."""

    subject: str
    reader: str
    visits: Tuple[Visit, ...]


def read_measurements(path: Path) -> Tuple[Course, ...]:
    """Read and check a table.

    Raises:
        BadInput: names the file, and where it can the row and the column.
        OSError: the file cannot be opened.
    """
    findings = [_finding(row) for row in read_rows(path, COLUMNS)]
    _check_unique(findings)
    courses: Dict[Tuple[str, str], Dict[float, List[Finding]]] = {}
    for finding in findings:
        by_visit = courses.setdefault((finding.row["subject"], finding.row["reader"]), {})
        by_visit.setdefault(finding.visit_number, []).append(finding)
    return tuple(Course(subject, reader, _visits(by_visit)) for (subject, reader), by_visit in courses.items())


def _finding(row: Row) -> Finding:
    for column in FILLED:
        if not row[column]:
            raise BadInput("is empty", where=row.place(column))
    finding = Finding(
        row=row,
        visit_number=row.real("visit_number"),
        group=_word(row, "group", GROUPS),
        state=_word(row, "state", STATES),
        long_mm=_size(row, "long_mm"),
        short_mm=_size(row, "short_mm"),
    )
    problem = _contradiction(finding)
    if problem:
        raise BadInput(problem, where=row.place("state"))
    return finding


def _word(row: Row, column: str, allowed: Sequence[str]) -> str:
    word = row[column].upper()
    if word not in allowed:
        words = ", ".join(filter(None, allowed))
        raise BadInput(f"{row[column]!r} is not one of {words}", where=row.place(column))
    return word


def _size(row: Row, column: str) -> Optional[float]:
    if not row[column]:
        return None
    size = row.real(column)
    if not 0 <= size <= MAX_BOX_MM:
        raise BadInput(f"{size:g} must lie between 0 and {MAX_BOX_MM:g} mm", where=row.place(column))
    return size


def _contradiction(finding: Finding) -> Optional[str]:
    sizes = [s for s in (finding.long_mm, finding.short_mm) if s is not None]
    if finding.state == "ABSENT" and any(sizes):
        return "ABSENT, but a size is given"
    if finding.group == "TARGET" and finding.state == "UNEQUIVOCAL":
        return "UNEQUIVOCAL progression is for non-target lesions; a target is measured"
    if finding.group == "NEW" and not finding.state and not sizes:
        return "a NEW lesion needs PRESENT, UNEQUIVOCAL or ABSENT, or a size"
    return None


def _check_unique(findings: Sequence[Finding]) -> None:
    first: Dict[Tuple[str, str, float, str], Row] = {}
    for finding in findings:
        row = finding.row
        key = (row["subject"], row["reader"], finding.visit_number, row["lesion"])
        if key in first:
            what = f"repeats lesion {row['lesion']!r} of row {first[key].number} (same subject, reader and visit)"
            raise BadInput(what, where=row.place("lesion"), hint="Keep one of them.")
        first[key] = row


def _visits(by_visit: Dict[float, List[Finding]]) -> Tuple[Visit, ...]:
    numbers = sorted(by_visit)
    baseline = {finding.lesion: finding for finding in by_visit[numbers[0]]}
    followed = [finding.lesion for finding in baseline.values() if finding.group == "NON-TARGET"]
    visits: List[Visit] = []
    for number in numbers:
        findings = by_visit[number]
        for finding in findings:
            _check_against_baseline(finding, baseline.get(finding.lesion), is_baseline=number == numbers[0])
        targets = tuple(Target(f.lesion, f.mm, f.is_node) for f in findings if f.group == "TARGET")
        before = bool(visits) and visits[-1].new_lesion
        new = before or any(f.group == "NEW" and f.is_there for f in findings)
        visits.append(Visit(findings[0].row["visit"], targets, _non_targets(followed, findings), new, number))
    return tuple(visits)


def _check_against_baseline(finding: Finding, first: Optional[Finding], *, is_baseline: bool) -> None:
    name, where = repr(finding.lesion), finding.row.place("group")
    if finding.group == "NEW":
        if is_baseline:
            raise BadInput("a NEW lesion cannot be seen at the first visit", where=where)
        if first is not None:
            raise BadInput(f"lesion {name} is NEW here, but was seen at baseline (row {first.row.number})", where=where)
    elif first is None:
        raise BadInput(f"{finding.group} lesion {name} was not seen at the first visit", where=where, hint="Is it NEW?")
    elif first.group != finding.group or first.is_node != finding.is_node:
        raise BadInput(
            f"lesion {name} has another group or organ at the first visit (row {first.row.number})", where=where
        )


def _non_targets(followed: Sequence[str], findings: Sequence[Finding]) -> Optional[NonTargetFinding]:
    """All non-targets together: progression of one decides; else one without a finding leaves them not evaluated."""
    if not followed:
        return None
    states = {finding.lesion: finding.state for finding in findings if finding.group == "NON-TARGET"}
    found = [states.get(lesion, "") for lesion in followed]
    if "UNEQUIVOCAL" in found:
        return "unequivocal progression"
    if "" in found:
        return "not evaluated"
    return "present" if "PRESENT" in found else "absent"
