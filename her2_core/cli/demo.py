"""`her2 demo`: the main job on its own, from DICOM files to a report."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from her2_core.demo.route import MakePatient

DEFAULT_SEED = 7
"""A phantom patient whose lesions disagree: some shrink, one does not."""


def add_parser(commands: Any) -> None:
    """Register the command."""
    parser = commands.add_parser(
        "demo",
        help="walk one patient from DICOM files to a report",
        description="Trains a small model on phantom patients (first time only, a few minutes), then walks one patient the "
        "whole way: DICOM files, pairing, regions of interest, case bundle, server, prognosis, report. The patient is a "
        "phantom, or a real scan with synthetic follow-ups (--dicom, --boxes).",
    )
    parser.add_argument("--out", type=Path, default=Path("demo_out"), metavar="DIR", help="results (default: demo_out)")
    parser.add_argument("--dicom", type=Path, metavar="DIR", help="CT of one patient; synthetic follow-ups are made")
    parser.add_argument("--boxes", type=Path, metavar="CSV", help="lesion boxes on that CT at baseline")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="of the patient (default: %(default)s)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Train or load the demo model, walk the patient, say where the results are."""
    from her2_core.demo.route import walk
    from her2_core.demo.summary import closing_lines, model_lines
    from her2_core.errors import BadInput
    from her2_core.training.demo_model import demo_model
    from her2_core.training.progress import Bar

    if (arguments.dicom is None) != (arguments.boxes is None):
        raise BadInput("--dicom and --boxes belong together.", hint="Give both, or none for a phantom patient.")
    if arguments.out.exists() and not arguments.out.is_dir():
        raise BadInput("is not a folder", where=str(arguments.out), hint="Choose another --out.")
    say = partial(print, flush=True)
    make_patient = _patient(arguments)
    say("her2 demo: the model")
    model = demo_model(progress=Bar())
    for line in model_lines(model):
        say(line)
    say("her2 demo: the patient")
    walked = walk(arguments.out, model.model, make_patient, say)
    for line in closing_lines(walked):
        say(line)
    return 0


def _patient(arguments: argparse.Namespace) -> MakePatient:
    if arguments.dicom is None:
        from her2_core.cohort.dicom_level import write_phantom_patient_dicom

        return partial(write_phantom_patient_dicom, seed=arguments.seed)
    from her2_core.cohort.boxed_series import match_boxes
    from her2_core.cohort.boxes import read_boxes
    from her2_core.cohort.followups import synthetic_followups
    from her2_core.imaging.dicom_scan import scan_folder

    match_boxes(read_boxes(arguments.boxes), scan_folder(arguments.dicom))  # wrong input shows before the long training
    return lambda folder: synthetic_followups(arguments.dicom, arguments.boxes, folder, arguments.seed)
