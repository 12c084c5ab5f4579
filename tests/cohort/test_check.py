"""`her2 cohort check`: everything that is wrong, with file, row, field and remedy."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, List

import pytest

from her2_core.bundle import Bundle, read_bundle, write_bundle
from her2_core.case import Case, Clinical, Outcome
from her2_core.cohort.check import Problem, check_cohort
from her2_core.cohort.folder import Cohort, read_cohort
from her2_core.errors import BadInput


@pytest.fixture
def copy(small_cohort: Cohort, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_cohort.path, tmp_path / "copy"))


def change_case(folder: Path, change: Callable[[Case], Case], number: int = 0) -> None:
    path = read_cohort(folder).entries[number].path
    bundle = read_bundle(path)
    case = change(bundle.case)
    kept = {(k.lesion_id, k.time_point, k.phase) for k in case.roi_keys}
    write_bundle(path, Bundle(case, tuple(r for r in bundle.rois if r.identity in kept)))


def found(problems: List[Problem]) -> List[Any]:
    return [(p.level, p.row, p.column) for p in problems]


def first_time_point_only(case: Case) -> Case:
    lesions = tuple(replace(s, observations=s.observations[:1]) for s in case.lesions if s.kind != "new")
    return replace(case, time_points=case.time_points[:1], lesions=lesions, markers=())


def test_a_phantom_cohort_has_no_problems(small_cohort: Cohort) -> None:
    steps: List[Any] = []
    assert check_cohort(small_cohort.path, progress=lambda *step: steps.append(step)) == []
    assert steps[-1] == (10, 10)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda c: replace(c, outcome=None), ("error", 1, "outcome")),
        (lambda c: replace(c, outcome=Outcome(20, True)), ("error", 1, "outcome.os_days")),
        (lambda c: replace(c, lesions=()), ("error", 1, "lesions")),
        (first_time_point_only, ("error", 1, "time_points")),
        (lambda c: replace(c, therapy_start_day=None), ("warning", 1, "therapy_start_day")),
        (lambda c: replace(c, clinical=Clinical(sex="male", centre="C1")), ("warning", 1, "clinical.her2")),
        (lambda c: replace(c, clinical=replace(c.clinical, centre=None)), ("warning", 1, "clinical.centre")),
    ],
)
def test_problem_of_a_case_is_found(copy: Path, change: Callable[[Case], Case], expected: Any) -> None:
    change_case(copy, change)
    assert found(check_cohort(copy)) == [expected]


def test_synthetic_cases_in_a_real_cohort_are_an_error(copy: Path) -> None:
    header = copy / "cohort.json"
    text = header.read_text(encoding="utf-8")
    header.write_text(text.replace('"synthetic": true', '"synthetic": false'), encoding="utf-8")
    problems = check_cohort(copy)
    assert found(problems) == [("error", row, "synthetic") for row in range(1, 11)]


def test_same_images_under_two_names_are_an_error(copy: Path) -> None:
    first, last = read_cohort(copy).entries[0], read_cohort(copy).entries[-1]
    bundle = first.load()
    write_bundle(last.path, Bundle(replace(bundle.case, case_id=last.case_id), bundle.rois))
    (problem,) = check_cohort(copy)
    assert (problem.level, problem.row, problem.column) == ("error", 10, "file")
    assert f"same pixels as row 1 ({first.case_id}, training)" in problem.what


def test_all_wrong_rows_are_listed_at_once(copy: Path) -> None:
    table = copy / "patients.csv"
    lines = table.read_text(encoding="utf-8").splitlines()
    lines[2] = lines[2].replace("training", "test")
    lines[4] = lines[4].replace(".her2", "")
    lines.append(lines[5])
    table.write_text("\n".join(lines), encoding="utf-8")
    problems = check_cohort(copy)
    assert found(problems) == [("error", 2, "cohort"), ("error", 4, "file"), ("error", 11, "case_id")]
    assert all(p.remedy for p in problems)


def test_damaged_bundle_is_listed_with_its_row(copy: Path) -> None:
    path = read_cohort(copy).entries[6].path
    path.write_bytes(b"no zip")
    (problem,) = check_cohort(copy)
    assert (problem.level, problem.row, problem.file) == ("error", 7, f"cases/{path.name}")


def test_bundle_without_a_row_is_a_warning(copy: Path) -> None:
    table = copy / "patients.csv"
    lines = table.read_text(encoding="utf-8").splitlines()
    table.write_text("\n".join(lines[:-1]) + "\n", encoding="utf-8")
    (problem,) = check_cohort(copy)
    assert problem.level == "warning"
    assert "is not listed" in problem.what


@pytest.mark.parametrize(("name", "text"), [("cohort.json", "{"), ("patients.csv", "a,b\n1,2\n")])
def test_unusable_file_is_one_problem(copy: Path, name: str, text: str) -> None:
    (copy / name).write_text(text, encoding="utf-8")
    (problem,) = check_cohort(copy)
    assert (problem.level, problem.file) == ("error", name)


def test_missing_folder_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such folder"):
        check_cohort(tmp_path / "nowhere")
