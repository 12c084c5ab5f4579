from __future__ import annotations

import pytest

from her2_core.response.from_case import assess_case, assess_case_paper, recist_result, visits_of
from support.measured import case, lesion

pytestmark = pytest.mark.light


def test_nodes_count_by_short_axis_and_all_others_by_long_axis() -> None:
    baseline = visits_of(case(lesion("N", "Lymph node", (30.0, 18.0)), lesion("H", "Liver", (40.0, 25.0))))[0]
    assert [t.mm for t in baseline.targets] == [18.0, 40.0]
    assert baseline.sum_mm == 58.0


def test_states_count_as_the_criteria_say() -> None:
    states = ("not visible", "too small", "not evaluable", None, 7.0)
    visits = visits_of(case(lesion("H", "Liver", *states), times=5))
    assert [v.targets[0].mm for v in visits] == [0.0, 5.0, None, None, 7.0]


def test_a_node_without_short_axis_was_not_measured() -> None:
    assert visits_of(case(lesion("N", "Lymph node", 30.0)))[0].missing == ("N",)


def test_the_stomach_primary_is_never_a_target() -> None:
    stomach = lesion("P", "Stomach", 60.0, 90.0, 120.0, kind="primary")
    found = assess_case(case(stomach, lesion("H", "Liver", 50.0, 50.0, 35.0)))
    assert [a.overall for a in found] == ["SD", "PR"]
    assert found[-1].sum_mm == 35.0


def test_a_new_lesion_is_progression_from_then_on() -> None:
    new = lesion("X", "Peritoneum", None, None, 9.0, kind="new")
    found = assess_case(case(lesion("H", "Liver", 50.0, 50.0, 20.0, 20.0), new, times=4))
    assert [a.overall for a in found] == ["SD", "PD", "PD"]


def test_a_new_lesion_noted_as_not_visible_is_no_finding() -> None:
    new = lesion("X", "Peritoneum", None, "not visible", "too small", kind="new")
    found = assess_case(case(lesion("H", "Liver", 50.0, 50.0, 50.0), new))
    assert [a.overall for a in found] == ["SD", "PD"]


def test_non_target_findings_come_from_the_time_points() -> None:
    findings = ("present", "absent", None, "unequivocal progression")
    found = assess_case(case(lesion("H", "Liver", 50.0, "not visible", 0.0, 0.0), times=4, non_targets=findings))
    assert [a.non_target for a in found] == ["CR", "NE", "PD"]
    assert [a.overall for a in found] == ["CR", "PR", "PD"]


def test_non_targets_alone_give_non_cr_non_pd() -> None:
    found = assess_case(case(times=3, non_targets=("present", "present", "absent")))
    assert [a.overall for a in found] == ["Non-CR/Non-PD", "CR"]


def test_result_gives_both_readings_and_the_sums() -> None:
    result = recist_result(case(lesion("H", "Liver", 100.0, 50.0, 65.0, 66.0), times=4))
    assert (result.paper, result.recist1_1) == ("PR", "PD")
    assert result.sum_mm == {"BL": 100.0, "1F": 50.0, "2F": 65.0, "3F": 66.0}
    assert result.recist1_1_by_time_point == {"1F": "PR", "2F": "PD", "3F": "PD"}
    assert result.reason is None


def test_result_with_one_follow_up_uses_it() -> None:
    result = recist_result(case(lesion("H", "Liver", 100.0, 50.0), times=2))
    assert (result.paper, result.recist1_1) == ("PR", "PR")


def test_result_of_the_baseline_alone_is_null_with_a_reason() -> None:
    one = case(lesion("H", "Liver", 100.0), times=1)
    result = recist_result(one)
    assert (result.paper, result.recist1_1) == (None, None)
    assert result.reason == "only the baseline examination is given"
    assert result.sum_mm == {"BL": 100.0}
    assert assess_case_paper(one) is None


def test_result_not_evaluable_by_the_paper_is_null_with_a_reason() -> None:
    result = recist_result(case(lesion("H", "Liver", 100.0, 90.0, "not evaluable")))
    assert result.paper is None
    assert result.recist1_1 == "NE"
    assert result.reason == "2F: H was not measured"
    assert result.sum_mm["2F"] is None


def test_result_without_targets_is_null_even_with_a_new_lesion() -> None:
    new = lesion("X", "Peritoneum", None, 9.0, kind="new")
    result = recist_result(case(new, times=2))
    assert (result.paper, result.recist1_1) == (None, "PD")
    assert result.reason == "1F: no target lesion at baseline"
