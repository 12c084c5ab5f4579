"""The vocabulary of the project: one patient's course as plain, validated data.

A `Case` holds what is known about one patient without names, dates, UIDs or paths: time is counted in days
since the baseline CT, places are millimetres in patient space (LPS: x to the left, y to the back, z to the head).
Every class checks its own rules, so a `Case` that exists is a valid one.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any, ClassVar, Dict, Literal, Optional, Tuple

from her2_core.decoding import decode, encode
from her2_core.errors import CaseError

TimePointName = Literal["BL", "1F", "2F", "3F", "4F"]
Phase = Literal["arterial", "venous"]
LesionKind = Literal["primary", "target", "new"]
State = Literal["measured", "too small", "not visible", "not evaluable"]
NonTargets = Literal["absent", "present", "unequivocal progression"]
Organ = Literal[
    "Stomach",
    "Lymph node",
    "Liver",
    "Adrenal gland",
    "Spleen",
    "Peritoneum",
    "Soft tissue",
    "Bone",
    "Lung",
    "Other",
]

TIME_POINTS: Tuple[TimePointName, ...] = ("BL", "1F", "2F", "3F", "4F")
PHASES: Tuple[Phase, ...] = ("arterial", "venous")
ORGANS: Tuple[Organ, ...] = (
    "Stomach",
    "Lymph node",
    "Liver",
    "Adrenal gland",
    "Spleen",
    "Peritoneum",
    "Soft tissue",
    "Bone",
    "Lung",
    "Other",
)
MARKERS: Tuple[str, ...] = ("LDH", "NSE", "CEA", "CA125", "CA19-9", "CA72-4", "AFP")
MARKER_UNITS: Dict[str, str] = {
    "LDH": "U/L",
    "NSE": "ng/mL",
    "CEA": "ng/mL",
    "CA125": "U/mL",
    "CA19-9": "U/mL",
    "CA72-4": "U/mL",
    "AFP": "ng/mL",
}

MAX_TARGETS = 5
"""RECIST 1.1 and the paper: up to five target lesions."""
MAX_LESIONS = 64
"""Bound for hostile input: one primary, five targets, the rest new lesions."""
MAX_DAY = 36_500
"""Bound for hostile input: a hundred years."""
MAX_BOX_MM = 600.0
"""No lesion is larger than a CT field of view."""
MAX_COORDINATE_MM = 10_000.0
TOO_SMALL_MM = 5.0
"""RECIST 1.1: a target that is too small to measure counts as 5 mm."""

CASE_ID = re.compile(r"[A-Z2-7]{26}\Z")
"""128 bits in base32 without padding (contract 3)."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/+-]{0,31}\Z")
"""Lesion, marker and centre names: short, and safe in tables and messages."""

_STRICT: Dict[str, Any] = {"extra": "forbid", "strict": True, "allow_inf_nan": False}

Point = Tuple[float, float, float]


def _check(ok: bool, what: str, where: str = "", hint: Optional[str] = None) -> None:
    if not ok:
        raise CaseError(what, where=where or None, hint=hint)


def _check_range(value: Optional[float], low: float, high: float, where: str) -> None:
    if value is not None:
        _check(math.isfinite(value) and low <= value <= high, f"must lie between {low:g} and {high:g}", where)


@dataclass(frozen=True)
class TimePoint:
    """One CT examination date.

    Attributes:
        name: BL, 1F .. 4F.
        day: days since the baseline CT; 0 for BL.
        slice_thickness_mm: of the series measured; RECIST needs it for the smallest measurable size.
        non_targets: RECIST assessment of the non-target lesions together; None = none chosen or not assessed.
    """

    name: TimePointName
    day: int
    slice_thickness_mm: Optional[float] = None
    non_targets: Optional[NonTargets] = None

    __pydantic_config__: ClassVar[Dict[str, Any]] = _STRICT

    def __post_init__(self) -> None:
        _check(self.name in TIME_POINTS, f"must be one of {', '.join(TIME_POINTS)}", "name")
        _check_range(self.day, 0, MAX_DAY, "day")
        _check_range(self.slice_thickness_mm, 0.01, 100, "slice_thickness_mm")


