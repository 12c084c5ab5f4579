"""Kaplan-Meier estimates of many bootstrap samples at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


def bootstrap_counts(n: int, resamples: int, seed: int) -> FloatArray:
    """(R, n): how often each bootstrap sample draws each of n patients; row 0 is the cohort itself (all ones)."""
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples)
    return np.vstack([np.ones((1, n)), drawn]).astype(np.float64)


def product_limit(
    time: FloatArray, happened: BoolArray, counts: FloatArray, at: FloatArray, *, before: bool = False
) -> FloatArray:
    """Kaplan-Meier probability that nothing has happened yet, per bootstrap sample.

    Args:
        time: (n,) times > 0.
        happened: (n,) what the curve counts: deaths, or censorings for the curve of staying under observation.
        counts: (R, n) how often each sample contains each patient.
        at: (m,) times to evaluate at.
        before: just before these times instead of at them.

    Returns:
        (R, m); the curve stays at its last value beyond the last patient.

    >>> product_limit(np.array([1.0, 2.0]), np.array([True, True]), np.ones((1, 2)), np.array([1.0, 2.0]))
    array([[0.5, 0. ]])
    """
    distinct, member = np.unique(time, return_inverse=True)
    at_time = np.zeros((len(time), len(distinct)))
    at_time[np.arange(len(time)), member] = 1.0
    events = (counts * happened) @ at_time  # (R, K)
    at_risk = np.cumsum((counts @ at_time)[:, ::-1], axis=1)[:, ::-1]  # (R, K)
    step = 1.0 - np.divide(events, at_risk, out=np.zeros_like(events), where=at_risk > 0)
    curve = np.concatenate([np.ones((len(counts), 1)), np.cumprod(step, axis=1)], axis=1)  # (R, 1 + K)
    result: FloatArray = curve[:, np.searchsorted(distinct, at, side="left" if before else "right")]
    return result
