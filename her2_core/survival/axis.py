"""Tick values of a nomogram axis, as R's rms::nomogram chooses them."""

from __future__ import annotations

import math
from typing import Sequence, Tuple

MOST_DISTINCT = 10
"""Up to so many distinct values are shown one by one."""
INTERVALS = 10
"""Wanted number of intervals of a longer axis."""
_STEPS = ((5.0, 10.0, 1.5), (2.0, 5.0, 2.75), (1.0, 2.0, 1.5))
"""A step may become the next larger round one unless that overshoots the wanted step by more than bias times what the
smaller one falls short of it: (round step, next larger, bias), in units of the power of ten. The biases are the
defaults of R's `pretty` (high.u.bias = 1.5, u5.bias = 0.5 + 1.5 x 1.5)."""
_SLACK = 1e-10
"""Of one step: how far an end may lie beyond the last tick by rounding."""


def numeric_axis(values: Sequence[float]) -> Tuple[float, ...]:
    """Ticks for the values seen: the values themselves if at most 10 are distinct, else round numbers around them.

    >>> numeric_axis([0, 1, 1, 0])
    (0.0, 1.0)
    """
    distinct = sorted({float(v) for v in values})
    return tuple(distinct) if len(distinct) <= MOST_DISTINCT else pretty(distinct[0], distinct[-1], INTERVALS)


def pretty(low: float, high: float, intervals: int) -> Tuple[float, ...]:
    """Equally spaced round numbers (1, 2 or 5 times a power of ten apart) that cover low .. high, low < high.

    About `intervals` + 1 of them; the same as R's `pretty(c(low, high), n = intervals)`.

    >>> pretty(17, 44, 10)[:3], pretty(17, 44, 10)[-1]
    ((16.0, 18.0, 20.0), 44.0)
    """
    step = _round_step((high - low) / intervals)
    first, last = math.floor(low / step + _SLACK), math.ceil(high / step - _SLACK)
    return tuple(_multiple(k, step) for k in range(first, last + 1))


def _round_step(wanted: float) -> float:
    power = 10.0 ** math.floor(math.log10(wanted))
    chosen = 1.0
    for smaller, larger, bias in reversed(_STEPS):
        if larger * power - wanted >= bias * (wanted - smaller * power):
            break
        chosen = larger
    return chosen * power


def _multiple(count: int, step: float) -> float:
    """count x step without the dust of binary fractions (0.30000000000000004)."""
    digits = max(0, 1 - math.floor(math.log10(step)))
    return round(count * step, digits)
