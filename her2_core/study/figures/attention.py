"""Attention between organs and between time points in low- and high-risk patients (Fig. 6 of He 2024)."""

from __future__ import annotations

from typing import Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from her2_core.case import ORGANS
from her2_core.figures import GRID, INK, MUTED, RISK_COLOURS, new_figure, stamp, tidy
from her2_core.study.attention import TIME_POINTS, OrganPair, TimeImportance
from her2_core.study.table import p_text

CELL_IN = 0.62
COLOUR_MAP = "Blues"
EMPTY = "#f2f4f6"

Pairs = Mapping[str, Sequence[OrganPair]]
"""Risk group "low" or "high" -> organ pairs."""
Times = Mapping[str, Sequence[TimeImportance]]
"""Risk group "low" or "high" -> importance of the time points."""


def organ_pair_figure(pairs: Pairs, notice: str) -> Optional[Figure]:
    """Fig. 6A: rows attend to columns, mean attention weight, one colour scale; small: number of patients."""
    organs: List[str] = [o for o in ORGANS if any(o in (p.source, p.target) for found in pairs.values() for p in found)]
    if not organs:
        return None
    size = CELL_IN * len(organs)
    figure = new_figure(2 * size + 3.4, size + 2.0)
    grid = figure.subplots(1, len(pairs), squeeze=False, sharey=True)[0]
    top = max(p.weight for found in pairs.values() for p in found)
    images = [_draw_pairs(axes, name, found, organs, top) for axes, (name, found) in zip(grid, pairs.items())]
    bar = figure.colorbar(images[-1], ax=list(grid), fraction=0.03, pad=0.015)
    bar.set_label("mean attention weight", fontsize=9, color=INK)
    bar.ax.tick_params(labelsize=8)
    grid[0].set_ylabel("attending organ", fontsize=9, color=INK)
    stamp(figure, notice)
    return figure


def time_importance_figure(times: Times, p_values: Mapping[str, Optional[float]], notice: str) -> Optional[Figure]:
    """Fig. 6B: mean weight of BL, 1F and 2F with 95 % intervals, low against high risk, p per time point."""
    filled = {name: list(found) for name, found in times.items() if found}
    if not filled:
        return None
    figure = new_figure(5.2, 3.9)
    axes = figure.subplots()
    width = 0.8 / len(filled)
    for index, (name, found) in enumerate(filled.items()):
        _draw_times(axes, name, found, (index - (len(filled) - 1) / 2) * width, width)
    top = max(t.high for found in filled.values() for t in found)
    for place, name in enumerate(TIME_POINTS):
        p = p_text(p_values.get(name))
        said = f"p {p}" if p.startswith("<") else f"p = {p}"
        axes.text(place, top * 1.12, said, ha="center", fontsize=8, color=MUTED)
    axes.set_ylim(0, top * 1.22)
    axes.set_xticks(
        range(len(TIME_POINTS)), ["baseline (BL)", "first follow-up (1F)", "second follow-up (2F)"], fontsize=9
    )
    axes.set_ylabel("share of attention (mean, 95 % CI)", fontsize=9, color=INK)
    axes.grid(axis="y", color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    tidy(axes)
    figure.legend(loc="outside upper center", ncols=2, frameon=False, fontsize=9)
    stamp(figure, notice)
    return figure


def _draw_pairs(axes: Axes, name: str, found: Sequence[OrganPair], organs: List[str], top: float) -> AxesImage:
    weights = np.full((len(organs), len(organs)), np.nan)
    patients: Dict[Tuple[int, int], int] = {}
    for pair in found:
        place = organs.index(pair.source), organs.index(pair.target)
        weights[place] = pair.weight
        patients[place] = pair.patients
    axes.set_facecolor(EMPTY)
    image = axes.imshow(weights, cmap=COLOUR_MAP, vmin=0, vmax=top)
    for (row, column), count in patients.items():
        ink = "white" if weights[row, column] > 0.6 * top else INK
        axes.text(column, row - 0.1, f"{weights[row, column]:.2f}", ha="center", va="center", fontsize=8, color=ink)
        axes.text(column, row + 0.28, f"n={count}", ha="center", va="center", fontsize=6, color=ink)
    axes.set_xticks(range(len(organs)), organs, rotation=45, ha="right", rotation_mode="anchor", fontsize=8)
    axes.set_yticks(range(len(organs)), organs, fontsize=8)
    axes.set_xlabel("attended organ", fontsize=9, color=INK)
    axes.set_title(f"{name} risk", fontsize=10, color=INK, loc="left")
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    return image


def _draw_times(axes: Axes, name: str, found: Sequence[TimeImportance], shift: float, width: float) -> None:
    places = np.arange(len(found)) + shift
    means = np.array([t.mean for t in found])
    errors = np.array([[t.mean - t.low for t in found], [t.high - t.mean for t in found]])
    axes.bar(
        places,
        means,
        width=width * 0.94,
        color=RISK_COLOURS[name],
        hatch="//" if name == "high" else None,
        edgecolor="white",
        yerr=errors,
        ecolor=INK,
        capsize=3,
        label=f"{name} risk (n = {found[0].patients})",
    )