@dataclass(frozen=True)
class Observation:
    """One lesion at one time point.

    Attributes:
        time_point: which examination.
        state: "measured"; "too small" to measure (counts as 5 mm); "not visible" (counts as 0 mm); "not evaluable".
        box_centers_mm: centre of the box on the lesion's maximum slice, per phase, LPS mm. A phase without a box is
            not observed by the model.
        long_mm: long axis, mm.
        short_mm: short axis perpendicular to it, mm.
        area_mm2: area of a contour, mm^2; used instead of pi/4 x long x short where given.
    """

    time_point: TimePointName
    state: State = "measured"
    box_centers_mm: Dict[Phase, Point] = field(default_factory=dict)
    long_mm: Optional[float] = None
    short_mm: Optional[float] = None
    area_mm2: Optional[float] = None

    __pydantic_config__: ClassVar[Dict[str, Any]] = _STRICT

    def __post_init__(self) -> None:
        for phase, center in self.box_centers_mm.items():
            _check(phase in PHASES, f"phase must be one of {', '.join(PHASES)}", "box_centers_mm")
            for value in center:
                _check_range(value, -MAX_COORDINATE_MM, MAX_COORDINATE_MM, f"box_centers_mm.{phase}")
        _check_range(self.long_mm, 0, MAX_BOX_MM, "long_mm")
        _check_range(self.short_mm, 0, MAX_BOX_MM, "short_mm")
        _check_range(self.area_mm2, 0, MAX_BOX_MM**2, "area_mm2")
        if self.long_mm is not None and self.short_mm is not None:
            _check(
                self.short_mm <= self.long_mm + 1e-6,
                f"short axis {self.short_mm:g} mm is longer than the long axis {self.long_mm:g} mm",
                "short_mm",
            )


@dataclass(frozen=True)
class Lesion:
    """A lesion with its identity over time.

    Attributes:
        lesion_id: unique within the case, e.g. "L1".
        kind: "primary" (the stomach tumour, at most one), "target" (at most five), or "new" (seen after baseline
            only: makes RECIST PD and is shown, never enters a model; ADR 0002).
        organ: where it is.
        box_size_mm: width (patient left-right) and height (front-back) of its box, the same at every time point
            and in every phase (paper, Preprocessing data); None while no box is drawn.
        observations: at most one per time point, in time order.
    """

    lesion_id: str
    kind: LesionKind
    organ: Organ
    box_size_mm: Optional[Tuple[float, float]] = None
    observations: Tuple[Observation, ...] = ()

    __pydantic_config__: ClassVar[Dict[str, Any]] = _STRICT

    def __post_init__(self) -> None:
        _check(bool(NAME.match(self.lesion_id)), "must be 1-32 letters, digits, spaces or ._/+-", "lesion_id")
        _check(self.organ in ORGANS, f"must be one of {', '.join(ORGANS)}", "organ")
        if self.kind == "primary":
            _check(self.organ == "Stomach", "the primary tumour is in the Stomach", "organ")
        elif self.kind == "target":
            _check(self.organ != "Stomach", "a stomach lesion is never a target", "organ", "Mark it as primary or new.")
        for value in self.box_size_mm or ():
            _check_range(value, 0.1, MAX_BOX_MM, "box_size_mm")
        names = [o.time_point for o in self.observations]
        _check(
            names == sorted(set(names), key=TIME_POINTS.index), "time points repeat or are out of order", "observations"
        )
        if self.kind == "new":
            _check("BL" not in names, "a new lesion cannot have a baseline observation", "observations")
        has_box = any(o.box_centers_mm for o in self.observations)
        _check(not has_box or self.box_size_mm is not None, "a box needs its size", "box_size_mm")

    def at(self, time_point: str) -> Optional[Observation]:
        """The observation at a time point, or None."""
        return next((o for o in self.observations if o.time_point == time_point), None)


