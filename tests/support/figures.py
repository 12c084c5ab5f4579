"""What a matplotlib figure says, and whether its texts get into each other's way."""

from __future__ import annotations

import itertools
from typing import List, Set, Tuple

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text


def texts(figure: Figure) -> List[Text]:
    FigureCanvasAgg(figure).draw()
    undrawn = _labels_beyond_the_axes(figure)
    return [t for t in figure.findobj(Text) if t.get_text() and t.get_visible() and id(t) not in undrawn]


def _labels_beyond_the_axes(figure: Figure) -> Set[int]:
    """Tick labels that matplotlib keeps but does not draw."""
    found: Set[int] = set()
    for axes in figure.findobj(Axes):
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            beyond = (t for t in axis.get_major_ticks() if not low <= t.get_loc() <= high)
            found |= {id(label) for tick in beyond for label in (tick.label1, tick.label2)}
    return found


def words(figure: Figure) -> Set[str]:
    return {t.get_text() for t in texts(figure)}


def overlapping(figure: Figure) -> List[Tuple[str, str]]:
    """Pairs of texts on top of each other, and texts beyond the edge."""
    boxes = [(t.get_text(), t.get_window_extent().shrunk(0.98, 0.9)) for t in texts(figure)]
    inside = figure.bbox
    outside = [
        (text, "the edge") for text, box in boxes if not inside.contains(*box.p0) or not inside.contains(*box.p1)
    ]
    return outside + [(a, b) for (a, one), (b, two) in itertools.combinations(boxes, 2) if one.overlaps(two)]
