"""Studies of one patient -> time points BL, 1F .. 4F with an arterial and a venous series each, every step with a reason."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Dict, List, Optional, Sequence, Tuple

from her2_core.case import PHASES, TIME_POINTS, Phase, TimePointName
from her2_core.imaging.choose import choose
from her2_core.imaging.dicom_scan import Scan
from her2_core.imaging.dicom_series import Series, SetAside
from her2_core.imaging.identity import PatientKey, conflicts, patient_keys, several_names
from her2_core.imaging.phases import PhaseDecision, recognise

OLD_BASELINE_DAYS = 28
"""RECIST 1.1: baseline as close as possible to the start of treatment, never more than 4 weeks before."""


@dataclass(frozen=True)
class PairedTimePoint:
    """One examination date.

    Attributes:
        name: BL, 1F .. 4F.
        day: days since the baseline.
        date: of the study.
        phases: the series to read per phase, None where there is none.
        unassigned: usable series whose phase is unknown, or neither arterial nor venous.
        alternatives: further series of a phase that has a better one.
        reasons: how each series was judged.
    """

    name: TimePointName
    day: int
    date: date
    phases: Dict[Phase, Optional[Series]]
    unassigned: Tuple[Series, ...]
    alternatives: Tuple[Series, ...]
    reasons: Tuple[str, ...]

    def to_json(self) -> Dict[str, Any]:
        """For `her2 pair --json`."""
        return {
            "name": self.name,
            "day": self.day,
            "date": self.date.isoformat(),
            "phases": {phase: series.to_json() if series else None for phase, series in self.phases.items()},
            "unassigned": [series.to_json() for series in self.unassigned],
            "alternatives": [series.to_json() for series in self.alternatives],
            "reasons": list(self.reasons),
        }


@dataclass(frozen=True)
class PairedPatient:
    """One patient's time points.

    Attributes:
        patient: patient id as in the headers; empty for files that carry none.
        issuer: of the id, mostly empty.
        time_points: BL first; none when the patient was stopped or has no usable study.
        warnings: what a reader must know.
        set_aside: what was found and not used.
        stopped: the identity is doubtful; `warnings` says why.
    """

    patient: str
    issuer: str
    time_points: Tuple[PairedTimePoint, ...]
    warnings: Tuple[str, ...]
    set_aside: Tuple[SetAside, ...]
    stopped: bool = False

    def to_json(self) -> Dict[str, Any]:
        """For `her2 pair --json`."""
        return {
            "patient": self.patient,
            "issuer": self.issuer,
            "stopped": self.stopped,
            "time_points": [point.to_json() for point in self.time_points],
            "warnings": list(self.warnings),
            "set_aside": [{"what": item.what, "reason": item.reason} for item in self.set_aside],
        }


def pair(scan: Scan, therapy_start: Optional[date] = None) -> List[PairedPatient]:
    """Pair the studies of every patient in a folder.

    Args:
        scan: from `scan_folder`.
        therapy_start: first day of therapy; the baseline is then the last study on or before it, else the first study.

    Returns:
        Patients by id. Files that belong to nobody are listed under the empty id.
    """
    identities = [patient for patient in scan.patients if patient.patient_id]
    keys = patient_keys(identities)
    stopped = conflicts(identities)
    by_key: Dict[PatientKey, List[Series]] = {key: [] for key in keys.values()}
    for series in scan.series:
        by_key[keys[series.patient]].append(series)
    paired = [
        _stop(key, stopped[key], by_key[key]) if key in stopped else _pair_one(key, by_key[key], therapy_start)
        for key in sorted(by_key, key=lambda k: (k[1], k[0]))
    ]
    doubtful = [key for key in by_key if several_names([p for p in identities if keys[p] == key])]
    return _with_set_aside(paired, scan.set_aside, [key for key in doubtful if key not in stopped])


def _stop(key: PatientKey, reasons: Sequence[str], series: Sequence[Series]) -> PairedPatient:
    lines = tuple(f"stopped: {reason}" for reason in reasons)
    aside = tuple(SetAside(key[1], f"series {s.label()}", "patient stopped") for s in series)
    return PairedPatient(key[1], key[0], (), lines, aside, stopped=True)


def _with_set_aside(
    paired: List[PairedPatient], aside: Sequence[SetAside], doubtful: Sequence[PatientKey]
) -> List[PairedPatient]:
    """Add what the scan set aside to the patient it belongs to; patients that have nothing else come last."""
    found = []
    known = {patient.patient for patient in paired}
    for patient in paired:
        own = tuple(item for item in aside if item.patient_id == patient.patient)
        names = ("the name is written in different ways under this id",) * (
            (patient.issuer, patient.patient) in doubtful
        )
        found.append(replace(patient, warnings=(*patient.warnings, *names), set_aside=(*patient.set_aside, *own)))
    for other in sorted({item.patient_id for item in aside} - known):
        own = tuple(item for item in aside if item.patient_id == other)
        warnings = ("no usable CT",) if other else ()
        found.append(PairedPatient(other, "", (), warnings, own))
    return found


def _pair_one(key: PatientKey, series: Sequence[Series], therapy_start: Optional[date]) -> PairedPatient:
    dated: Dict[date, List[Series]] = {}
    aside: List[SetAside] = []
    for item in series:
        if item.study_date is None:
            aside.append(SetAside(key[1], f"series {item.label()}", "no valid study date (0008,0020)"))
        else:
            dated.setdefault(item.study_date, []).append(item)
    if not dated:
        return PairedPatient(key[1], key[0], (), ("no usable CT",), tuple(aside))
    baseline, warnings = _baseline(sorted(dated), therapy_start)
    for day in sorted(dated):
        if day < baseline:
            aside.append(_study(key, day, dated[day], f"before the baseline of {baseline.isoformat()}"))
    course = [day for day in sorted(dated) if day >= baseline]
    points = []
    for name, day in zip(TIME_POINTS, course):
        point, own_warnings = _time_point(name, day, baseline, dated[day])
        points.append(point)
        warnings += own_warnings
    for day in course[len(TIME_POINTS) :]:
        aside.append(_study(key, day, dated[day], "after the fourth follow-up"))
        warnings.append(f"study of {day.isoformat()} not used: at most {len(TIME_POINTS) - 1} follow-ups")
    return PairedPatient(key[1], key[0], tuple(points), tuple(warnings), tuple(aside))


def _study(key: PatientKey, day: date, series: Sequence[Series], reason: str) -> SetAside:
    return SetAside(key[1], f"study of {day.isoformat()} ({len(series)} series)", reason)


def _baseline(days: Sequence[date], therapy_start: Optional[date]) -> Tuple[date, List[str]]:
    """The date of the baseline study, and warnings."""
    if therapy_start is None:
        return days[0], []
    before = [day for day in days if day <= therapy_start]
    if not before:
        late = (days[0] - therapy_start).days
        return days[0], [f"no study on or before the start of therapy; baseline is {late} days after it"]
    early = (therapy_start - before[-1]).days
    old = f"baseline is {early} days before the start of therapy, more than {OLD_BASELINE_DAYS}"
    return before[-1], [old] if early > OLD_BASELINE_DAYS else []


def _time_point(
    name: TimePointName, day: date, baseline: date, series: Sequence[Series]
) -> Tuple[PairedTimePoint, List[str]]:
    """Judge the series of one date."""
    decisions = recognise(series)
    reasons = [_judgement(item, decisions[item.source]) for item in series]
    warnings = [f"{name}: {item.label()}: {warning}" for item in series for warning in item.warnings]
    phases: Dict[Phase, Optional[Series]] = {}
    alternatives: List[Series] = []
    for phase in PHASES:
        candidates = [item for item in series if decisions[item.source].phase == phase]
        phases[phase] = None
        if candidates:
            choice = choose(candidates)
            phases[phase] = choice.best
            alternatives += choice.others
            if choice.others:
                reasons.append(f"{phase}: {choice.best.label()}: {choice.reason}")
            if not choice.clear:
                warnings.append(f"{name} {phase}: {choice.reason}")
    unassigned = [item for item in series if decisions[item.source].phase not in PHASES]
    if not any(phases.values()):
        warnings.append(f"{name}: no arterial or venous series recognised; assign the phase by hand")
    days = (day - baseline).days
    point = PairedTimePoint(name, days, day, phases, tuple(unassigned), tuple(alternatives), tuple(reasons))
    return point, warnings


def _judgement(series: Series, decision: PhaseDecision) -> str:
    return f"{series.label()}: {decision.phase or 'phase unknown'}: {decision.reason}"
