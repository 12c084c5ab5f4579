"""`her2 cohort`: make a phantom cohort, check a cohort folder."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Dict, List, Optional

from her2_core.errors import BadInput


def add_parser(commands: Any) -> None:
    """Register the command."""
    parser = commands.add_parser("cohort", help="make a phantom cohort, check a cohort folder", description=__doc__)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    phantom = actions.add_parser("phantom", help="synthetic patients; their truth in a folder beside them")
    phantom.add_argument("--seed", type=int, required=True, help="any integer; the same seed gives the same bytes")
    phantom.add_argument("--level", choices=("roi", "dicom"), default="roi", help="bundles, or whole CT as DICOM too")
    phantom.add_argument("--size", type=_sizes, help="e.g. training=91,internal=46 (default: Table 1 of the paper)")
    phantom.add_argument("--pixel-mm", type=float, help="coarser pixels for fast training, e.g. 1.6 (level roi)")
    phantom.add_argument("--workers", type=int, default=1, help="processes (default 1)")
    phantom.add_argument("-o", "--out", type=Path, required=True, metavar="DIR", help="new or empty folder")
    phantom.set_defaults(run=run_phantom)
    check = actions.add_parser("check", help="list everything that is wrong with a cohort folder")
    check.add_argument("cohort", type=Path, metavar="DIR")
    check.add_argument("--json", action="store_true", help="print the problems as JSON")
    check.set_defaults(run=run_check)


def run_phantom(arguments: argparse.Namespace) -> int:
    """Write a phantom cohort."""
    from her2_core.cohort.dicom_cohort import write_phantom_dicom_cohort
    from her2_core.cohort.phantom import write_phantom_cohort
    from her2_core.cohort.truth import truth_folder

    with _Bar("phantom patients (SYNTHETIC)") as bar:
        if arguments.level == "dicom":
            if arguments.pixel_mm is not None:
                raise BadInput("--pixel-mm is for --level roi.", hint="Leave it out.")
            cohort = write_phantom_dicom_cohort(arguments.out, arguments.seed, arguments.size, progress=bar.show)
        else:
            cohort = write_phantom_cohort(
                arguments.out, arguments.seed, arguments.size, arguments.pixel_mm, arguments.workers, bar.show
            )
    print(f"{len(cohort)} SYNTHETIC patients in {cohort.path}; truth in {truth_folder(cohort.path)}")
    return 0


def run_check(arguments: argparse.Namespace) -> int:
    """Print what is wrong; 1 if training would refuse."""
    from her2_core.cohort.check import check_cohort

    with _Bar("checking") as bar:
        problems = check_cohort(arguments.cohort, progress=bar.show)
    if arguments.json:
        print(json.dumps([asdict(p) for p in problems], indent=2))
    elif problems:
        print(_table([asdict(p) for p in problems]))
    errors = sum(p.level == "error" for p in problems)
    if not arguments.json:
        print(f"{arguments.cohort}: {errors} errors, {len(problems) - errors} warnings")
    return 1 if errors else 0


def _sizes(text: str) -> Dict[str, int]:
    """Read "training=91,internal=46"."""
    sizes = {}
    for part in text.split(","):
        name, _, number = part.partition("=")
        if not number.strip().isdigit():
            raise argparse.ArgumentTypeError(f"{part!r} is not NAME=NUMBER, e.g. training=91")
        sizes[name.strip()] = int(number)
    return sizes


def _table(rows: List[Dict[str, Any]]) -> str:
    """Columns aligned, the longest text last."""
    names = ("level", "file", "row", "column", "what", "remedy")
    cells = [[str(row[n]) if row[n] is not None else "" for n in names] for row in rows]
    widths = [max(len(line[i]) for line in [list(names), *cells]) for i in range(len(names))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(line, widths)).rstrip() for line in [list(names), *cells])


class _Bar:
    """A progress bar that appears with the first report."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._bar: Optional[Any] = None

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def show(self, done: int, total: int) -> None:
        """Move the bar to `done` of `total`."""
        from tqdm import tqdm

        if self._bar is None:
            self._bar = tqdm(total=total, desc=self._title, unit="patient")
        self._bar.update(done - self._bar.n)
