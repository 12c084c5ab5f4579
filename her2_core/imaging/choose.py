"""Which of several series of one phase to read lesions on, and why."""

from __future__ import annotations

import re
from typing import Callable, List, NamedTuple, Optional, Sequence, Tuple

from her2_core.imaging.dicom_series import Series

READING_MM = (1.0, 5.0)
"""Slice thickness for measuring lesions: RECIST 1.1 asks for 5 mm or less; below 1 mm noise dominates."""
COMPLETE = 0.9
"""Share of the longest series' extent from which a series counts as complete."""
_SHARP = re.compile(r"\b(lung|bone|bone ?plus|edge|ultra|sharp|hr)\b|肺|骨")
_SOFT = re.compile(r"\b(stnd|std|standard|soft|detail|smooth|mediastin\w*)\b|软组织|纵隔")
_TOSHIBA = re.compile(r"\bfc ?(\d\d)")
_SIEMENS = re.compile(r"\b[a-z]{1,2}(\d\d)[a-z]?")
_PHILIPS = {
    "a": 0,
    "b": 0,
    "c": 0,
    "sa": 0,
    "sb": 0,
    "i": 0,
    "d": 2,
    "e": 2,
    "l": 2,
    "ya": 2,
    "yb": 2,
    "yc": 2,
    "yd": 2,
}
SOFT, UNKNOWN, SHARP = 0, 1, 2


class Choice(NamedTuple):
    """The series to read, the others, why, and whether the choice was clear."""

    best: Series
    others: Tuple[Series, ...]
    reason: str
    clear: bool


class _Criterion(NamedTuple):
    reason: str
    penalty: Callable[[Series, Sequence[Series]], float]


def kernel_class(series: Series) -> int:
    """SOFT, UNKNOWN or SHARP, from kernel and description (names of GE, Siemens, Toshiba/Canon, Philips).

    Siemens numbers below 50 are soft; Toshiba FC01-FC29 are body kernels.
    """
    kernel = series.kernel.lower().split("\\")[0].strip()
    text = re.sub(r"[_.,;:()\[\]]+", " ", f"{kernel} {series.description.lower()}")
    if _SHARP.search(text):
        return SHARP
    toshiba, siemens = _TOSHIBA.match(kernel), _SIEMENS.match(kernel)
    if toshiba:
        return SOFT if int(toshiba[1]) < 30 else SHARP
    if siemens:
        return SOFT if int(siemens[1]) < 50 else SHARP
    if kernel in _PHILIPS:
        return _PHILIPS[kernel]
    return SOFT if _SOFT.search(text) else UNKNOWN


def _extent(series: Series) -> float:
    low, high = series.extent_mm
    return high - low


_CRITERIA: Tuple[_Criterion, ...] = (
    _Criterion("several slices", lambda s, _: len(s.frames) == 1),
    _Criterion("covers more of the body", lambda s, all_: _extent(s) < COMPLETE * max(map(_extent, all_))),
    _Criterion("original images, not derived ones", lambda s, _: "DERIVED" in s.image_type[:1]),
    _Criterion("softer kernel", lambda s, _: kernel_class(s)),
    _Criterion(
        f"thickness between {READING_MM[0]:g} and {READING_MM[1]:g} mm",
        lambda s, _: not READING_MM[0] - 0.01 <= s.thickness_mm <= READING_MM[1] + 0.01,
    ),
    _Criterion("no slices missing", lambda s, _: any("missing" in w for w in s.warnings)),
    _Criterion("thinner slices", lambda s, _: s.thickness_mm),
    _Criterion("covers more of the body", lambda s, _: -round(_extent(s), 1)),
)


def choose(candidates: Sequence[Series]) -> Choice:
    """Choose among series of one phase and date.

    Args:
        candidates: at least one.

    Returns:
        The choice. When no criterion separates the first two, the smaller series UID is taken and `clear` is False.
    """
    ranked = sorted(candidates, key=lambda s: (_penalties(s, candidates), s.source))
    best, others = ranked[0], tuple(ranked[1:])
    if not others:
        return Choice(best, (), "the only series of this phase", True)
    reason = _difference(best, others[0], candidates)
    if reason is None:
        text = f"{len(ranked)} series are equally suitable; the first by UID was taken, check it"
        return Choice(best, others, text, False)
    return Choice(best, others, f"preferred to {others[0].label()}: {reason}", True)


def _penalties(series: Series, candidates: Sequence[Series]) -> List[float]:
    return [float(criterion.penalty(series, candidates)) for criterion in _CRITERIA]


def _difference(best: Series, next_best: Series, candidates: Sequence[Series]) -> Optional[str]:
    for criterion in _CRITERIA:
        if criterion.penalty(best, candidates) != criterion.penalty(next_best, candidates):
            return criterion.reason
    return None