@dataclass(frozen=True)
class MarkerPanel:
    """Serum tumour markers taken with one examination; a missing key means not measured (units: MARKER_UNITS)."""

    time_point: TimePointName
    values: Dict[str, float]

    __pydantic_config__: ClassVar[Dict[str, Any]] = _STRICT

    def __post_init__(self) -> None:
        for name, value in self.values.items():
            _check(bool(NAME.match(name)), "marker names are 1-32 letters, digits, spaces or ._/+-", "values")
            _check_range(value, 0, 1e9, f"values.{name}")


@dataclass(frozen=True)
class Clinical:
    """Clinical data the nomogram and Table 1 use; None = unknown. `centre` names the scanner site for image statistics."""

    sex: Optional[Literal["male", "female"]] = None
    her2: Optional[Literal["3+", "2+/FISH+"]] = None
    age_years: Optional[int] = None
    line_of_therapy: Optional[int] = None
    centre: Optional[str] = None

    __pydantic_config__: ClassVar[Dict[str, Any]] = _STRICT

    def __post_init__(self) -> None:
        _check_range(self.age_years, 0, 130, "age_years")
        _check_range(self.line_of_therapy, 1, 20, "line_of_therapy")
        _check(
            self.centre is None or bool(NAME.match(self.centre)),
            "must be 1-32 letters, digits, spaces or ._/+-",
            "centre",
        )


@dataclass(frozen=True)
class Outcome:
    """Overall survival from the first day of anti-HER2 therapy (the paper's origin).

    Attributes:
        os_days: days to death or last contact, > 0.
        death_observed: False = censored.
    """

    os_days: int
    death_observed: bool

    __pydantic_config__: ClassVar[Dict[str, Any]] = _STRICT

    def __post_init__(self) -> None:
        _check_range(self.os_days, 1, MAX_DAY, "os_days")


@dataclass(frozen=True)
class ModelObject:
    """The token unit of the LDLM: one lesion in one contrast phase (model.md section 1).

    A lung lesion is one object, taken from the venous series where there is one: `phase` is then the phase at
    baseline, and each later time point may fall back to the other.
    """

    lesion_id: str
    phase: Phase
    organ: Organ


@dataclass(frozen=True)
class RoiKey:
    """Which ROI: the object (index into `Case.objects`), the time point, and the phase it is cut from."""

    object_index: int
    lesion_id: str
    time_point: TimePointName
    phase: Phase


