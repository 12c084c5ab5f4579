"""`her2 recist`: responses per subject, reader and visit from a table of measurements."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

from her2_core.response.measurements import COLUMNS, Course, read_measurements
from her2_core.response.recist import Assessment, assess, assess_paper, paper_visit


def add_parser(commands: Any) -> None:
    """Register the command."""
    parser = commands.add_parser(
        "recist",
        help="RECIST responses from a table of measurements",
        description="RECIST 1.1 response of every follow-up visit, or the paper's response (baseline to the second"
        " follow-up, or else the first). The smallest visit number is the baseline.",
        epilog=f"Columns: {', '.join(COLUMNS)}. group: TARGET, NON-TARGET or NEW; state: PRESENT, ABSENT or UNEQUIVOCAL;"
        " organ LYMPH NODE is measured by its short axis; a missing row or an empty value was not measured.",
    )
    parser.add_argument("measurements", type=Path, metavar="MEASUREMENTS.csv", help="one row per lesion and visit")
    parser.add_argument("--mode", choices=("recist1.1", "paper"), default="recist1.1", help="default: %(default)s")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the responses."""
    found = [
        (course, assessment)
        for course in read_measurements(arguments.measurements)
        for assessment in _assess(course, arguments.mode)
    ]
    if arguments.json:
        print(json.dumps([_entry(course, assessment) for course, assessment in found], indent=2, ensure_ascii=False))
    else:
        _print_table(found)
    return 0


def _assess(course: Course, mode: str) -> Tuple[Assessment, ...]:
    if mode == "recist1.1":
        return assess(course.visits)
    chosen = paper_visit(course.visits)
    return () if chosen is None else (assess_paper(course.visits[0], chosen),)


def _entry(course: Course, assessment: Assessment) -> Dict[str, Any]:
    number = assessment.visit.number
    return {
        "subject": course.subject,
        "reader": course.reader,
        "visit_number": int(number) if number == int(number) else number,
        "visit": assessment.visit.name,
        "sum_mm": None if assessment.sum_mm is None else round(assessment.sum_mm, 9),
        "target_response": assessment.target,
        "response": assessment.overall,
    }


def _print_table(found: Sequence[Tuple[Course, Assessment]]) -> None:
    if not found:
        print("No follow-up visit in this table.")
        return
    header = (
        "subject",
        "reader",
        "visit",
        "sum mm",
        "baseline",
        "nadir",
        "target",
        "non-target",
        "response",
        "because",
    )
    lines: List[Tuple[str, ...]] = [header]
    for course, a in found:
        sums = tuple("-" if value is None else f"{value:.1f}" for value in (a.sum_mm, a.baseline_mm, a.nadir_mm))
        responses = (a.target or "-", a.non_target or "-", a.overall)
        lines.append((course.subject, course.reader, a.visit.name, *sums, *responses, "; ".join(a.reasons)))
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    for line in lines:
        cells = (
            text.rjust(width) if 3 <= column <= 5 else text.ljust(width)
            for column, (text, width) in enumerate(zip(line, widths))
        )
        print("  ".join(cells).rstrip())
