"""RECIST 1.1 (Eisenhauer et al. 2009) on plain measurements: response of one subject at every follow-up.

Also the paper's own reading of it (He 2024, Methods, "Models based on RECIST v1.1 and tumor burden"):
the relative change of the sum from baseline to one follow-up, without a nadir.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Literal, Optional, Sequence, Tuple

from her2_core.response.overall import NonTargetResponse, Response, TargetResponse, overall_response

NonTargetFinding = Literal["absent", "present", "unequivocal progression", "not evaluated"]

TOLERANCE = 1e-9
"""Thresholds are exact: in binary floating point 63 <= 0.7 x 90 would be false."""
PARTIAL_RESPONSE = 0.70
"""PR: the sum fell by 30 % or more (RECIST 1.1, 4.3.1)."""
PROGRESSION = 1.20
"""PD: the sum rose by 20 % or more (RECIST 1.1, 4.3.1)."""
PROGRESSION_MM = 5.0
"""PD: and by 5 mm or more in absolute terms (RECIST 1.1, 4.3.1)."""
NORMAL_NODE_MM = 10.0
"""A node with a shorter short axis is not pathological (RECIST 1.1, 4.3.1)."""


@dataclass(frozen=True)
class Target:
    """One target lesion at one visit.

    Attributes:
        lesion: its name, the same at every visit.
        mm: long diameter, or short axis of a lymph node, in mm; 0 = gone, 5 = too small to measure, None = not measured.
        node: it is a lymph node.
    """

    lesion: str
    mm: Optional[float]
    node: bool = False


@dataclass(frozen=True)
class Visit:
    """What was found at one examination.

    Attributes:
        name: as the reader knows it, e.g. "1F" or "WEEK 6".
        targets: target lesions; one that is left out was not measured.
        non_targets: all non-target lesions together; None = there are none.
        new_lesion: a lesion that was not there at baseline has been seen now or at an earlier visit.
        number: position as given by the source.
    """

    name: str
    targets: Tuple[Target, ...] = ()
    non_targets: Optional[NonTargetFinding] = None
    new_lesion: bool = False
    number: float = 0

    @property
    def sum_mm(self) -> Optional[float]:
        """Sum of diameters, mm; None without targets or when one is not measured."""
        if not self.targets or any(t.mm is None for t in self.targets):
            return None
        return self.measured_mm

    @property
    def measured_mm(self) -> float:
        """Sum of those that were measured, mm."""
        return sum(t.mm for t in self.targets if t.mm is not None)

    @property
    def missing(self) -> Tuple[str, ...]:
        """Targets that were not measured."""
        return tuple(t.lesion for t in self.targets if t.mm is None)


@dataclass(frozen=True)
class Assessment:
    """Response at one follow-up.

    Attributes:
        visit: what was assessed; every baseline target is listed.
        target: response of the target lesions; None when there are none.
        non_target: response of the non-target lesions; None when there are none.
        overall: the overall response.
        baseline_mm: sum at baseline; None when incomplete.
        nadir_mm: smallest earlier complete sum, baseline included; None when there is none.
        reasons: why, in words.
    """

    visit: Visit
    target: Optional[TargetResponse]
    non_target: Optional[NonTargetResponse]
    overall: Response
    baseline_mm: Optional[float]
    nadir_mm: Optional[float]
    reasons: Tuple[str, ...]

    @property
    def sum_mm(self) -> Optional[float]:
        """Sum of diameters at this visit, mm; None when a target is not measured."""
        return self.visit.sum_mm


def assess(visits: Sequence[Visit]) -> Tuple[Assessment, ...]:
    """RECIST 1.1 at every follow-up.

    Args:
        visits: in time order; the first is the baseline, whose targets are the ones followed.

    Returns:
        One assessment per follow-up (none for the baseline).
    """
    if not visits:
        return ()
    baseline, found, sums = visits[0], [], [visits[0].sum_mm]
    has_non_targets = baseline.non_targets not in (None, "absent")
    for visit in (_followed(baseline, v) for v in visits[1:]):
        nadir = min((s for s in sums if s is not None), default=None)
        found.append(_assess_visit(visit, baseline.sum_mm, nadir, has_non_targets))
        sums.append(visit.sum_mm)
    return tuple(found)


def assess_paper(baseline: Visit, follow_up: Visit) -> Assessment:
    """The paper's RECIST model: change of the sum from baseline to one follow-up, no nadir, no non-targets.

    PD from +20 % or with a new lesion, PR from -30 % (CR counts as PR), else SD; NE without targets, or when a target
    is not measured (unless what was measured already makes PD).
    """
    visit = _followed(baseline, follow_up)
    base = baseline.sum_mm
    response, reason = _paper_rule(visit, base)
    return Assessment(visit, response if visit.targets else None, None, response, base, None, (reason,))


def paper_visit(visits: Sequence[Visit]) -> Optional[Visit]:
    """The follow-up the paper looks at: the second, or else the first; None when there is none (He 2024, Methods)."""
    return visits[min(2, len(visits) - 1)] if len(visits) > 1 else None


def _followed(baseline: Visit, visit: Visit) -> Visit:
    """The visit with exactly the baseline's targets, those without a measurement as not measured."""
    seen = {t.lesion: t.mm for t in visit.targets}
    targets = tuple(Target(t.lesion, seen.get(t.lesion), t.node) for t in baseline.targets)
    return Visit(visit.name, targets, visit.non_targets, visit.new_lesion, visit.number)


