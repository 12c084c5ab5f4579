"""RECIST 1.1 on plain visits: thresholds, order of rules, nadir, and the paper's reading."""

from __future__ import annotations

from typing import Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from her2_core.response.recist import Target, Visit, assess, assess_paper, paper_visit

pytestmark = pytest.mark.light


def visit(*sizes: Optional[float], nodes: int = 0, name: str = "", **fields: object) -> Visit:
    """Sizes in mm of targets A, B, ..; the last `nodes` of them are lymph nodes."""
    first_node = len(sizes) - nodes
    targets = tuple(Target(chr(65 + i), mm, i >= first_node) for i, mm in enumerate(sizes))
    return Visit(name, targets, **fields)  # type: ignore[arg-type]


def responses(*visits: Visit) -> list[str]:
    return [a.overall for a in assess(visits)]


def test_exactly_minus_30_percent_is_partial_response() -> None:
    assert 0.7 * 90 < 63  # what makes the tolerance necessary
    assert responses(visit(90), visit(63)) == ["PR"]
    assert responses(visit(90), visit(63.01)) == ["SD"]


def test_exactly_plus_20_percent_with_5_mm_is_progression() -> None:
    assert responses(visit(25), visit(30)) == ["PD"]
    assert responses(visit(25), visit(29.99)) == ["SD"]


def test_plus_20_percent_needs_5_mm_in_absolute_terms() -> None:
    assert responses(visit(20), visit(24.9)) == ["SD"]
    assert responses(visit(20), visit(25)) == ["PD"]
    assert responses(visit(100), visit(119)) == ["SD"]
    assert responses(visit(100), visit(120)) == ["PD"]


def test_thresholds_hold_for_sums_that_are_inexact_in_floats() -> None:
    assert 1.2 * 41 > 49.2 - 1e-12
    assert responses(visit(13.7, 27.3), visit(16.44, 32.76)) == ["PD"]
    assert responses(visit(0.1 + 0.2, 89.7), visit(62.7, 0.3)) == ["PR"]


def test_progression_is_measured_from_the_smallest_earlier_sum() -> None:
    found = assess([visit(100), visit(50), visit(60), visit(58)])
    assert [a.overall for a in found] == ["PR", "PD", "PR"]
    assert [a.nadir_mm for a in found] == [100, 50, 50]


def test_baseline_counts_as_nadir() -> None:
    assert [a.nadir_mm for a in assess([visit(50), visit(80), visit(60)])] == [50, 50]


def test_an_incomplete_sum_is_never_the_nadir() -> None:
    found = assess([visit(50, 50), visit(20, None), visit(35, 35)])
    assert [a.overall for a in found] == ["NE", "PR"]
    assert found[1].nadir_mm == 100


def test_progression_stands_although_a_target_is_missing() -> None:
    found = assess([visit(50, 20), visit(84, None)])
    assert found[0].target == "PD"
    assert found[0].sum_mm is None
    assert "B was not measured" in found[0].reasons[0]


def test_a_missing_target_is_not_evaluable_below_progression() -> None:
    assert responses(visit(50, 20), visit(83.9, None)) == ["NE"]
    assert responses(visit(50, 20), visit(0, None)) == ["NE"]


def test_a_target_left_out_of_a_visit_was_not_measured() -> None:
    found = assess([visit(50, 20), visit(50)])
    assert found[0].overall == "NE"
    assert found[0].reasons == ("B was not measured",)


def test_complete_response_needs_every_node_below_10_mm() -> None:
    assert responses(visit(30, 20, nodes=1), visit(0, 9.9, nodes=1)) == ["CR"]
    assert responses(visit(30, 20, nodes=1), visit(0, 10, nodes=1)) == ["PR"]
    assert responses(visit(30, 20, nodes=1), visit(0.5, 9.9, nodes=1)) == ["PR"]


def test_complete_response_of_nodes_alone_keeps_a_sum_above_zero() -> None:
    found = assess([visit(16, nodes=1), visit(9, nodes=1)])
    assert found[0].overall == "CR"
    assert found[0].sum_mm == 9


def test_progression_comes_before_complete_response() -> None:
    assert responses(visit(16, nodes=1), visit(2, nodes=1), visit(9, nodes=1)) == ["CR", "PD"]


