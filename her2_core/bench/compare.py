"""An earlier run's ratios beside this one's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import List, Sequence

from her2_core.bench.measure import Result
from her2_core.decoding import decode
from her2_core.errors import BadInput

TOLERANCE = 1.1
"""Medians of ratios on a busy machine move by some percent; a tenth is a regression."""


def read_results(path: Path) -> List[Result]:
    """What `her2 bench --json` printed earlier.

    Raises:
        BadInput: not such a file.
    """
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise BadInput(f"not JSON ({error})", where=path.name, hint="Give a file made by her2 bench --json.") from None
    if not isinstance(rows, list):
        raise BadInput("must be a list", where=path.name, hint="Give a file made by her2 bench --json.")
    return [decode(Result, row, f"{path.name}[{i}]") for i, row in enumerate(rows)]


def worse_than(old: Sequence[Result], new: Sequence[Result]) -> List[str]:
    """One line per entry whose ratio grew by more than `TOLERANCE`."""
    before = {result.name: result.ratio for result in old}
    return [
        f"{r.name}: ratio {r.ratio:.4f}, was {before[r.name]:.4f}"
        for r in new
        if r.name in before and r.ratio > TOLERANCE * before[r.name]
    ]
