"""Small valid cases for tests (standard library and light part only)."""

from __future__ import annotations

from typing import Any, Dict, Iterable, Tuple

from her2_core.case import Case, Clinical, Lesion, MarkerPanel, Observation, Outcome, TimePoint

CASE_ID = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
DAYS = (0, 45, 92, 140, 190)


def observation(time_point: str, phases: Iterable[str] = ("arterial", "venous"), **fields: Any) -> Observation:
    centers = dict.fromkeys(phases, (10.0, 20.0, 30.0))
    return Observation(time_point, box_centers_mm=centers, **fields)  # type: ignore[arg-type]


def lesion(
    lesion_id: str = "L1",
    kind: str = "target",
    organ: str = "Lymph node",
    times: Tuple[str, ...] = ("BL", "1F", "2F"),
    phases: Iterable[str] = ("arterial", "venous"),
    **fields: Any,
) -> Lesion:
    phases = tuple(phases)
    seen = tuple(observation(t, phases, **fields) for t in times)
    return Lesion(lesion_id, kind, organ, (30.0, 24.0), seen)  # type: ignore[arg-type]


def case(*lesions: Lesion, times: int = 3, **fields: Any) -> Case:
    points = tuple(TimePoint(name, DAYS[i]) for i, name in enumerate(("BL", "1F", "2F", "3F", "4F")[:times]))
    return Case(CASE_ID, points, lesions or (primary(),), **fields)  # type: ignore[arg-type]


def primary(**fields: Any) -> Lesion:
    return lesion("P", "primary", "Stomach", **fields)


def full_case() -> Case:
    """Everything filled in once."""
    return case(
        primary(long_mm=40.0, short_mm=22.5),
        lesion("N1", long_mm=20.0, short_mm=15.5),
        lesion("H1", organ="Liver", phases=("venous",), long_mm=33.0, short_mm=30.0, area_mm2=780.0),
        lesion("X", "new", "Peritoneum", times=("2F",)),
        clinical=Clinical("female", "3+", 61, 1, "C1"),
        markers=(MarkerPanel("BL", {"CEA": 3.25, "CA19-9": 37.0}), MarkerPanel("1F", {"CEA": 2.5})),
        therapy_start_day=5,
        outcome=Outcome(410, True),
        synthetic=True,
    )


def changed(value: Dict[str, Any], path: str, new: Any) -> Dict[str, Any]:
    """A deep copy of a JSON object with one value replaced; path like "lesions.0.organ"; new=... deletes."""
    import copy

    value = copy.deepcopy(value)
    *parents, last = path.split(".")
    place: Any = value
    for part in parents:
        place = place[int(part)] if isinstance(place, list) else place[part]
    key: Any = int(last) if isinstance(place, list) else last
    if new is ...:
        del place[key]
    else:
        place[key] = new
    return value
