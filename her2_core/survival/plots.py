"""The nomogram as a picture (as Fig. 3A of He 2024), with one patient's marks where wanted."""

from __future__ import annotations

import math
from typing import List, Mapping, NamedTuple, Optional, Sequence, Tuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from her2_core.figures import GRID, INK, ORANGE, new_figure, stamp
from her2_core.survival.axis import pretty
from her2_core.survival.nomogram import Nomogram, NomogramScore
from her2_core.survival.variables import FactorVariable, Value, Variable

PROBABILITIES = (0.99, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05, 0.01)
MONTHS = (6.0, 12.0, 24.0)
READABLE = {"ldlm_score": "LDLM score", "tdlm_score": "TDLM score", "sex": "Sex", "HER2": "HER2 status"}
"""Names of this project's variables in the picture; others stand as they are."""
_WIDTH_IN = 9.0
_ROW_IN = 0.46
_LEFT, _RIGHT = -36.0, 134.0
"""Ends of the drawing in points: names stand left of 0, the patient's column right of 100; more where texts are long."""
_VALUES_AT = 104.0
_LABEL_SIZE = 8.0
_CHARACTER = 0.62 * _LABEL_SIZE / 72 / _WIDTH_IN * (_RIGHT - _LEFT)
"""Width of one character in points, on the wide side."""
_TICK = 0.10
_PAPER = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
"""Behind a label, so that no guide line runs through it."""
_ABOVE, _BELOW = 0.16, -0.16


class _Tick(NamedTuple):
    x: float
    text: str


class _Row(NamedTuple):
    """One scale of the picture: `mark` is the patient's place, `said` the text beside it."""

    name: str
    ticks: Sequence[_Tick]
    keep_all: bool = False
    mark: Optional[float] = None
    said: str = ""


def nomogram_figure(
    nomogram: Nomogram,
    *,
    patient: Optional[Mapping[str, Value]] = None,
    times: Sequence[float] = MONTHS,
    time_unit: str = "months",
    unit_length: float = 1.0,
    notice: str = "",
) -> Figure:
    """Draw the scales: points, one per variable, total, and survival at the times.

    Args:
        nomogram: what to draw.
        patient: values of one patient to mark; None = an empty nomogram.
        times: when to show survival; times beyond the follow-up of the training table are left out.
        time_unit: unit of `times`, as shown.
        unit_length: its length in the unit of the training table (30.4375 for months on a table in days).
        notice: small print inside the picture.

    Raises:
        BadInput: the patient's values cannot be scored.
    """
    score = None if patient is None else nomogram.score_one(patient, [t * unit_length for t in times])
    upper = [_points_row(), *(_variable_row(nomogram, v, patient, score) for v in nomogram.variables)]
    largest = sum(max(nomogram.points(v, value) for value in v.axis) for v in nomogram.variables)
    totals = pretty(0.0, largest, 10)
    lower = [_total_row(totals, score)]
    for t in times:
        row = _survival_row(nomogram, f"Survival at {t:g} {time_unit}", t * unit_length, totals[-1], score)
        lower += [row] if row is not None else []
    rows = [*upper, *lower]
    figure = new_figure(_WIDTH_IN, _ROW_IN * len(rows) + 0.75)
    axes = figure.subplots()
    _prepare(axes, len(rows), len(upper))
    names_at = min(_left_edge(row) for row in rows) - 2.5
    left = names_at - 1.2 * _CHARACTER * max(len(row.name) for row in rows)
    right = _VALUES_AT + _CHARACTER * max(len(row.said) for row in rows)
    axes.set_xlim(min(_LEFT, left), max(_RIGHT, right))
    for index, row in enumerate(rows):
        axes.text(names_at, -index, row.name, ha="right", va="center", fontsize=9, color=INK)
        _draw(axes, -float(index), row)
    if score is not None:
        _guide(axes, -float(len(upper)), 1.0 - len(rows), _inside(lower[0].mark or 0.0))
        axes.text(_VALUES_AT, 0.0, "this patient", va="center", fontsize=_LABEL_SIZE, color=ORANGE, fontweight="bold")
    stamp(figure, notice)
    return figure


def _points_row() -> _Row:
    return _Row("Points", [_Tick(float(x), str(x)) for x in range(0, 101, 10)])


def _variable_row(
    nomogram: Nomogram, variable: Variable, patient: Optional[Mapping[str, Value]], score: Optional[NomogramScore]
) -> _Row:
    ticks = [_Tick(nomogram.points(variable, value), _said(value)) for value in variable.axis]
    is_factor, name = isinstance(variable, FactorVariable), READABLE.get(variable.name, variable.name)
    if patient is None or score is None:
        return _Row(name, ticks, is_factor)
    points = score.points[variable.name]
    return _Row(name, ticks, is_factor, points, f"{_said(patient[variable.name])}: {points:.1f} points")


