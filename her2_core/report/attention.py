"""What the two transformers looked at: lesion by lesion, and time point by time point (paper, Fig. 6)."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from her2_core.figures import BLUE, INK, new_figure, stamp, tidy
from her2_core.prognosis import Attention


def attention_figure(attention: Attention, notice: str) -> Figure:
    """Left: object-by-object weights, each row sums to 1, first row = the patient token. Right: weight of each time point."""
    labels = ["patient", *(f"{o.lesion_id} {o.organ}, {o.phase[:3]}." for o in attention.objects)]
    weights = np.array(attention.object_by_object)
    size = 1.9 + 0.34 * len(labels)
    figure = new_figure(size + 4.4, max(3.3, size))
    left, right = figure.subplots(1, 2, width_ratios=[size, 2.4])
    image = left.imshow(weights, cmap="Blues", vmin=0)
    left.set_xticks(range(len(labels)), labels, rotation=55, ha="right", fontsize=8)
    left.set_yticks(range(len(labels)), labels, fontsize=8)
    left.set_xlabel("attends to", fontsize=9, color=INK)
    left.set_title("Between lesions (OH-former)", fontsize=10, loc="left", color=INK)
    figure.colorbar(image, ax=left, fraction=0.046, pad=0.03).ax.tick_params(labelsize=7)
    names = list(attention.time_points)
    shares = [attention.time_importance[name] for name in names]
    bars = right.bar(names, shares, color=BLUE, width=0.55)
    right.bar_label(bars, [f"{s:.0%}" for s in shares], fontsize=9, color=INK, padding=2)
    right.set_ylim(0, max(shares) * 1.2)
    right.set_ylabel("share of attention", fontsize=9, color=INK)
    right.set_title("Between time points (TH-former)", fontsize=10, loc="left", color=INK)
    tidy(right)
    stamp(figure, notice)
    return figure
