"""CT crops of every lesion over time, each beside the same crop with its Grad-CAM map (paper, Fig. 5)."""

from __future__ import annotations

from typing import Dict, Optional, Tuple

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from her2_core.bundle import Bundle, SaliencyBundle
from her2_core.figures import INK, MUTED, SALIENCY_COLOURS, new_figure, stamp
from her2_core.prognosis import ObjectLabel, Prognosis, SaliencyEntry
from her2_core.roi import Roi, window_of

CELL_IN = 1.05
ROWS_FOR_LONG_LABEL = 4
"""The colour bar of fewer rows is too short for the whole sentence."""
BOX_FRACTION = 1 / 1.5
"""The reader's box inside its ROI, which is the box enlarged 1.5 times."""

SlotEntries = Dict[Tuple[int, str], SaliencyEntry]


def lesion_figure(bundle: Bundle, prognosis: Prognosis, saliency: SaliencyBundle, notice: str) -> Figure:
    """Rows: objects (lesion x phase); columns: per time point the CT crop and the crop with saliency.

    All maps share one colour range, so that lesions can be compared.
    """
    objects = prognosis.attention.objects
    names = prognosis.time_points_used
    rois = {roi.identity: roi for roi in bundle.rois}
    entries: SlotEntries = {(e.object_index, e.time_point): e for e in prognosis.saliency}
    figure = new_figure(1.9 + 2 * CELL_IN * len(names), 0.9 + CELL_IN * len(objects))
    grid = figure.subplots(len(objects), 2 * len(names), squeeze=False)
    colours = ScalarMappable(Normalize(0, prognosis.saliency_display_max or 1), SALIENCY_COLOURS)
    for row, item in enumerate(objects):
        for column, name in enumerate(names):
            entry = entries.get((row, name))
            roi = rois.get((entry.lesion_id, entry.time_point, entry.phase)) if entry else None
            heat = saliency.maps[entry.member] if entry else None
            _draw_pair(grid[row, 2 * column], grid[row, 2 * column + 1], item.organ, roi, heat, colours)
            if row == 0:
                grid[0, 2 * column].set_title(name, loc="left", fontsize=11, color=INK, fontweight="bold")
                grid[0, 2 * column + 1].set_title("saliency", loc="left", fontsize=8, color=MUTED)
        _label_row(grid[row, 0], item)
    bar = figure.colorbar(colours, ax=list(grid.ravel()), fraction=0.02, pad=0.01, aspect=40)
    long_label = len(objects) >= ROWS_FOR_LONG_LABEL
    bar.set_label(
        "Grad-CAM towards poor survival, one range for the case" if long_label else "Grad-CAM", fontsize=8, color=MUTED
    )
    bar.ax.tick_params(labelsize=7)
    stamp(figure, notice)
    return figure


def _label_row(axes: Axes, item: ObjectLabel) -> None:
    label = f"{item.lesion_id}  {item.organ}\n{item.phase}"
    axes.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=9, color=INK, labelpad=8)


def _draw_pair(
    plain: Axes,
    overlaid: Axes,
    organ: str,
    roi: Optional[Roi],
    heat: Optional[npt.NDArray[np.float16]],
    colours: ScalarMappable,
) -> None:
    for axes in (plain, overlaid):
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_facecolor("#f2f4f6")
        for spine in axes.spines.values():
            spine.set_visible(False)
    if roi is None or heat is None:
        plain.text(0.5, 0.5, "no box", ha="center", va="center", fontsize=8, color=MUTED, transform=plain.transAxes)
        return
    window = window_of(organ)
    height, width = roi.hu.shape[1:]
    row_mm, column_mm = roi.place.spacing_mm
    for axes in (plain, overlaid):
        axes.imshow(roi.hu[1], cmap="gray", vmin=window.low, vmax=window.high, aspect=row_mm / column_mm)
    plain.add_patch(_box_outline(height, width))
    shown = colours.to_rgba(np.asarray(heat, dtype=float))
    shown[..., 3] = np.clip(colours.norm(np.asarray(heat, dtype=float)), 0, 1) * 0.75
    overlaid.imshow(shown, aspect=row_mm / column_mm)


def _box_outline(height: int, width: int) -> Rectangle:
    margin = (1 - BOX_FRACTION) / 2
    corner = (margin * width - 0.5, margin * height - 0.5)
    return Rectangle(
        corner, BOX_FRACTION * width, BOX_FRACTION * height, fill=False, edgecolor="#56b4e9", linewidth=0.9
    )
