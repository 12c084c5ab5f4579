"""CSV tables as rows of texts that know where they came from, so that every complaint names file, row and column."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Sequence

from her2_core.errors import BadInput

MISSING = frozenset({"", "NA", "N/A", "NaN", "nan"})
"""Cells that mean "no value"."""


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
        path: file it came from.
        number: 1 = first row below the header.
        line: line of the file it ends on, as an editor counts.
        values: cell per column, without surrounding blanks.
    """

    path: str
    number: int
    line: int
    values: Dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.values[column]

    def place(self, column: Optional[str] = None) -> str:
        """Where a complaint belongs."""
        where = f"{self.path}, row {self.number} (line {self.line})"
        return where if column is None else f"{where}, column {column}"

    def is_missing(self, column: str) -> bool:
        """The cell holds no value."""
        return self.values[column] in MISSING

    def real(self, column: str) -> float:
        """The cell as a finite number.

        Raises:
            BadInput: it is not one.
        """
        value = as_number(self.values[column])
        if value is None:
            raise BadInput(f"{self.values[column]!r} is not a number", where=self.place(column))
        return value


def as_number(text: str) -> Optional[float]:
    """The finite number a text spells, or None."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in text else None


def read_rows(path: Path, needed: Sequence[str] = ()) -> List[Row]:
    """Read a table with a header line.

    Args:
        path: CSV in UTF-8, with or without byte order mark; empty lines are skipped.
        needed: columns that must be there; others are kept too.

    Raises:
        BadInput: no CSV table, a column is missing or appears twice, a row of another length, or no rows.
        OSError: the file cannot be opened.
    """
    rows = list(_rows(path, needed))
    if not rows:
        raise BadInput("holds no rows below its header", where=str(path))
    return rows


def _rows(path: Path, needed: Sequence[str]) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            header = [name.strip() for name in next(reader, [])]
            _check_header(header, needed, path)
            for number, cells in enumerate(filter(None, reader), start=1):
                row = Row(str(path), number, reader.line_num, dict(zip(header, (cell.strip() for cell in cells))))
                if len(cells) != len(header):
                    raise BadInput(f"has {len(cells)} values for {len(header)} columns", where=row.place())
                yield row
        except UnicodeDecodeError:
            raise BadInput("is not a UTF-8 text", where=str(path), hint="Save it as CSV UTF-8.") from None
        except csv.Error as error:
            raise BadInput(f"is not a CSV table ({error})", where=f"{path}, line {reader.line_num}") from None


def _check_header(header: Sequence[str], needed: Sequence[str], path: Path) -> None:
    missing = [name for name in needed if name not in header]
    if missing:
        known = ", ".join(filter(None, header)) or "none"
        raise BadInput(f"column {missing[0]!r} is missing", where=str(path), hint=f"Columns found: {known}.")
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise BadInput(f"column {twice[0]!r} appears twice", where=str(path), hint="Give every column its own name.")
