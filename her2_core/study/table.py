"""A table of the report: texts in rows and columns, as CSV and for the page."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Tuple

from her2_core.errors import BadInput
from her2_core.survival.metrics import Estimate

NONE = "–"
"""Nothing to show."""


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        name: file name without ending.
        title: above the table.
        header: column names.
        rows: cells, as many as the header has.
        notes: how it was computed, below the table.
        behind_figure: the numbers of a figure; the page folds them away below it.

    Raises:
        BadInput: a row has another length than the header.
    """

    name: str
    title: str
    header: Tuple[str, ...]
    rows: Tuple[Tuple[str, ...], ...]
    notes: Tuple[str, ...] = ()
    behind_figure: bool = False

    def __post_init__(self) -> None:
        wrong = [row for row in self.rows if len(row) != len(self.header)]
        if wrong:
            raise BadInput(f"row {wrong[0][0]!r} has {len(wrong[0])} cells for {len(self.header)} columns")


def write_csv(table: Table, path: Path, mark: str) -> None:
    """Write header and rows; a last column `notice` carries the mark, so that it stays with every row."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow((*table.header, "notice"))
        writer.writerows((*row, mark) for row in table.rows)


def p_text(p: Optional[float]) -> str:
    """A p value with three digits, as the paper prints it.

    >>> p_text(0.80216), p_text(0.00004)
    ('0.802', '< 0.0001')
    """
    if p is None:
        return NONE
    if p < 0.0001:
        return "< 0.0001"
    return f"{p:.4f}" if p < 0.01 else f"{p:.3f}"


def interval_text(value: float, low: float, high: float, digits: int = 3) -> str:
    """A value with its interval, e.g. 0.725 (0.601–0.836)."""
    return f"{value:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


def estimate_text(estimate: Optional[Estimate]) -> str:
    """An estimate with its interval, or a dash."""
    return NONE if estimate is None else interval_text(estimate.value, estimate.low, estimate.high)
