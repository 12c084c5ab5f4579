"""Tests of Table 1, against the paper's own numbers and against sums done by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from her2_core.errors import BadInput
from her2_core.study.group_tests import analysis_of_variance, contingency, kruskal_wallis, pairwise, signed_rank
from her2_core.study.paper_numbers import TABLE_1_AGE, TABLE_1_COUNTS, TABLE_1_P


def counts(name: str, without: str = "") -> np.ndarray:
    return np.array([row for level, row in TABLE_1_COUNTS[name].items() if level != without])


def test_sex_in_the_paper() -> None:
    result = contingency(counts("Sex"))
    assert result.test == "chi-square"
    assert f"{result.p:.3f}" == TABLE_1_P["Sex"] == "0.802"


def test_her2_in_the_paper() -> None:
    # One prospective patient is missing (8 + 24 of 33); the paper prints 0.180 where its counts give 0.181.
    result = contingency(counts("HER2 expression"))
    assert (result.test, f"{result.p:.3f}") == ("chi-square", "0.181")
    assert result.p == pytest.approx(float(TABLE_1_P["HER2 expression"]), abs=1.1e-3)


def test_line_of_therapy_in_the_paper_is_fisher_s_test() -> None:
    result = contingency(counts("Line of therapy"))
    assert result.test == "Fisher (simulated)"
    assert result.p == pytest.approx(float(TABLE_1_P["Line of therapy"]), abs=0.005)


def test_anatomic_position_in_the_paper_is_fisher_s_test_of_the_targets() -> None:
    # With the primary tumours, one per patient by definition, the same test gives 0.97.
    result = contingency(counts("Anatomic position", without="Stomach"))
    assert result.test == "Fisher (simulated)"
    assert result.p == pytest.approx(float(TABLE_1_P["Anatomic position"]), abs=0.006)
    assert contingency(counts("Anatomic position")).p == pytest.approx(0.97, abs=0.005)


def test_age_in_the_paper_does_not_follow_from_its_means_and_deviations() -> None:
    # A cohort of two clusters at mean +- s x sqrt((n - 1) / n) has exactly the mean and deviation; ANOVA needs no more.
    sizes = {"training": 91, "internal": 46, "external": 37, "prospective": 33}
    groups = []
    for cohort, n in sizes.items():
        mean, spread = TABLE_1_AGE[cohort]
        values = np.linspace(-1, 1, n)
        groups.append(mean + spread * (values - values.mean()) / values.std(ddof=1))
    assert analysis_of_variance(groups).p == pytest.approx(0.060, abs=5e-4)  # the paper prints 0.217


def test_a_two_by_two_table_is_tested_exactly() -> None:
    # Fisher's tea: 3 of 4 right. Tables as or less likely: 34 of 70 arrangements.
    assert contingency([[3, 1], [1, 3]]) == (pytest.approx(34 / 70), "Fisher")


def test_simulated_fisher_test_agrees_with_the_exact_one() -> None:
    # 2 x 3 with margins (3, 3) and (2, 2, 2): of the 20 equally likely draws the observed table (2 1 0 | 0 1 2) has
    # probability 2/20, the six of its kind 12/20, the one with 1 1 1 8/20. Observed or less likely: 12/20.
    assert contingency([[2, 1, 0], [0, 1, 2]]).p == pytest.approx(0.6, abs=0.006)


def test_empty_categories_do_not_count() -> None:
    table = [[30, 20, 0], [0, 0, 0], [20, 30, 0]]
    assert contingency(table) == (pytest.approx(stats.chi2.sf(4.0, 1)), "chi-square")  # 4 x 5^2 / 25
    assert contingency([[5, 6, 7]]).p is None


def test_kruskal_wallis_by_hand() -> None:
    # Ranks 1..3, 4..6, 7..9: H = 12 / (9 x 10) x (36 + 225 + 576) / 3 - 3 x 10 = 7.2
    assert kruskal_wallis([[1, 2, 3], [4, 5, 6], [7, 8, 9]]).p == pytest.approx(stats.chi2.sf(7.2, 2))
    assert kruskal_wallis([[1, 1], [1]]).p is None
    assert kruskal_wallis([[1, 2], []]).p is None


def test_wilcoxon_signed_rank_by_hand() -> None:
    # Five rises: rank sum 0 on one side, 2 of 2^5 sign patterns are as extreme.
    assert signed_rank([1, 2, 3, 4, 5], [2, 4, 6, 8, 10]).p == pytest.approx(2 / 32)
    assert signed_rank([1, 2], [1, 2]).p is None
    with pytest.raises(BadInput, match="two values each"):
        signed_rank([1, 2], [1])


def test_four_cohorts_make_six_pairs_and_the_paper_s_threshold() -> None:
    groups = {name: list(range(10 * k, 10 * k + 10)) for k, name in enumerate(("a", "b", "c", "d"))}
    found, threshold = pairwise(groups)
    assert len(found) == 6
    assert f"{threshold:.4f}" == "0.0083"
    assert all(p is not None and p < threshold for p in found.values())
