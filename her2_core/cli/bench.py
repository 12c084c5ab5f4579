"""`her2 bench`: benchmarks as ratios measured in one run."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Dict, List


def add_parser(commands: Any) -> None:
    """Register the command."""
    parser = commands.add_parser("bench", help="measure ratios against reference programs in one run")
    parser.add_argument("name", nargs="?", metavar="NAME", help="one entry only; default: all")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument(
        "--compare", type=Path, metavar="OLD", help="JSON of an earlier run; exit 1 if a ratio got worse"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure, print, compare.

    Returns:
        0, or 1 when an entry is more than 10 % worse than in the earlier run.
    """
    from tqdm import tqdm

    from her2_core.bench.compare import read_results, worse_than
    from her2_core.bench.entries import ENTRIES
    from her2_core.errors import BadInput

    if arguments.name is not None and arguments.name not in ENTRIES:
        raise BadInput(f"unknown benchmark {arguments.name!r}.", hint=f"Known: {', '.join(ENTRIES)}.")
    old = read_results(arguments.compare) if arguments.compare else []
    results = []
    names = [arguments.name] if arguments.name else list(ENTRIES)
    with tqdm(desc="bench", unit=" pairs", file=sys.stderr, disable=None) as bar:
        for name in names:
            bar.set_description(f"bench {name}")
            results.append(ENTRIES[name](bar.update))
    rows = [vars(result) for result in results]
    print(json.dumps(rows, indent=1) if arguments.json else _table(rows))
    regressions = worse_than(old, results)
    for line in regressions:
        print(f"her2 bench: {line}", file=sys.stderr)
    return 1 if regressions else 0


def _table(rows: List[Dict[str, Any]]) -> str:
    lines = [f"{'entry':<10}{'ours':>14}  {'ratio':>8}  {'goal':>8}  met  against"]
    for row in rows:
        value = f"{row['value']:.4g} {row['unit']}"
        met = "yes" if row["met"] else "no"
        lines.append(
            f"{row['name']:<10}{value:>14}  {row['ratio']:>8.4f}  {row['goal']:>8.4f}  {met:<3}  {row['against']}"
        )
    return "\n".join(lines)