@dataclass(frozen=True)
class Case:
    """One patient's course.

    Attributes:
        case_id: pseudonym, 26 characters base32 (contract 3).
        time_points: BL first, then 1F .. 4F without a gap, days strictly increasing.
        lesions: primary, targets, new ones.
        clinical: sex, HER2 status, age, line of therapy, centre.
        markers: at most one panel per time point.
        therapy_start_day: first day of anti-HER2 therapy relative to BL; None = unknown (0 is assumed, with a QC note).
        outcome: when known.
        synthetic: made by the phantom generator, or altered by software; every output says so.

    Raises:
        CaseError: a rule is broken.
    """

    case_id: str
    time_points: Tuple[TimePoint, ...]
    lesions: Tuple[Lesion, ...] = ()
    clinical: Clinical = Clinical()
    markers: Tuple[MarkerPanel, ...] = ()
    therapy_start_day: Optional[int] = None
    outcome: Optional[Outcome] = None
    synthetic: bool = False

    __pydantic_config__: ClassVar[Dict[str, Any]] = _STRICT

    def __post_init__(self) -> None:
        _check(bool(CASE_ID.match(self.case_id)), "must be 26 characters A-Z, 2-7", "case_id")
        self._check_time_points()
        self._check_lesions()
        names = [m.time_point for m in self.markers]
        _check(len(set(names)) == len(names), "two marker panels for one time point", "markers")
        self._check_known(names, "markers")
        _check_range(self.therapy_start_day, -MAX_DAY, MAX_DAY, "therapy_start_day")

    def _check_time_points(self) -> None:
        names = tuple(t.name for t in self.time_points)
        _check(
            bool(names) and names == TIME_POINTS[: len(names)],
            f"must be BL, then 1F, 2F, .. without a gap; got {', '.join(names) or 'none'}",
            "time_points",
        )
        days = [t.day for t in self.time_points]
        _check(days[0] == 0, f"baseline is day 0, not {days[0]}", "time_points[0].day")
        _check(all(a < b for a, b in zip(days, days[1:])), f"days must increase; got {days}", "time_points")

    def _check_lesions(self) -> None:
        ids = [lesion.lesion_id for lesion in self.lesions]
        _check(len(ids) <= MAX_LESIONS, f"at most {MAX_LESIONS} lesions", "lesions")
        _check(len(set(ids)) == len(ids), "two lesions share an id", "lesions", "Give every lesion its own id.")
        kinds = [lesion.kind for lesion in self.lesions]
        _check(kinds.count("primary") <= 1, "more than one primary tumour", "lesions")
        _check(kinds.count("target") <= MAX_TARGETS, f"more than {MAX_TARGETS} target lesions", "lesions")
        for index, lesion in enumerate(self.lesions):
            self._check_known([o.time_point for o in lesion.observations], f"lesions[{index}].observations")

    def _check_known(self, names: Any, where: str) -> None:
        known = {t.name for t in self.time_points}
        for name in names:
            _check(name in known, f"time point {name} is not one of this case ({', '.join(sorted(known))})", where)

    @property
    def objects(self) -> Tuple[ModelObject, ...]:
        """What the LDLM looks at: each primary or target lesion in each phase boxed at baseline (at most 12).

        Liver: venous only. Lung: one object. All others: one per phase.
        """
        found = []
        for lesion in self.lesions:
            baseline = lesion.at("BL")
            if lesion.kind == "new" or baseline is None:
                continue
            boxed = [p for p in PHASES if p in baseline.box_centers_mm]
            if lesion.organ == "Liver":
                boxed = [p for p in boxed if p == "venous"]
            elif lesion.organ == "Lung":
                boxed = boxed[-1:]
            found += [ModelObject(lesion.lesion_id, phase, lesion.organ) for phase in boxed]
        return tuple(found)

    @property
    def roi_keys(self) -> Tuple[RoiKey, ...]:
        """The ROIs to cut, by object, then time point; a time point without a box for an object has none."""
        lesions = {lesion.lesion_id: lesion for lesion in self.lesions}
        keys = []
        for index, item in enumerate(self.objects):
            for observation in lesions[item.lesion_id].observations:
                boxed = [p for p in PHASES if p in observation.box_centers_mm]
                wanted = boxed[-1:] if item.organ == "Lung" else [p for p in boxed if p == item.phase]
                keys += [RoiKey(index, item.lesion_id, observation.time_point, phase) for phase in wanted]
        return tuple(keys)

    def lesion(self, lesion_id: str) -> Lesion:
        """The lesion with this id.

        Raises:
            KeyError: there is none.
        """
        for lesion in self.lesions:
            if lesion.lesion_id == lesion_id:
                return lesion
        raise KeyError(lesion_id)

    def to_json(self) -> Dict[str, Any]:
        """JSON-ready dict; `Case.from_json` reads it back."""
        encoded: Dict[str, Any] = encode(self)
        return encoded

    @staticmethod
    def from_json(value: Any) -> Case:
        """Validate and build.

        Raises:
            CaseError: names the exact place, e.g. "case.lesions[2].organ".
        """
        return decode(Case, value, "case")
