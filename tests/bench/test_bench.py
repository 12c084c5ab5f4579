"""The measuring itself: ratios, goals and comparison with an earlier run, without timing anything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from her2_core.bench import measure
from her2_core.bench.compare import read_results, worse_than
from her2_core.bench.measure import Result, compare_sizes, compare_times
from her2_core.bench.sample import ROIS, typical_bundle
from her2_core.cli.main import main
from her2_core.errors import BadInput


def result(ratio: float) -> Result:
    return Result("x", 1.0, "s", "y", ratio, 1.0, True)


def test_the_ratio_is_the_median_of_the_counted_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    durations = iter([100.0, 1.0, 2.0, 1.0, 3.0, 1.0, 9.0, 1.0])  # warm-up pair, then ratios 2, 3, 9

    monkeypatch.setattr(measure, "_seconds", lambda call: next(durations))
    found = compare_times("n", "a", 2.5, lambda: None, lambda: None, runs=3)
    assert (found.value, found.ratio, found.met) == (3.0, 3.0, False)


def test_sizes_meet_a_goal_exactly_at_the_limit() -> None:
    assert compare_sizes("n", "a", 0.5, 1, 2).met
    assert not compare_sizes("n", "a", 0.49, 1, 2).met


def test_only_a_ratio_more_than_a_tenth_worse_is_a_regression() -> None:
    assert worse_than([result(1.0)], [result(1.09)]) == []
    assert worse_than([result(1.0)], [result(1.11)]) == ["x: ratio 1.1100, was 1.0000"]


def test_results_survive_json(tmp_path: Path) -> None:
    file = tmp_path / "old.json"
    file.write_text(json.dumps([vars(result(0.5))]))
    assert read_results(file) == [result(0.5)]


@pytest.mark.parametrize("text", ["", "{}", '[{"name": 3}]'])
def test_a_file_that_is_no_earlier_run_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "old.json"
    file.write_text(text)
    with pytest.raises(BadInput, match=r"old\.json"):
        read_results(file)


def test_an_unknown_name_lists_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "nonsense"]) == 2
    assert "Known: predict, " in capsys.readouterr().err


def test_the_typical_case_has_its_22_rois() -> None:
    assert len(typical_bundle().rois) == ROIS


def test_bytes_entry_prints_a_ratio_that_can_be_checked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "bytes", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    raw = 22 * 3 * 86 * 86 * 2
    assert 0.5 * raw < row["value"] < raw
    assert row["met"] is (row["ratio"] <= 1 / 300)