def _assess_visit(
    visit: Visit, baseline_mm: Optional[float], nadir_mm: Optional[float], has_non_targets: bool
) -> Assessment:
    reasons: List[str] = []
    target: Optional[TargetResponse] = None
    if visit.targets:
        target, reason = _target_rule(visit, baseline_mm, nadir_mm)
        reasons.append(reason)
    non_target = _non_target_rule(visit, has_non_targets)
    if non_target is not None:
        reasons.append(f"non-target lesions: {visit.non_targets or 'not evaluated'}")
    if visit.new_lesion:
        reasons.append("a new lesion")
    overall = overall_response(target, non_target, visit.new_lesion)
    if not reasons:
        reasons.append("no lesion was chosen at baseline")
    return Assessment(visit, target, non_target, overall, baseline_mm, nadir_mm, tuple(reasons))


def _target_rule(visit: Visit, baseline_mm: Optional[float], nadir_mm: Optional[float]) -> Tuple[TargetResponse, str]:
    """RECIST 1.1, 4.3.1, in this order: PD, NE, CR, PR, SD."""
    total = visit.measured_mm
    if nadir_mm is not None and _progressed(total, nadir_mm):
        partly = f", although {_names(visit.missing)} not measured" if visit.missing else ""
        return "PD", f"sum {total:g} mm, {_change(total, nadir_mm)} the smallest earlier sum {nadir_mm:g} mm{partly}"
    if visit.missing:
        return "NE", f"{_names(visit.missing)} not measured"
    if all(_gone(t) for t in visit.targets):
        nodes = " and every node is below 10 mm" if any(t.node for t in visit.targets) else ""
        return "CR", f"every target has disappeared{nodes}"
    if baseline_mm is None:
        return "NE", "the baseline sum is incomplete"
    if total <= PARTIAL_RESPONSE * baseline_mm + TOLERANCE:
        return "PR", f"sum {total:g} mm, {_change(total, baseline_mm)} the baseline sum {baseline_mm:g} mm"
    return (
        "SD",
        f"sum {total:g} mm: neither -30 % from baseline {baseline_mm:g} mm nor +20 % and +5 mm from {nadir_mm:g} mm",
    )


def _paper_rule(visit: Visit, baseline_mm: Optional[float]) -> Tuple[TargetResponse, str]:
    if not visit.targets:
        return "NE", "no target lesion at baseline"
    if visit.new_lesion:
        return "PD", "a new lesion"
    if baseline_mm is None:
        return "NE", "the baseline sum is incomplete"
    if baseline_mm <= TOLERANCE:
        return "NE", "the baseline sum is 0 mm"
    total = visit.measured_mm
    words = f"sum {total:g} mm, {_change(total, baseline_mm)} the baseline sum {baseline_mm:g} mm"
    if total >= PROGRESSION * baseline_mm - TOLERANCE:
        return "PD", words
    if visit.missing:
        return "NE", f"{_names(visit.missing)} not measured"
    return ("PR" if total <= PARTIAL_RESPONSE * baseline_mm + TOLERANCE else "SD"), words


def _non_target_rule(visit: Visit, chosen_at_baseline: bool) -> Optional[NonTargetResponse]:
    if visit.non_targets is None and not chosen_at_baseline:
        return None
    if visit.non_targets == "unequivocal progression":
        return "PD"
    if visit.non_targets == "present":
        return "Non-CR/Non-PD"
    return "CR" if visit.non_targets == "absent" else "NE"


def _progressed(total: float, nadir: float) -> bool:
    return total >= PROGRESSION * nadir - TOLERANCE and total - nadir >= PROGRESSION_MM - TOLERANCE


def _gone(target: Target) -> bool:
    if target.mm is None:
        return False
    return target.mm < NORMAL_NODE_MM - TOLERANCE if target.node else target.mm <= TOLERANCE


def _change(now: float, before: float) -> str:
    return f"{100 * (now - before) / before:+.1f} % from" if before > 0 else "up from"


def _names(lesions: Tuple[str, ...]) -> str:
    return f"{', '.join(lesions)} {'was' if len(lesions) == 1 else 'were'}"
