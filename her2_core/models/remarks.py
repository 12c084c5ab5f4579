"""What a reader must know about the input of a prediction: quality notes from the case, its ROIs and the model's tables."""

from __future__ import annotations

from typing import Dict, Iterator, List, Literal, Sequence, Tuple

from her2_core.case import TIME_POINTS, Case
from her2_core.models.formers import MAX_POSITION_DAYS
from her2_core.models.prepare import has_markers
from her2_core.models.tables import Tables
from her2_core.prognosis import QcNote
from her2_core.roi import Roi

LONGEST_BASELINE_DAYS = 28
"""A baseline CT older than this at the start of therapy may no longer show the disease that was treated (RECIST 1.1)."""
SHORTEST_INTERVAL_DAYS, LONGEST_INTERVAL_DAYS = 21, 120
"""CT every six to eight weeks is usual (paper, Methods); far outside, change means something else."""

_ROI_NOTES: Dict[str, str] = {
    "end_of_volume": "the box lies on the first or last slice; that slice was repeated",
    "missing_slice": "a slice next to the box is missing; the nearest one was used",
    "outside_image": "part of the region lies outside the CT image",
    "unassigned_phase": "the headers name neither the arterial nor the venous phase; read as venous",
}

Level = Literal["info", "warning", "error"]


def remarks(case: Case, rois: Sequence[Roi], tables: Tables, used: int) -> Tuple[QcNote, ...]:
    """All remarks on the input, worst first.

    Args:
        case: the patient.
        rois: its ROIs.
        tables: of the model that is asked.
        used: number of time points that enter the model, from BL on.
    """
    found = [
        *_therapy(case),
        *_time_points(case, used),
        *_images(case, rois, tables),
        *_lesions(case, used),
        *_markers(case, tables, used),
    ]
    if case.synthetic:
        found.append(_note("warning", "synthetic_case", "this case was made or altered by software"))
    order = ("error", "warning", "info")
    return tuple(sorted(found, key=lambda note: order.index(note.level)))


def _note(level: Level, code: str, message: str) -> QcNote:
    return QcNote(level, code, message)


def _therapy(case: Case) -> Iterator[QcNote]:
    start = case.therapy_start_day
    if start is None:
        yield _note(
            "warning",
            "therapy_start_unknown",
            "the start of anti-HER2 therapy is not given; the day of the baseline CT is taken for it",
        )
    elif start > LONGEST_BASELINE_DAYS:
        yield _note(
            "warning",
            "old_baseline",
            f"the baseline CT is {start} days older than the start of therapy (more than {LONGEST_BASELINE_DAYS})",
        )
    elif start < 0:
        yield _note("warning", "late_baseline", f"the baseline CT was taken {-start} days after the start of therapy")


def _time_points(case: Case, used: int) -> Iterator[QcNote]:
    if used == 2:
        yield _note(
            "warning", "one_follow_up", "only one follow-up is given; the nomogram was fitted on two follow-ups"
        )
    if len(case.time_points) > used:
        later = ", ".join(t.name for t in case.time_points[used:])
        yield _note("info", "later_time_points", f"{later}: shown and counted for RECIST 1.1, not used by the scores")
    for before, after in zip(case.time_points, case.time_points[1:used]):
        gap = after.day - before.day
        if not SHORTEST_INTERVAL_DAYS <= gap <= LONGEST_INTERVAL_DAYS:
            yield _note(
                "warning",
                "unusual_interval",
                f"{gap} days between {before.name} and {after.name}; six to eight weeks are usual",
            )
    if case.time_points[used - 1].day > MAX_POSITION_DAYS:
        yield _note(
            "warning", "very_late", f"days after {MAX_POSITION_DAYS} count as day {MAX_POSITION_DAYS} for the model"
        )


def _images(case: Case, rois: Sequence[Roi], tables: Tables) -> Iterator[QcNote]:
    by_code: Dict[str, List[str]] = {}
    for roi in rois:
        for code in roi.notes:
            by_code.setdefault(code, []).append(f"{roi.lesion_id} at {roi.time_point} ({roi.phase})")
    for code, places in sorted(by_code.items()):
        what = _ROI_NOTES.get(code, code.replace("_", " "))
        yield _note("warning", code, f"{_few(places)}: {what}")
    centre, statistics = case.clinical.centre, tables.standardisation
    if centre not in statistics.centres:
        which = "no centre is given" if centre is None else f"centre {centre} was not part of training"
        yield _note("warning", "unknown_centre", f"{which}; the image statistics of all training centres are used")
    unknown = sorted({o.organ for o in case.objects if o.organ not in statistics.organs})
    if unknown:
        yield _note(
            "warning", "unknown_organ", f"{', '.join(unknown)}: not seen in training; overall image statistics are used"
        )


def _lesions(case: Case, used: int) -> Iterator[QcNote]:
    names = TIME_POINTS[:used]
    seen = {(k.object_index, k.time_point) for k in case.roi_keys}
    missing = [
        f"{item.lesion_id} ({item.phase}) at {name}"
        for index, item in enumerate(case.objects)
        for name in names
        if (index, name) not in seen
    ]
    if missing:
        yield _note("info", "not_observed", f"{_few(missing)}: no box, so not seen by the model")
    baseline = {o.lesion_id for o in case.objects}
    ignored = [lesion.lesion_id for lesion in case.lesions if lesion.kind != "new" and lesion.lesion_id not in baseline]
    if ignored:
        yield _note("warning", "no_baseline_box", f"{_few(ignored)}: no box at baseline, so not seen by the model")
    new = [lesion.lesion_id for lesion in case.lesions if lesion.kind == "new"]
    if new:
        yield _note("info", "new_lesion", f"{_few(new)}: new lesions count for RECIST, they do not enter the model")


def _markers(case: Case, tables: Tables, used: int) -> Iterator[QcNote]:
    if tables.markers is None:
        yield _note("info", "no_marker_model", "the model was trained without tumour markers")
        return
    known = tables.markers.names
    if not has_markers(case, known, used):
        yield _note(
            "info", "no_markers", "no tumour markers at the time points used; the nomogram without TDLM applies"
        )
    others = sorted({name for panel in case.markers for name in panel.values if name not in known})
    if others:
        yield _note("info", "other_markers", f"{_few(others)}: not markers of this model, not used")


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(names[:4])
    return shown if len(names) <= 4 else f"{shown} and {len(names) - 4} more"
