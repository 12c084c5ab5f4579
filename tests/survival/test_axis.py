from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from her2_core.survival.axis import numeric_axis, pretty


@pytest.mark.parametrize(
    ("low", "high", "intervals", "expected"),
    [  # pretty(c(low, high), n = intervals): worked by hand from the rule of the R manual
        (0, 1, 5, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (1, 10, 5, [0, 2, 4, 6, 8, 10]),
        (0, 18, 10, list(range(0, 20, 2))),
        (0, 30, 10, list(range(0, 35, 5))),
        (0, 14, 10, list(range(15))),
        (17, 44, 10, list(range(16, 46, 2))),
        (100, 133, 10, list(range(100, 140, 5))),
        (0.1, 0.9, 10, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]),
    ],
)
def test_pretty_ticks_follow_the_rule_of_r(low: float, high: float, intervals: int, expected: list[float]) -> None:
    assert list(pretty(low, high, intervals)) == expected


def test_up_to_ten_distinct_values_are_their_own_axis() -> None:
    assert numeric_axis([3, 1, 1, 2]) == (1, 2, 3)
    assert len(numeric_axis([v / 7 for v in range(10)])) == 10
    assert numeric_axis(list(range(11))) == tuple(range(11))
    assert numeric_axis([0.5 * v for v in range(11)]) == (0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5)


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.sampled_from([-4, 0, 3]))
def test_ticks_cover_the_range_evenly_with_round_steps(low: float, width: float, power: int) -> None:
    low, high = low * 10.0**power, (low + width) * 10.0**power
    assume(high - low > 1e-6 * abs(low))
    ticks = np.array(pretty(low, high, 10))
    step = (ticks[-1] - ticks[0]) / (len(ticks) - 1)
    assert ticks[0] <= low + 1e-9 * step + 1e-9 * abs(low)
    assert ticks[-1] >= high - 1e-9 * step - 1e-9 * abs(high)
    assert ticks[0] > low - 1.001 * step
    assert ticks[-1] < high + 1.001 * step
    assert np.allclose(np.diff(ticks), step, rtol=1e-6)
    leading = step / 10 ** np.floor(np.log10(step) + 1e-9)
    assert min(abs(leading - choice) for choice in (1, 2, 5, 10)) < 1e-4
    assert 5 <= len(ticks) <= 18
