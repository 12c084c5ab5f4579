"""One look for all figures: sizes, colours (safe for colour-blind readers), and PNG output without global state."""

from __future__ import annotations

import io
import textwrap
from typing import Dict

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

INK = "#1b2733"
MUTED = "#667483"
GRID = "#dde3e9"
BLUE = "#0072b2"
ORANGE = "#d55e00"
RISK_COLOURS: Dict[str, str] = {"low": BLUE, "high": ORANGE}
"""Okabe-Ito blue and vermilion."""
SALIENCY_COLOURS = "inferno"
DOTS_PER_INCH = 130
NOTICE_SIZE = 7


def new_figure(width_in: float, height_in: float) -> Figure:
    """A figure with its own canvas (no pyplot, no shared state); size in inches."""
    figure = Figure(figsize=(width_in, height_in), dpi=DOTS_PER_INCH, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def tidy(axes: Axes) -> None:
    """Remove the frame lines that carry no data."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(MUTED)
    axes.tick_params(colors=INK, labelsize=9)


def stamp(figure: Figure, text: str) -> None:
    """Write the notice into the picture itself, so that it stays when the picture is copied out of the report."""
    per_line = int(figure.get_figwidth() * 72 / (NOTICE_SIZE * 0.56))
    figure.supxlabel("\n".join(textwrap.wrap(text, per_line)), fontsize=NOTICE_SIZE, color=MUTED)


def to_png(figure: Figure) -> bytes:
    """The figure as PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def to_svg(figure: Figure) -> bytes:
    """The figure as SVG: text as outlines (looks the same everywhere), no date, the same bytes every time."""
    buffer = io.BytesIO()
    with rc_context({"svg.hashsalt": "her2", "svg.fonttype": "path"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()
