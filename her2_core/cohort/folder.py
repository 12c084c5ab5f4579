"""A cohort on disk: `cohort.json`, `patients.csv` (case_id, cohort, file) and one bundle per patient.

COHORT/
  cohort.json       {"schema": "her2-cohort/1", "name": .., "synthetic": ..}
  patients.csv      case_id,cohort,file
  cases/<id>.her2   bundles: clinical data, markers and outcome are part of the case
"""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Dict, Iterator, List, Literal, Optional, Sequence, Tuple, Union

from her2_core.bundle import Bundle, read_bundle
from her2_core.case import CASE_ID
from her2_core.cohort.table1 import COHORTS
from her2_core.decoding import decode, encode
from her2_core.errors import BadInput
from her2_core.tables import Row, read_rows

HEADER_FILE, PATIENTS_FILE, CASES_FOLDER = "cohort.json", "patients.csv", "cases"
COLUMNS = ("case_id", "cohort", "file")
PHANTOM_NOTICE = "SYNTHETIC: computer-generated phantom patients; no clinical meaning. Research use only."


@dataclass(frozen=True)
class CohortHeader:
    """`cohort.json`.

    Attributes:
        name: what reports call it.
        synthetic: phantom patients, or altered by software.
        notice: shown with everything made from it.
        seed, level, pixel_mm, sizes: how a phantom was made; None for other cohorts.
    """

    name: str
    synthetic: bool
    notice: Optional[str] = None
    seed: Optional[int] = None
    level: Optional[Literal["roi", "dicom"]] = None
    pixel_mm: Optional[float] = None
    sizes: Optional[Dict[str, int]] = None
    schema: Literal["her2-cohort/1"] = "her2-cohort/1"


@dataclass(frozen=True)
class Entry:
    """One row of `patients.csv`; `row` 1 is the first below the header."""

    case_id: str
    cohort: str
    path: Path
    row: int

    def load(self) -> Bundle:
        """Read the bundle.

        Raises:
            BadInput: damaged, or of another case; names file and row.
        """
        try:
            bundle = read_bundle(self.path)
        except BadInput as error:
            raise BadInput(error.what, where=f"{self._where}, {error.where}", hint=error.hint) from None
        except OSError as error:
            raise BadInput(f"cannot be read ({error.strerror}).", where=f"{self._where}, {self.path.name}") from None
        if bundle.case.case_id != self.case_id:
            message = f"the bundle is of case {bundle.case.case_id}, not {self.case_id}."
            raise BadInput(message, where=f"{self._where}, {self.path.name}", hint="Correct case_id or file.")
        return bundle

    @property
    def _where(self) -> str:
        return f"{PATIENTS_FILE} row {self.row}"


@dataclass(frozen=True)
class Cohort:
    """A cohort folder; bundles are read when asked for.

    Attributes:
        path: the folder.
        header: `cohort.json`.
        entries: patients in the order of `patients.csv`.
    """

    path: Path
    header: CohortHeader
    entries: Tuple[Entry, ...]

    def __len__(self) -> int:
        return len(self.entries)

    def of(self, cohort: str) -> Tuple[Entry, ...]:
        """Patients of "training", "internal", "external" or "prospective"."""
        return tuple(e for e in self.entries if e.cohort == cohort)

    def bundles(self, cohort: Optional[str] = None) -> Iterator[Bundle]:
        """All bundles, or those of one cohort, one after the other."""
        for entry in self.entries if cohort is None else self.of(cohort):
            yield entry.load()

    def data_sha256(self) -> str:
        """Hash over who is in which cohort and all bundle bytes; independent of row order and folder name."""
        lines = []
        for entry in self.entries:
            digest = hashlib.sha256(entry.path.read_bytes()).hexdigest()
            lines.append(f"{entry.case_id} {entry.cohort} {digest}\n")
        return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()


def read_cohort(path: Union[str, Path]) -> Cohort:
    """Read a cohort folder; the bundles themselves are read later.

    Raises:
        BadInput: a file is missing or wrong; names file, row and column.
    """
    folder = Path(path)
    header = read_header(folder)
    return Cohort(folder, header, tuple(read_entries(folder)))


def read_header(folder: Path) -> CohortHeader:
    """`cohort.json` of a folder.

    Raises:
        BadInput: missing, or not of this schema.
    """
    path = folder / HEADER_FILE
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise _missing(path, error) from None
    except (ValueError, RecursionError) as error:
        raise BadInput(f"is not JSON ({error}).", where=HEADER_FILE) from None
    return decode(CohortHeader, value, HEADER_FILE)


def read_entries(folder: Path) -> List[Entry]:
    """The rows of `patients.csv`, all checked.

    Raises:
        BadInput: the first wrong row.
    """
    entries, problems = scan_entries(folder)
    if problems:
        row, column, what, remedy = problems[0]
        raise BadInput(what, where=f"{PATIENTS_FILE} row {row}, column {column}", hint=remedy)
    return entries


RowProblem = Tuple[int, str, str, str]
"""Row, column, what is wrong, remedy."""


def scan_entries(folder: Path) -> Tuple[List[Entry], List[RowProblem]]:
    """The good rows of `patients.csv` and everything that is wrong with the others.

    Raises:
        BadInput: the file is missing, no table, or lacks a column.
    """
    path = folder / PATIENTS_FILE
    try:
        rows = read_rows(path, needed=COLUMNS)
    except OSError as error:
        raise _missing(path, error) from None
    entries: List[Entry] = []
    problems: List[RowProblem] = []
    seen: Dict[str, int] = {}
    for row in rows:
        wrong = _row_problems(folder, row, seen)
        problems += wrong
        if not wrong:
            entries.append(Entry(row["case_id"], row["cohort"], folder / row["file"], row.number))
    return entries, problems


def _row_problems(folder: Path, row: Row, seen: Dict[str, int]) -> List[RowProblem]:
    problems: List[RowProblem] = []
    case_id, name, number = row["case_id"], row["file"], row.number
    if not CASE_ID.match(case_id):
        problems.append((number, "case_id", f"{case_id!r} is no case id.", "26 characters A-Z, 2-7."))
    if case_id in seen:
        remedy = "A patient belongs to one cohort only; delete one row."
        problems.append((number, "case_id", f"{case_id} is listed in row {seen[case_id]} too.", remedy))
    seen.setdefault(case_id, number)
    if row["cohort"] not in COHORTS:
        problems.append((number, "cohort", f"{row['cohort']!r} is unknown.", f"One of {', '.join(COHORTS)}."))
    inside = PurePosixPath(name)
    if not name or inside.is_absolute() or ".." in inside.parts or "\\" in name or ":" in name:
        problems.append((number, "file", f"{name!r} does not lie in the cohort folder.", "Give a relative path."))
    elif not (folder / name).is_file():
        problems.append((number, "file", f"{name} does not exist.", "Copy the bundle there or correct the name."))
    return problems


def write_index(folder: Path, header: CohortHeader, rows: Sequence[Tuple[str, str, str]]) -> None:
    """Write `cohort.json` and `patients.csv` into a folder that already holds the bundles.

    Args:
        folder: where to.
        header: what it is.
        rows: (case_id, cohort, file relative to the folder).
    """
    text = json.dumps(encode(header), indent=2, sort_keys=True) + "\n"
    (folder / HEADER_FILE).write_text(text, encoding="utf-8")
    with (folder / PATIENTS_FILE).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)


def _missing(path: Path, error: OSError) -> BadInput:
    hint = "A cohort folder holds cohort.json, patients.csv and the bundles."
    return BadInput(f"there is no readable {path.name} in {path.parent} ({error.strerror}).", hint=hint)
