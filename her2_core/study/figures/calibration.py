"""Calibration of the nomogram at one year (Fig. 3B of He 2024)."""

from __future__ import annotations

from typing import Optional, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from her2_core.figures import BLUE, GRID, INK, MUTED, new_figure, stamp, tidy
from her2_core.study.calibration import Calibration
from her2_core.study.table import p_text
from her2_core.survival.calibration import HosmerLemeshow


def calibration_figure(panels: Sequence[Calibration], notice: str) -> Optional[Figure]:
    """Observed against predicted 12-month survival, one panel per cohort; None without panels."""
    if not panels:
        return None
    figure = new_figure(3.3 * len(panels) + 0.4, 3.9)
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels):
        _draw(axes, panel)
    stamp(figure, notice)
    return figure


def _draw(axes: Axes, panel: Calibration) -> None:
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1.0, linestyle=(0, (4, 3)), label="ideal")
    seen = [p for p in panel.points if p.observed is not None and p.low is not None and p.high is not None]
    for point in seen:
        axes.plot([point.predicted] * 2, [point.low or 0.0, point.high or 0.0], color=BLUE, linewidth=1.3)
    axes.plot(
        [p.predicted for p in seen],
        [p.observed or 0.0 for p in seen],
        color=BLUE,
        marker="o",
        markersize=5,
        linewidth=1.6,
        label="observed, 95 % CI",
    )
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.set_aspect("equal")
    axes.set_xlabel("Predicted 12-month survival", fontsize=9, color=INK)
    axes.set_ylabel("Observed 12-month survival (Kaplan-Meier)", fontsize=9, color=INK)
    patients = sum(p.patients for p in panel.points)
    axes.set_title(f"{panel.cohort} cohort (n = {patients})", fontsize=10, color=INK, loc="left")
    axes.text(0.97, 0.04, _said(panel.test), transform=axes.transAxes, ha="right", fontsize=8, color=INK)
    axes.legend(loc="upper left", frameon=False, fontsize=8)
    axes.grid(color=GRID, linewidth=0.6)
    tidy(axes)


def _said(test: Optional[HosmerLemeshow]) -> str:
    if test is None:
        return "Hosmer-Lemeshow: undefined"
    p = p_text(test.p)
    return f"Hosmer-Lemeshow p {p if p.startswith('<') else '= ' + p}"
