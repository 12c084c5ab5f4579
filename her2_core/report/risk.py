"""The risk as a picture: score against its cut-off for baseline, one and two follow-ups; survival curve."""

from __future__ import annotations

from typing import Optional

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from her2_core.figures import BLUE, GRID, INK, MUTED, ORANGE, RISK_COLOURS, new_figure, stamp, tidy
from her2_core.prognosis import NomogramResult, Prognosis

HORIZONS = ("6", "12", "24")


def risk_figure(prognosis: Prognosis, notice: str) -> Figure:
    """LDLM score per number of follow-ups with its own cut-off (paper, section 'Development and validation of LDLMs')."""
    figure = new_figure(4.6, 3.3)
    axes = figure.subplots()
    stages = prognosis.by_time_points
    positions = list(range(len(stages)))
    axes.plot(positions, [s.ldlm_score for s in stages], color=GRID, linewidth=2.5, zorder=1)
    for x, stage in zip(positions, stages):
        axes.plot([x - 0.28, x + 0.28], [stage.cutoff] * 2, color=INK, linewidth=1.6, zorder=2)
        axes.scatter([x], [stage.ldlm_score], s=150, color=RISK_COLOURS[stage.risk_group], zorder=3)
        axes.annotate(
            f"{stage.ldlm_score:.2f} {stage.risk_group}",
            (x, stage.ldlm_score),
            xytext=(0, 11),
            textcoords="offset points",
            ha="center",
            fontsize=9,
            color=INK,
        )
    axes.set_xticks(positions, [s.name for s in stages])
    axes.set_xlim(-0.6, len(stages) - 0.4)
    axes.set_ylim(-0.03, 1.14)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    axes.set_ylabel("LDLM score (high = poor)", fontsize=9, color=INK)
    axes.scatter([], [], s=60, color=ORANGE, label="high risk")
    axes.scatter([], [], s=60, color=BLUE, label="low risk")
    axes.plot([], [], color=INK, linewidth=1.6, label="cut-off")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.14), ncols=3, frameon=False, fontsize=8)
    tidy(axes)
    stamp(figure, notice)
    return figure


def survival_figure(nomogram: NomogramResult, notice: str) -> Figure:
    """Predicted survival of this patient in months from the start of therapy, marked at 6, 12 and 24 months."""
    figure = new_figure(4.6, 3.3)
    axes = figure.subplots()
    curve = nomogram.curve or ()
    axes.step([m for m, _ in curve], [s for _, s in curve], where="post", color=BLUE, linewidth=2)
    for months in HORIZONS:
        _mark_horizon(axes, float(months), (nomogram.survival or {}).get(months))
    axes.set_xlim(left=0)
    axes.set_ylim(0, 1.05)
    axes.set_xlabel("Months from the start of anti-HER2 therapy", fontsize=9, color=INK)
    axes.set_ylabel("Predicted survival probability", fontsize=9, color=INK)
    axes.grid(color=GRID, linewidth=0.6)
    tidy(axes)
    stamp(figure, notice)
    return figure


def _mark_horizon(axes: Axes, months: float, survival: Optional[float]) -> None:
    if survival is None:
        return
    axes.plot([months, months], [0, survival], color=MUTED, linewidth=0.9, linestyle=":")
    axes.scatter([months], [survival], s=36, color=ORANGE, zorder=3)
    axes.annotate(
        f"{survival:.0%}", (months, survival), xytext=(5, 5), textcoords="offset points", fontsize=9, color=INK
    )
