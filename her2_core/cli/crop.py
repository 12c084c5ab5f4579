"""`her2 crop`: cut the ROIs of a case from its CT and write the case bundle."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from her2_core.bundle import Bundle, write_bundle
from her2_core.cli.scanning import scan_with_progress
from her2_core.errors import BadInput
from her2_core.imaging import cut_case
from her2_core.imaging.sources import open_sources, read_sourced_case


def add_parser(commands: Any) -> None:
    """Register the command."""
    parser = commands.add_parser(
        "crop",
        help="cut the lesions of a case from its CT and write a case bundle",
        description="Cut the regions of a case from its CT series and write a case bundle. The bundle carries a "
        "pseudonym and days: no name, date, UID or path.",
    )
    parser.add_argument(
        "case",
        metavar="CASE.json",
        type=Path,
        help="{case, sources: {time point: {phase: SeriesInstanceUID, or a NIfTI/NRRD/MHA file in DICOM_DIR}}}",
    )
    parser.add_argument("folder", metavar="DICOM_DIR", type=Path, help="folder with the CT files")
    parser.add_argument("-o", "--output", metavar="CASE.her2", type=Path, required=True, help="bundle to write")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Read, check, cut, write."""
    output: Path = arguments.output
    if output.is_dir() or not output.parent.is_dir():
        raise BadInput("cannot be written here", where=str(output), hint="Name a file in an existing folder.")
    sourced = read_sourced_case(arguments.case)
    volumes = open_sources(sourced, arguments.folder, lambda: scan_with_progress(arguments.folder))
    rois = cut_case(sourced.case, volumes)
    write_bundle(output, Bundle(sourced.case, rois))
    points = len({roi.time_point for roi in rois})
    lesions = len({roi.lesion_id for roi in rois})
    print(f"{output}: {len(rois)} ROIs of {lesions} lesion(s) at {points} time point(s), {output.stat().st_size} bytes")
    for roi in rois:
        if roi.notes:
            print(f"  ! {roi.lesion_id} {roi.time_point} {roi.phase}: {', '.join(roi.notes)}")
    return 0
