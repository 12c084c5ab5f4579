"""RECIST of a `Case`: both readings of it, and its target rules in words."""

from __future__ import annotations

from typing import Dict, Optional, Tuple

from her2_core.case import TOO_SMALL_MM, Case, Lesion, Observation, TimePoint, TimePointName
from her2_core.prognosis import RecistResult
from her2_core.response.recist import Assessment, Target, Visit, assess, assess_paper, paper_visit


def visits_of(case: Case) -> Tuple[Visit, ...]:
    """One visit per time point, baseline first.

    Targets are the lesions of kind "target" (the stomach primary never is one). "too small" counts as 5 mm,
    "not visible" as 0 mm; anything else without a diameter is not measured. A lesion of kind "new" counts from the
    first time point it is observed at.
    """
    return tuple(_visit(case, index) for index in range(len(case.time_points)))


def assess_case(case: Case) -> Tuple[Assessment, ...]:
    """RECIST 1.1 at every follow-up of a case."""
    return assess(visits_of(case))


def assess_case_paper(case: Case) -> Optional[Assessment]:
    """The paper's response, baseline to 2F (or to 1F if there is no 2F); None with the baseline alone."""
    visits = visits_of(case)
    chosen = paper_visit(visits)
    return None if chosen is None else assess_paper(visits[0], chosen)


def recist_result(case: Case) -> RecistResult:
    """Both responses as the prognosis shows them; a response that cannot be given is null with a reason."""
    visits = visits_of(case)
    names = tuple(t.name for t in case.time_points)
    sums: Dict[TimePointName, Optional[float]] = {name: visit.sum_mm for name, visit in zip(names, visits)}
    paper = assess_case_paper(case)
    if paper is None:
        return RecistResult(sum_mm=sums, reason="only the baseline examination is given")
    follow_ups = assess(visits)
    assessed = paper.overall != "NE"
    return RecistResult(
        paper=paper.overall if assessed else None,
        recist1_1=follow_ups[-1].overall,
        sum_mm=sums,
        recist1_1_by_time_point={name: a.overall for name, a in zip(names[1:], follow_ups)},
        reason=None if assessed else f"{paper.visit.name}: {paper.reasons[0]}",
    )


def size_mm(lesion: Lesion, time_point: str) -> Optional[float]:
    """What RECIST counts for a lesion at a time point, mm: short axis of a node, long axis otherwise; None = not measured."""
    observation = lesion.at(time_point)
    if observation is None or observation.state == "not evaluable":
        return None
    if observation.state == "not visible":
        return 0.0
    return TOO_SMALL_MM if observation.state == "too small" else measured_mm(lesion, observation)


def measured_mm(lesion: Lesion, observation: Observation) -> Optional[float]:
    """The diameter RECIST uses, as measured, mm."""
    return observation.short_mm if is_node(lesion) else observation.long_mm


def is_node(lesion: Lesion) -> bool:
    """Lymph nodes are measured by their short axis."""
    return lesion.organ == "Lymph node"


def _visit(case: Case, index: int) -> Visit:
    point: TimePoint = case.time_points[index]
    so_far = tuple(t.name for t in case.time_points[: index + 1])
    targets = tuple(
        Target(lesion.lesion_id, size_mm(lesion, point.name), is_node(lesion))
        for lesion in case.lesions
        if lesion.kind == "target"
    )
    new = any(_seen(lesion, so_far) for lesion in case.lesions if lesion.kind == "new")
    return Visit(point.name, targets, point.non_targets, new, index)


def _seen(lesion: Lesion, time_points: Tuple[TimePointName, ...]) -> bool:
    """Observed as there: an entry "not visible" or "not evaluable" is no finding."""
    found = (lesion.at(name) for name in time_points)
    return any(o is not None and o.state in ("measured", "too small") for o in found)
