"""Kaplan-Meier curves of groups, with the numbers at risk below them (as Fig. 2 of He 2024)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Sequence, Tuple, Union

import numpy as np
import numpy.typing as npt
from lifelines import KaplanMeierFitter
from lifelines.statistics import multivariate_logrank_test
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from her2_core.errors import BadInput
from her2_core.figures import GRID, INK, MUTED, new_figure, stamp, tidy

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
"""Okabe-Ito: told apart by colour-blind readers."""
DASHES = ("solid", (0, (5, 2)), (0, (1, 1.5)), (0, (5, 1.5, 1, 1.5)))
"""A second code beside colour, for print in grey."""
_LABEL_GAP = 15.0
"""Points between a group's name and the middle of its first number at risk: room for four digits."""


@dataclass(frozen=True)
class Group:
    """One curve.

    Attributes:
        label: shown at the curve.
        time: (n,) survival times > 0, all groups in the same unit.
        event: (n,) True = died.
    """

    label: str
    time: npt.NDArray[np.float64]
    event: npt.NDArray[np.bool_]


def logrank_p(groups: Sequence[Group]) -> float:
    """p of the log-rank test that all groups survive alike.

    Raises:
        BadInput: fewer than two groups with patients.
    """
    filled = [g for g in groups if len(g.time)]
    if len(filled) < 2:
        raise BadInput("a log-rank test needs at least two groups with patients")
    time, event = np.concatenate([g.time for g in filled]), np.concatenate([g.event for g in filled])
    member = np.repeat(np.arange(len(filled)), [len(g.time) for g in filled])
    return float(multivariate_logrank_test(time, member, event).p_value)


def at_risk(group: Group, times: Sequence[float]) -> Tuple[int, ...]:
    """How many are still followed just before each time."""
    return tuple(int(np.sum(group.time >= t)) for t in times)


def kaplan_meier_figure(
    groups: Sequence[Group],
    *,
    time_unit: str = "months",
    title: str = "",
    notice: str = "",
    step: Optional[float] = None,
) -> Figure:
    """Curves with 95 % bands, marks where somebody is censored, the log-rank p, and numbers at risk.

    Args:
        groups: 1 to 4; empty ones are left out.
        time_unit: name of the unit of time.
        title: above the curves.
        notice: small print inside the picture.
        step: distance of the ticks in time; None = chosen.

    Raises:
        BadInput: no patients, or too many groups.
    """
    figure = new_figure(5.4, 3.9 + 0.19 * sum(len(g.time) > 0 for g in groups))
    draw_kaplan_meier(figure, groups, time_unit=time_unit, title=title, step=step)
    stamp(figure, notice)
    return figure


def draw_kaplan_meier(
    panel: Union[Figure, SubFigure],
    groups: Sequence[Group],
    *,
    time_unit: str = "months",
    title: str = "",
    step: Optional[float] = None,
    last: Optional[float] = None,
) -> None:
    """The same inside a larger figure; see `kaplan_meier_figure`.

    Args:
        panel: where to; it must be empty.
        groups, time_unit, title, step: see there.
        last: end of the time axis; None = the longest follow-up. Panels to be compared share it.

    Raises:
        BadInput: no patients, or too many groups.
    """
    drawn = [(index, g) for index, g in enumerate(groups) if len(g.time)]
    filled = [g for _, g in drawn]
    if not filled or len(groups) > len(COLOURS):
        raise BadInput(f"draws 1 to {len(COLOURS)} groups with patients, not {len(filled)} of {len(groups)}")
    curves, table = panel.subplots(2, 1, sharex=True, height_ratios=[12, 1 + len(filled)])
    for index, group in drawn:
        _curve(curves, group, index)
    last = last or max(float(g.time.max()) for g in filled)
    ticks = np.arange(0.0, last * 1.0001, step or _tick_step(last))
    _dress(curves, title, ticks, last)
    curves.set_xlabel(f"Time ({time_unit})", fontsize=9, color=INK)
    said = _p_text(logrank_p(filled)) if len(filled) > 1 else None
    legend = curves.legend(loc="upper right", fontsize=9, title=said, title_fontsize=9, alignment="left")
    legend.get_frame().set(edgecolor="none", alpha=0.8)
    _numbers(table, drawn, ticks)


def _curve(axes: Axes, group: Group, index: int) -> None:
    fitter = KaplanMeierFitter().fit(group.time, group.event)
    times = fitter.survival_function_.index.to_numpy()
    survival = fitter.survival_function_.iloc[:, 0].to_numpy()
    band = fitter.confidence_interval_.to_numpy()
    colour = COLOURS[index]
    label = f"{group.label} (n = {len(group.time)})"
    axes.step(times, survival, where="post", color=colour, linestyle=DASHES[index], linewidth=1.8, label=label)
    axes.fill_between(times, band[:, 0], band[:, 1], step="post", color=colour, alpha=0.13, linewidth=0)
    censored = np.unique(group.time[~group.event])
    if len(censored):
        axes.plot(censored, fitter.predict(censored), "|", color=colour, markersize=6, markeredgewidth=1.1)


def _dress(axes: Axes, title: str, ticks: npt.NDArray[np.float64], last: float) -> None:
    axes.set_ylim(0, 1.03)
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.set_xlim(0, last * 1.02)
    axes.set_xticks(ticks)
    axes.set_ylabel("Survival probability", fontsize=9, color=INK)
    axes.grid(color=GRID, linewidth=0.6)
    axes.set_title(title, fontsize=10, color=INK, loc="left")
    tidy(axes)
    axes.tick_params(labelbottom=True)


def _numbers(axes: Axes, groups: Sequence[Tuple[int, Group]], ticks: npt.NDArray[np.float64]) -> None:
    axes.set_ylim(-len(groups) + 0.4, 1.2)
    axes.set_xticks(ticks)
    axes.tick_params(left=False, labelleft=False, bottom=False, labelbottom=False)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.text(0, 0.75, "Number at risk", fontsize=8, color=MUTED, va="center")
    for row, (index, group) in enumerate(groups):
        axes.annotate(
            group.label,
            (0, -row),
            xycoords=axes.get_yaxis_transform(),
            xytext=(-_LABEL_GAP, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=8,
            color=COLOURS[index],
        )
        for x, count in zip(ticks, at_risk(group, list(ticks))):
            axes.text(x, -row, str(count), ha="center", va="center", fontsize=8, color=INK)


def _tick_step(last: float) -> float:
    """A round step, or whole half-years (6, 12, 24) where it fits a follow-up told in months; at most eight ticks."""
    power = 10.0 ** np.floor(np.log10(last / 7))
    round_steps = (1.0, 2.0, 5.0, 10.0) * np.array(power)
    return float(next(c for c in (*(6.0, 12.0, 24.0), *round_steps) if 2.5 < last / c <= 7.0001))


def _p_text(p: float) -> str:
    return "log-rank p < 0.0001" if p < 1e-4 else f"log-rank p = {p:.4f}"
