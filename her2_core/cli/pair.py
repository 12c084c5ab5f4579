"""`her2 pair`: patients -> time points -> phases, with reasons."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import date
from pathlib import Path
from typing import Any, Iterator, Optional

from her2_core.cli.scanning import scan_with_progress
from her2_core.errors import BadInput
from her2_core.imaging import PairedPatient, PairedTimePoint, pair
from her2_core.imaging.headers import calendar_date


def add_parser(commands: Any) -> None:
    """Register the command."""
    parser = commands.add_parser(
        "pair",
        help="pair the CT studies of each patient into time points and phases",
        description="Pair the CT studies of each patient into baseline and follow-ups, arterial and venous, with reasons. "
        "The output names patients: it stays on this computer.",
        epilog="Exit code 1: some patients were stopped, or nothing could be paired.",
    )
    parser.add_argument("folder", metavar="DICOM_DIR", type=Path, help="folder with DICOM files at any depth")
    parser.add_argument("--therapy-start", metavar="DATE", help="first day of anti-HER2 therapy, YYYY-MM-DD")
    parser.add_argument("--json", action="store_true", help="print JSON; files that belong to no patient go to stderr")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Scan, pair, print."""
    start = _date(arguments.therapy_start)
    paired = pair(scan_with_progress(arguments.folder), start)
    if arguments.json:
        print(json.dumps([patient.to_json() for patient in paired if patient.patient], indent=2, ensure_ascii=False))
        for orphan in (patient for patient in paired if not patient.patient):
            print("\n".join(_patient_lines(orphan)), file=sys.stderr)
    else:
        for patient in paired:
            print("\n".join(_patient_lines(patient)))
    partial = any(patient.stopped for patient in paired) or not any(patient.time_points for patient in paired)
    return 1 if partial else 0


def _date(text: Optional[str]) -> Optional[date]:
    if text is None:
        return None
    day = calendar_date(text)
    if day is None:
        raise BadInput(f"{text!r} is not a date.", where="--therapy-start", hint="Write it as YYYY-MM-DD.")
    return day


def _patient_lines(patient: PairedPatient) -> Iterator[str]:
    issuer = f" ({patient.issuer})" if patient.issuer else ""
    yield f"Patient {patient.patient}{issuer}" if patient.patient else "Files of no patient"
    for point in patient.time_points:
        yield from _time_point_lines(point)
    yield from (f"  ! {warning}" for warning in patient.warnings)
    yield from (f"  set aside: {item.what}: {item.reason}" for item in patient.set_aside)


def _time_point_lines(point: PairedTimePoint) -> Iterator[str]:
    yield f"  {point.name}  day {point.day}  ({point.date.isoformat()})"
    for phase, series in point.phases.items():
        yield f"    {phase + ':':<12} {series.label() + '  ' + series.source if series else 'none'}"
    for name, group in (("unassigned:", point.unassigned), ("also:", point.alternatives)):
        yield from (f"    {name:<12} {series.label()}  {series.source}" for series in group)
    yield from (f"      {reason}" for reason in point.reasons)
