"""The hypothesis tests of Table 1: which one, and its p value (He 2024, Statistical analysis)."""

from __future__ import annotations

from itertools import combinations
from typing import Dict, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from her2_core.errors import BadInput

ALPHA = 0.05
LEAST_EXPECTED = 5.0
"""Chi-square needs expected counts of at least 5 in every cell; else Fisher's test is taken."""
FISHER_TABLES = 100_000
"""Random tables with the same margins for Fisher's test of more than 2 x 2 cells: p is good to +-0.003."""

Values = npt.NDArray[np.float64]


class GroupTest(NamedTuple):
    """p and the name of the test; p is None where there is nothing to compare."""

    p: Optional[float]
    test: str


def analysis_of_variance(groups: Sequence[npt.ArrayLike]) -> GroupTest:
    """One-way ANOVA: do the means of all groups agree?"""
    filled = _filled(groups)
    if len(filled) < 2 or min(map(len, filled)) < 2:
        return GroupTest(None, "ANOVA")
    return GroupTest(_finite(stats.f_oneway(*filled).pvalue), "ANOVA")


def kruskal_wallis(groups: Sequence[npt.ArrayLike]) -> GroupTest:
    """Kruskal-Wallis test: do the distributions of all groups agree?"""
    filled = _filled(groups)
    if len(filled) < 2 or len(np.unique(np.concatenate(filled))) < 2:
        return GroupTest(None, "Kruskal-Wallis")
    return GroupTest(_finite(stats.kruskal(*filled).pvalue), "Kruskal-Wallis")


def signed_rank(before: npt.ArrayLike, after: npt.ArrayLike) -> GroupTest:
    """Wilcoxon signed-rank test of paired values; pairs without a change are left out (Wilcoxon).

    Raises:
        BadInput: lengths differ.
    """
    first, second = np.asarray(before, dtype=float), np.asarray(after, dtype=float)
    if first.shape != second.shape:
        raise BadInput(f"pairs need two values each; got {len(first)} and {len(second)}")
    if not np.any(first != second):
        return GroupTest(None, "Wilcoxon signed-rank")
    return GroupTest(_finite(stats.wilcoxon(first, second).pvalue), "Wilcoxon signed-rank")


def contingency(counts: npt.ArrayLike, *, tables: int = FISHER_TABLES, seed: int = 0) -> GroupTest:
    """Is a category independent of the group? Pearson's chi-square, or Fisher's test where counts are small.

    Args:
        counts: (categories, groups) whole numbers; empty rows and columns are dropped.
        tables: random tables for Fisher's test beyond 2 x 2, where the exact sum is out of reach.
        seed: of these tables.
    """
    table = np.asarray(counts, dtype=np.int64)
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    if min(table.shape) < 2:
        return GroupTest(None, "chi-square")
    expected = stats.contingency.expected_freq(table)
    if expected.min() >= LEAST_EXPECTED:
        return GroupTest(float(stats.chi2_contingency(table, correction=False).pvalue), "chi-square")
    if table.shape == (2, 2):
        return GroupTest(float(stats.fisher_exact(table).pvalue), "Fisher")
    method = stats.MonteCarloMethod(n_resamples=tables, rng=np.random.default_rng(seed))
    return GroupTest(float(stats.fisher_exact(table, method=method).pvalue), "Fisher (simulated)")


def pairwise(groups: Dict[str, npt.ArrayLike]) -> Tuple[Dict[Tuple[str, str], Optional[float]], float]:
    """Every pair of groups by Kruskal-Wallis, and the Bonferroni threshold 0.05 / number of pairs.

    With the paper's four cohorts: six pairs, threshold 0.0083.
    """
    pairs = list(combinations(groups, 2))
    found = {(a, b): kruskal_wallis([groups[a], groups[b]]).p for a, b in pairs}
    return found, ALPHA / max(1, len(pairs))


def _filled(groups: Sequence[npt.ArrayLike]) -> Sequence[Values]:
    arrays = [np.asarray(g, dtype=np.float64) for g in groups]
    return [a for a in arrays if len(a)]


def _finite(p: float) -> Optional[float]:
    return float(p) if np.isfinite(p) else None
