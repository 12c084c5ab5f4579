"""Find everything that is wrong with a cohort folder, row by row, before training starts on it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Literal, Optional, Tuple, Union

from her2_core.bundle import Bundle
from her2_core.case import Case
from her2_core.cohort.folder import (
    CASES_FOLDER,
    HEADER_FILE,
    PATIENTS_FILE,
    CohortHeader,
    Entry,
    read_header,
    scan_entries,
)
from her2_core.errors import BadInput

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Problem:
    """One line of the table `her2 cohort check` prints.

    Attributes:
        level: "error" stops training; "warning" makes some results null.
        file: relative to the cohort folder.
        row: row of `patients.csv` (1 = first below the header), None where it is about a whole file.
        column: column of `patients.csv` or field of the case.
        what: what is wrong.
        remedy: what to do.
    """

    level: Literal["error", "warning"]
    file: str
    row: Optional[int]
    column: str
    what: str
    remedy: str


def check_cohort(path: Union[str, Path], progress: Optional[Progress] = None) -> List[Problem]:
    """All problems of a cohort folder; an empty list means that training can start.

    Args:
        path: the folder.
        progress: called with (patients checked, patients in all).

    Raises:
        BadInput: there is no such folder.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise BadInput("is not a folder" if folder.exists() else "no such folder", where=str(folder))
    try:
        header = read_header(folder)
    except BadInput as error:
        return [_whole_file(HEADER_FILE, error)]
    try:
        entries, rows = scan_entries(folder)
    except BadInput as error:
        return [_whole_file(PATIENTS_FILE, error)]
    problems = [Problem("error", PATIENTS_FILE, row, column, what, remedy) for row, column, what, remedy in rows]
    problems += _check_bundles(folder, header, entries, progress)
    return problems + list(_unlisted(folder, entries, problems))


def _whole_file(name: str, error: BadInput) -> Problem:
    place = (error.where or name).rpartition(name)[2].strip(" .,:")
    return Problem("error", name, None, place, error.what, error.hint or "Correct the file.")


def _check_bundles(
    folder: Path, header: CohortHeader, entries: List[Entry], progress: Optional[Progress]
) -> List[Problem]:
    problems: List[Problem] = []
    pixels: Dict[str, Entry] = {}
    for number, entry in enumerate(entries, start=1):
        name = entry.path.relative_to(folder).as_posix()
        try:
            bundle = entry.load()
        except BadInput as error:
            problems.append(Problem("error", name, entry.row, "file", error.what, error.hint or "Make it again."))
        else:
            found = [*_case_problems(bundle.case, header), *_same_pixels(bundle, entry, pixels)]
            problems += [Problem(level, name, entry.row, *rest) for level, *rest in found]  # type: ignore[arg-type]
        if progress:
            progress(number, len(entries))
    return problems


Finding = Tuple[Literal["error", "warning"], str, str, str]
"""Level, field, what, remedy."""


def _case_problems(case: Case, header: CohortHeader) -> Iterator[Finding]:
    """Rules of a cohort that a single case does not have."""
    if case.outcome is None:
        yield "error", "outcome", "the outcome is missing.", "Give os_days and death_observed."
    elif case.outcome.death_observed and _died_on(case) < case.time_points[-1].day:
        what = f"death on day {_died_on(case)}, but {case.time_points[-1].name} is on day {case.time_points[-1].day}."
        yield "error", "outcome.os_days", what, "OS counts from the start of therapy; correct it or the days."
    if not case.roi_keys:
        yield "error", "lesions", "no lesion has a box at baseline.", "Draw at least one box."
    if case.synthetic and not header.synthetic:
        yield "error", "synthetic", "a synthetic case in a cohort that is not.", "Say synthetic in cohort.json."
    if len(case.time_points) < 2:
        yield "error", "time_points", "there is no follow-up examination.", "The paper needs at least one."
    if case.therapy_start_day is None:
        yield "warning", "therapy_start_day", "is unknown; 0 is assumed.", "Give the first day of anti-HER2 therapy."
    for name in ("sex", "her2", "centre"):
        if getattr(case.clinical, name) is None:
            effect = "image statistics fall back to all centres" if name == "centre" else "no nomogram"
            yield "warning", f"clinical.{name}", f"is unknown: {effect}.", "Give it if it is known."


def _died_on(case: Case) -> int:
    """Day of death or last contact since baseline."""
    return (case.outcome.os_days if case.outcome else 0) + (case.therapy_start_day or 0)


def _same_pixels(bundle: Bundle, entry: Entry, seen: Dict[str, Entry]) -> Iterator[Finding]:
    """The same images under two names would sit in training and validation at once."""
    digest = hashlib.sha256(b"".join(roi.hu.tobytes() for roi in bundle.rois)).hexdigest()
    other = seen.setdefault(digest, entry)
    if other is not entry and bundle.rois:
        what = f"has the same pixels as row {other.row} ({other.case_id}, {other.cohort})."
        yield "error", "file", what, "One patient, one row: delete one of them."


def _unlisted(folder: Path, entries: List[Entry], problems: List[Problem]) -> Iterator[Problem]:
    """Bundles that no row names; silent while rows are broken, since those may be theirs."""
    if any(p.file == PATIENTS_FILE for p in problems):
        return
    listed = {entry.path for entry in entries}
    for path in sorted((folder / CASES_FOLDER).glob("*.her2")):
        if path not in listed:
            name = path.relative_to(folder).as_posix()
            yield Problem("warning", name, None, "", "is not listed in patients.csv.", "Add a row or delete the file.")
