"""ROC curves of one-year survival, and every patient's score against the cut-off (Fig. 4 of He 2024)."""

from __future__ import annotations

from typing import List, Optional, Sequence, Tuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from sklearn.metrics import roc_auc_score, roc_curve

from her2_core.figures import BLUE, GRID, INK, MUTED, ORANGE, new_figure, stamp, tidy
from her2_core.study.risk_groups import TRAINING
from her2_core.study.scores import Scored, ScoresTable
from her2_core.survival.kaplan_meier import COLOURS, DASHES
from her2_core.survival.metrics import BoolArray, FloatArray, one_year_label

ROC_MODELS = ("RECIST", "TB-delta", "LDLM-2F", "Nomo-LDLM-2F")
"""As in Fig. 4A; a cohort without markers shows Nomo-w/o-TDLM in place of the last."""
WITHOUT_MARKERS = "Nomo-w/o-TDLM"
UNKNOWN = "#b5bec7"
PATIENT_IN = 0.085
"""Width of a bar of the waterfall."""

Curve = Tuple[str, BoolArray, FloatArray]


def roc_figure(table: ScoresTable, notice: str) -> Optional[Figure]:
    """Fig. 4A: one panel per cohort but training; None where no model has both outcomes."""
    cohorts = [c for c in table.cohorts if c != TRAINING and _curves(table, c)]
    if not cohorts:
        return None
    figure = new_figure(3.7 * len(cohorts) + 0.2, 4.1)
    for axes, cohort in zip(figure.subplots(1, len(cohorts), squeeze=False)[0], cohorts):
        _draw_roc(axes, cohort, _curves(table, cohort))
    stamp(figure, notice)
    return figure


def waterfall_figure(table: ScoresTable, model: str, cutoff: float, notice: str) -> Optional[Figure]:
    """Fig. 4B, C: every patient's score minus the cut-off, sorted; colour = what happened within a year.

    None where no cohort but training has the score.
    """
    panels = [(c, s) for c in table.cohorts if c != TRAINING and len((s := table.scored(model, c)).days)]
    if not panels:
        return None
    widths = [max(2.2, PATIENT_IN * len(s.days) + 0.9) for _, s in panels]
    figure = new_figure(min(14.0, sum(widths) + 0.6), 3.9)
    grid = figure.subplots(1, len(panels), squeeze=False, sharey=True, width_ratios=widths)[0]
    for axes, (cohort, scored) in zip(grid, panels):
        _draw_waterfall(axes, cohort, scored, cutoff)
    grid[0].set_ylabel(f"{model} score − cut-off ({cutoff:.3g})", fontsize=9, color=INK)
    figure.legend(
        handles=[
            Patch(color=ORANGE, label="died within 12 months"),
            Patch(color=BLUE, label="alive at 12 months"),
            Patch(color=UNKNOWN, label="lost within 12 months"),
        ],
        loc="outside upper center",
        ncols=3,
        frameon=False,
        fontsize=9,
    )
    stamp(figure, notice)
    return figure


def _curves(table: ScoresTable, cohort: str) -> List[Curve]:
    """(model, one-year label, risk) of every model that has both outcomes."""
    markers = len(table.scored(ROC_MODELS[-1], cohort).days) > 0
    models = ROC_MODELS if markers else (*ROC_MODELS[:-1], WITHOUT_MARKERS)
    found = []
    for model in models:
        scored = table.scored(model, cohort)
        label = one_year_label(scored.days, scored.event) if len(scored.days) else None
        if label is not None and 0 < label.poor[label.known].sum() < label.known.sum():
            found.append((model, label.poor[label.known], scored.risk[label.known]))
    return found


def _draw_roc(axes: Axes, cohort: str, curves: Sequence[Curve]) -> None:
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9, linestyle=":")
    for index, (model, poor, risk) in enumerate(curves):
        fpr, tpr, _ = roc_curve(poor, risk, drop_intermediate=False)
        text = f"{model}: {roc_auc_score(poor, risk):.3f}"
        axes.plot(fpr, tpr, color=COLOURS[index], linestyle=DASHES[index], linewidth=1.8, label=text)
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.set_aspect("equal")
    axes.set_xlabel("1 − specificity", fontsize=9, color=INK)
    axes.set_ylabel("Sensitivity (death within 12 months)", fontsize=9, color=INK)
    axes.set_title(f"{cohort} cohort", fontsize=10, color=INK, loc="left")
    axes.legend(loc="lower right", fontsize=8, title="1-year AUC", title_fontsize=8, framealpha=0.9, edgecolor=GRID)
    axes.grid(color=GRID, linewidth=0.6)
    tidy(axes)


def _draw_waterfall(axes: Axes, cohort: str, scored: Scored, cutoff: float) -> None:
    order = np.argsort(-scored.risk, kind="stable")
    label = one_year_label(scored.days, scored.event)
    colours = np.where(~label.known, UNKNOWN, np.where(label.poor, ORANGE, BLUE))
    height = (scored.risk - cutoff)[order]
    axes.bar(np.arange(len(order)), height, width=0.86, color=colours[order])
    # A patient at the cut-off has no bar to see: a dot says that somebody is there.
    flat = np.abs(height) < 0.005 * np.abs(height).max(initial=1e-12)
    axes.scatter(np.flatnonzero(flat), height[flat], s=9, color=colours[order][flat], zorder=3)
    axes.axhline(0, color=INK, linewidth=0.9)
    high = int(np.sum(scored.risk >= cutoff))
    if 0 < high < len(order):
        axes.axvline(high - 0.5, color=MUTED, linewidth=0.9, linestyle=(0, (3, 2)))
    axes.set_title(f"{cohort} cohort (n = {len(order)})", fontsize=10, color=INK, loc="left")
    axes.text(
        0.98,
        0.97,
        f"high risk: {high}\nlow risk: {len(order) - high}",
        transform=axes.transAxes,
        ha="right",
        va="top",
        fontsize=8,
        color=INK,
    )
    axes.set_xticks([])
    axes.set_xlabel("patients, by falling score", fontsize=9, color=INK)
    axes.set_xlim(-0.9, len(order) - 0.1)
    tidy(axes)