def _total_row(totals: Sequence[float], score: Optional[NomogramScore]) -> _Row:
    ticks = [_Tick(100 * t / totals[-1], f"{t:g}") for t in totals]
    if score is None:
        return _Row("Total points", ticks)
    return _Row("Total points", ticks, False, 100 * score.total_points / totals[-1], f"{score.total_points:.1f} points")


def _survival_row(
    nomogram: Nomogram, name: str, time: float, largest: float, score: Optional[NomogramScore]
) -> Optional[_Row]:
    """None where the scale would be empty: beyond the follow-up, or nobody died by then."""
    baseline = nomogram.baseline.at(time)
    if baseline is None or not 0 < baseline < 1:
        return None
    ticks = []
    for probability in PROBABILITIES:
        total = nomogram.total_points(math.log(math.log(probability) / math.log(baseline)))
        if -1e-9 <= total <= largest * (1 + 1e-9):
            ticks.append(_Tick(100 * total / largest, f"{probability:g}"))
    if score is None:
        return _Row(name, ticks) if ticks else None
    survival = score.survival[f"{time:g}"]
    said = "" if survival is None else f"{survival:.3f}"
    return _Row(name, ticks, False, 100 * score.total_points / largest, said)


def _prepare(axes: Axes, rows: int, upper: int) -> None:
    axes.set_axis_off()
    axes.set_ylim(-rows + 0.45, 0.6)
    for x in range(0, 101, 10):
        axes.plot([x, x], [0, -upper + 0.6], color=GRID, linewidth=0.6, zorder=0)


def _draw(axes: Axes, y: float, row: _Row) -> None:
    places = [tick.x for tick in row.ticks]
    if places:
        axes.plot([min(places), max(places)], [y, y], color=INK, linewidth=1.0, zorder=1)
    labels = _lanes(row.ticks, row.keep_all)
    for tick in row.ticks:
        axes.plot([tick.x, tick.x], [y, y + _TICK], color=INK, linewidth=0.8, zorder=1)
    for label, above in labels:
        place, align = (y + _ABOVE, "bottom") if above else (y + _BELOW, "top")
        if not above:
            axes.plot([label.x, label.x], [y, y - _TICK], color=INK, linewidth=0.8, zorder=1)
        axes.text(
            label.x, place, label.text, ha="center", va=align, bbox=_PAPER, fontsize=_LABEL_SIZE, color=INK, zorder=3.5
        )
    if row.mark is not None:
        beyond = "o" if row.mark == _inside(row.mark) else (">" if row.mark > 0 else "<")
        axes.scatter([_inside(row.mark)], [y], s=46, marker=beyond, color=ORANGE, edgecolor="white", zorder=4)
        axes.text(_VALUES_AT, y, row.said, va="center", fontsize=_LABEL_SIZE, color=INK)


def _guide(axes: Axes, top: float, bottom: float, x: float) -> None:
    axes.plot([x, x], [top, bottom], color=ORANGE, linewidth=1.0, linestyle=(0, (3, 2)), zorder=3)


def _lanes(ticks: Sequence[_Tick], keep_all: bool) -> List[Tuple[_Tick, bool]]:
    """Labels that do not overlap: (label, above the line?).

    Numbers that find no room are left out (their tick stays). Levels of a factor go below the line, or, where they
    share a place, into one label.
    """
    placed: List[Tuple[_Tick, bool]] = []
    for tick in sorted(ticks):
        lanes = (True, False) if keep_all else (True,)
        free = next((lane for lane in lanes if _has_room(tick, placed, lane)), None)
        if free is not None:
            placed.append((tick, free))
        elif keep_all:
            last, lane = placed.pop()
            placed.append((_Tick(last.x, f"{last.text}, {tick.text}"), lane))
    return placed


def _left_edge(row: _Row) -> float:
    labels = [label for label, _ in _lanes(row.ticks, row.keep_all)]
    return min([0.0, *(label.x - _CHARACTER * len(label.text) / 2 for label in labels)])


def _has_room(tick: _Tick, placed: Sequence[Tuple[_Tick, bool]], lane: bool) -> bool:
    others = [other for other, above in placed if above is lane]
    return all(abs(tick.x - o.x) >= _CHARACTER * ((len(tick.text) + len(o.text)) / 2 + 1) for o in others)


def _inside(x: float) -> float:
    return min(max(x, 0.0), 100.0)


def _said(value: Value) -> str:
    return value if isinstance(value, str) else f"{value:.3g}"
