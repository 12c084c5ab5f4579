"""Cases told by their diameters alone, for RECIST and tumour burden."""

from __future__ import annotations

from typing import Any, Sequence, Tuple, Union

from her2_core.case import TIME_POINTS, Case, Lesion, Observation, TimePoint

CASE_ID = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
Size = Union[float, Tuple[float, float], str, None]
"""Long axis; (long, short) axes; a state other than measured; None = no observation."""


def lesion(lesion_id: str, organ: str, *sizes: Size, kind: str = "target") -> Lesion:
    """A lesion with one size per time point, BL first."""
    seen = tuple(_observation(name, size) for name, size in zip(TIME_POINTS, sizes) if size is not None)
    return Lesion(lesion_id, kind, organ, None, seen)  # type: ignore[arg-type]


def case(*lesions: Lesion, times: int = 3, non_targets: Sequence[Any] = (), thickness: Any = None) -> Case:
    findings = [*non_targets, *[None] * times]
    points = [TimePoint(name, 45 * i, thickness, findings[i]) for i, name in enumerate(TIME_POINTS[:times])]
    return Case(CASE_ID, tuple(points), tuple(lesions))


def _observation(name: Any, size: Size) -> Observation:
    if isinstance(size, str):
        return Observation(name, size)  # type: ignore[arg-type]
    if isinstance(size, tuple):
        return Observation(name, long_mm=size[0], short_mm=size[1])
    return Observation(name, long_mm=size)