def test_a_lesion_that_comes_back_after_complete_response_is_progression_from_5_mm() -> None:
    assert responses(visit(60), visit(0), visit(5)) == ["CR", "PD"]
    assert responses(visit(60), visit(0), visit(4)) == ["CR", "PR"]


def test_an_incomplete_baseline_allows_no_partial_response_but_complete_response() -> None:
    assert responses(visit(50, None), visit(10, 10)) == ["NE"]
    assert responses(visit(50, None), visit(0, 0)) == ["CR"]


def test_a_new_lesion_is_progression_whatever_else() -> None:
    found = assess([visit(50), visit(0, new_lesion=True), visit(None, new_lesion=True)])
    assert [a.overall for a in found] == ["PD", "PD"]
    assert [a.target for a in found] == ["CR", "NE"]
    assert found[0].reasons[-1] == "a new lesion"


def test_non_targets_not_assessed_are_not_evaluable_if_there_were_some_at_baseline() -> None:
    baseline = visit(50, non_targets="present")
    assert assess([baseline, visit(50)])[0].non_target == "NE"
    assert responses(baseline, visit(50)) == ["SD"]
    assert responses(baseline, visit(0)) == ["PR"]
    assert responses(visit(50), visit(0)) == ["CR"]
    assert assess([visit(50), visit(0)])[0].non_target is None


def test_non_targets_that_were_absent_at_baseline_are_none() -> None:
    assert responses(visit(50, non_targets="absent"), visit(0)) == ["CR"]


def test_without_any_lesion_nothing_is_evaluable_until_one_appears() -> None:
    found = assess([visit(), visit(), visit(new_lesion=True)])
    assert [a.overall for a in found] == ["NE", "PD"]
    assert found[0].reasons == ("no lesion was chosen at baseline",)


def test_baseline_alone_has_no_response() -> None:
    assert assess([visit(50)]) == ()
    assert assess([]) == ()


@given(st.lists(st.floats(0, 200), min_size=1, max_size=5), st.data())
def test_the_order_of_the_targets_does_not_matter(sizes: list[float], data: st.DataObject) -> None:
    later = data.draw(st.lists(st.none() | st.floats(0, 200), min_size=len(sizes), max_size=len(sizes)))
    order = data.draw(st.permutations(range(len(sizes))))
    baseline, follow_up = visit(*sizes), visit(*later)
    shuffled = Visit("", tuple(follow_up.targets[i] for i in order))
    assert responses(baseline, shuffled) == responses(baseline, follow_up)


# The paper's reading: change from baseline to one follow-up.


def paper(baseline: Visit, follow_up: Visit) -> str:
    return assess_paper(baseline, follow_up).overall


@pytest.mark.parametrize(
    ("before", "after", "response"),
    [(90, 63, "PR"), (90, 63.1, "SD"), (90, 0, "PR"), (90, 108, "PD"), (90, 107.9, "SD"), (10, 12, "PD")],
)
def test_paper_thresholds_without_an_absolute_change(before: float, after: float, response: str) -> None:
    assert paper(visit(before), visit(after)) == response


def test_paper_looks_at_no_nadir_and_no_non_targets() -> None:
    visits = [visit(100), visit(50), visit(65, non_targets="unequivocal progression")]
    assert responses(*visits) == ["PR", "PD"]
    assert paper(visits[0], visits[2]) == "PR"


def test_paper_calls_a_new_lesion_progression() -> None:
    assert paper(visit(50), visit(0, new_lesion=True)) == "PD"


def test_paper_needs_targets_measured_at_both_visits() -> None:
    assert paper(visit(), visit()) == "NE"
    assert paper(visit(50, None), visit(20, 20)) == "NE"
    assert paper(visit(50, 20), visit(20, None)) == "NE"
    assert paper(visit(50, 20), visit(84, None)) == "PD"
    assert paper(visit(0), visit(0)) == "NE"


@pytest.mark.parametrize(("count", "name"), [(2, "1F"), (3, "2F"), (4, "2F"), (5, "2F")])
def test_paper_compares_with_the_second_follow_up_or_else_the_first(count: int, name: str) -> None:
    visits = [Visit(n) for n in ("BL", "1F", "2F", "3F", "4F")[:count]]
    chosen = paper_visit(visits)
    assert chosen is not None
    assert chosen.name == name


def test_paper_has_nothing_to_compare_at_baseline() -> None:
    assert paper_visit([Visit("BL")]) is None
