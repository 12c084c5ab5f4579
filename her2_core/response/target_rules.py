"""Which lesions may be RECIST targets, told as remarks: the reader decides, nothing is refused here."""

from __future__ import annotations

from collections import Counter
from typing import List, Optional

from her2_core.case import Case, Lesion
from her2_core.response.from_case import is_node, measured_mm

SMALLEST_TARGET_MM = 10.0
"""Long diameter at baseline (RECIST 1.1, 3.1.1)."""
SMALLEST_NODE_MM = 15.0
"""Short axis of a node at baseline (RECIST 1.1, 3.1.1)."""
THIN_SLICE_MM = 5.0
"""With thicker slices a target must measure twice the slice thickness (RECIST 1.1, 3.1.1)."""
MOST_PER_ORGAN = 2
"""RECIST 1.1, 3.2; both organs of a pair and all lymph nodes count as one organ."""
TOLERANCE = 1e-9


def target_rule_problems(case: Case) -> List[str]:
    """Where the targets of a case break the RECIST 1.1 rules for target lesions; one sentence each, none if all is well.

    "Other" stands for any organ without a name of its own, so that its lesions are not counted against each other.
    """
    targets = [lesion for lesion in case.lesions if lesion.kind == "target"]
    if not targets:
        return ["No target lesion: RECIST sum and tumour burden cannot be given."]
    thickness = case.time_points[0].slice_thickness_mm
    problems = [p for p in (_size_problem(lesion, thickness) for lesion in targets) if p]
    organs = Counter(lesion.organ for lesion in targets if lesion.organ != "Other")
    for organ, count in organs.items():
        if count > MOST_PER_ORGAN:
            whose = "all lymph nodes count as one organ" if organ == "Lymph node" else "paired organs count as one"
            problems.append(f"{organ}: {count} targets; RECIST 1.1 allows {MOST_PER_ORGAN} per organ ({whose}).")
    return problems


def smallest_target_mm(lesion: Lesion, slice_thickness_mm: Optional[float]) -> float:
    """The smallest baseline size of a target, mm: short axis for a node, long axis otherwise."""
    if is_node(lesion):
        return SMALLEST_NODE_MM
    if slice_thickness_mm is not None and slice_thickness_mm > THIN_SLICE_MM:
        return 2 * slice_thickness_mm
    return SMALLEST_TARGET_MM


def _size_problem(lesion: Lesion, thickness: Optional[float]) -> Optional[str]:
    name = f"{lesion.lesion_id} ({lesion.organ})"
    axis = "short axis" if is_node(lesion) else "long axis"
    baseline = lesion.at("BL")
    if baseline is None:
        return f"{name}: not observed at baseline; mark it as new, or measure it at baseline."
    if baseline.state != "measured":
        return f"{name}: {baseline.state} at baseline; a target must be measured there."
    size = measured_mm(lesion, baseline)
    if size is None:
        return f"{name}: no {axis} at baseline; measure it."
    smallest = smallest_target_mm(lesion, thickness)
    if size >= smallest - TOLERANCE:
        return None
    thick = thickness is not None and smallest == 2 * thickness
    why = f" (slices of {thickness:g} mm)" if thick and not is_node(lesion) else ""
    return f"{name}: {axis} {size:g} mm at baseline; a target needs at least {smallest:g} mm{why}."
