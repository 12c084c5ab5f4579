"""Reading cohort folders: what is accepted, and what a user is told otherwise."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Callable

import pytest

from her2_core.cohort.folder import Cohort, CohortHeader, read_cohort, write_index
from her2_core.errors import BadInput


@pytest.fixture
def copy(small_cohort: Cohort, tmp_path: Path) -> Path:
    """A copy that may be broken."""
    return Path(shutil.copytree(small_cohort.path, tmp_path / "copy"))


def edit(path: Path, change: Callable[[str], str]) -> None:
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")


def rows(folder: Path) -> list:  # type: ignore[type-arg]
    return (folder / "patients.csv").read_text(encoding="utf-8").splitlines()


def test_cohort_reads_back(small_cohort: Cohort) -> None:
    again = read_cohort(small_cohort.path)
    assert again == small_cohort
    assert len(again) == 10
    assert [e.cohort for e in again.entries] == ["training"] * 5 + ["internal"] * 2 + ["external"] * 3
    assert [b.case.case_id for b in again.bundles("internal")] == [e.case_id for e in again.of("internal")]


def test_header_of_ones_own_cohort_needs_little(tmp_path: Path) -> None:
    write_index(tmp_path, CohortHeader("mine", False), [])
    value = json.loads((tmp_path / "cohort.json").read_text(encoding="utf-8"))
    (tmp_path / "cohort.json").write_text(
        json.dumps({k: value[k] for k in ("schema", "name", "synthetic")}), encoding="utf-8"
    )
    with pytest.raises(BadInput, match="holds no rows"):
        read_cohort(tmp_path)


def test_data_hash_sees_bytes_and_cohorts_and_not_the_order(copy: Path) -> None:
    before = read_cohort(copy).data_sha256()
    lines = rows(copy)
    (copy / "patients.csv").write_text("\n".join([lines[0], *lines[:0:-1]]) + "\n", encoding="utf-8")
    assert read_cohort(copy).data_sha256() == before
    (copy / "patients.csv").write_text("\n".join(lines).replace("internal", "external"), encoding="utf-8")
    assert read_cohort(copy).data_sha256() != before
    (copy / "patients.csv").write_text("\n".join(lines), encoding="utf-8")
    bundle = read_cohort(copy).entries[0].path
    bundle.write_bytes(bundle.read_bytes() + b"\0")
    assert read_cohort(copy).data_sha256() != before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.replace("training", "train", 1), "row 1, column cohort: 'train' is unknown. One of training"),
        (lambda t: t.replace("case_id,", "id,", 1), "column 'case_id' is missing"),
        (lambda t: t.replace("cases/", "../", 1), "row 1, column file: .* does not lie in the cohort folder"),
        (lambda t: t.replace("cases/", "/cases/", 1), "row 1, column file: .* does not lie in the cohort folder"),
        (lambda t: t.replace(".her2", ".her3", 1), r"row 1, column file: cases/.*\.her3 does not exist"),
        (lambda t: t + t.splitlines()[2] + "\n", "row 11, column case_id: .* is listed in row 2 too"),
        (lambda t: t + "abc,training,x\n", "row 11, column case_id: 'abc' is no case id"),
        (lambda t: t + "a,b\n", "row 11 .*has 2 values for 3 columns"),
        (lambda t: t.splitlines()[0], "holds no rows"),
    ],
)
def test_wrong_rows_are_named(copy: Path, change: Callable[[str], str], message: str) -> None:
    edit(copy / "patients.csv", change)
    with pytest.raises(BadInput, match=message):
        read_cohort(copy)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda _: "{", "cohort.json: is not JSON"),
        (lambda t: t.replace("her2-cohort/1", "her2-cohort/9"), "cohort.json.schema: must be one of her2-cohort/1"),
        (
            lambda t: t.replace('"synthetic": true', '"synthetic": "yes"'),
            "cohort.json.synthetic: must be true or false",
        ),
        (lambda t: t.replace('"name"', '"nam"'), "cohort.json: unknown key 'nam'"),
    ],
)
def test_wrong_headers_are_named(copy: Path, change: Callable[[str], str], message: str) -> None:
    edit(copy / "cohort.json", change)
    with pytest.raises(BadInput, match=message):
        read_cohort(copy)


def test_missing_files_are_named(copy: Path, tmp_path: Path) -> None:
    (copy / "patients.csv").unlink()
    with pytest.raises(BadInput, match=r"no readable patients\.csv"):
        read_cohort(copy)
    with pytest.raises(BadInput, match=r"no readable cohort\.json"):
        read_cohort(tmp_path / "nowhere")


def test_damaged_bundle_is_named_when_it_is_loaded(copy: Path) -> None:
    entry = read_cohort(copy).entries[3]
    entry.path.write_bytes(entry.path.read_bytes()[:500])
    with pytest.raises(BadInput, match=r"patients\.csv row 4, .*\.her2"):
        entry.load()


def test_bundle_of_another_patient_is_refused(copy: Path) -> None:
    first, second = read_cohort(copy).entries[:2]
    shutil.copyfile(second.path, first.path)
    with pytest.raises(BadInput, match=f"row 1.*the bundle is of case {second.case_id}, not {first.case_id}"):
        first.load()
