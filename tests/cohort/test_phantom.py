"""Writing phantom cohorts: same bytes in any order and number of processes, truth apart, nothing half written."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Dict

import numpy as np
import pytest

from her2_core.cohort.folder import Cohort, read_cohort
from her2_core.cohort.latents import survival_probability
from her2_core.cohort.patients import draw_patient
from her2_core.cohort.phantom import write_phantom_cohort
from her2_core.cohort.truth import oracle_metrics, read_truth, truth_folder
from her2_core.errors import BadInput

SIZES = {"training": 3, "prospective": 2}


def content(folder: Path) -> Dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_two_processes_write_the_same_bytes_as_one(tmp_path: Path) -> None:
    one = write_phantom_cohort(tmp_path / "a" / "c", 5, SIZES, 1.6, workers=1)
    two = write_phantom_cohort(tmp_path / "b" / "c", 5, SIZES, 1.6, workers=2)
    assert content(one.path) == content(two.path)
    assert content(truth_folder(one.path)) == content(truth_folder(two.path))
    assert one.data_sha256() == two.data_sha256()


def test_a_larger_cohort_contains_the_smaller_one(tmp_path: Path, small_cohort: Cohort) -> None:
    larger = write_phantom_cohort(tmp_path / "c", 5, {"training": 6}, 1.6)
    smaller = {e.case_id: e.path.read_bytes() for e in small_cohort.of("training")}
    found = {e.case_id: e.path.read_bytes() for e in larger.entries}
    assert len(smaller) == 5
    assert all(found[name] == data for name, data in smaller.items())


def test_another_seed_gives_other_patients(tmp_path: Path, small_cohort: Cohort) -> None:
    other = write_phantom_cohort(tmp_path / "c", 6, {"training": 2}, 1.6)
    assert not {e.case_id for e in other.entries} & {e.case_id for e in small_cohort.entries}


def test_cohort_says_what_it_is(small_cohort: Cohort) -> None:
    header = json.loads((small_cohort.path / "cohort.json").read_text(encoding="utf-8"))
    assert header["schema"] == "her2-cohort/1"
    assert header["synthetic"] is True
    assert header["notice"].startswith("SYNTHETIC")
    assert (header["seed"], header["level"], header["pixel_mm"]) == (5, "roi", 1.6)
    assert header["sizes"] == {"training": 5, "internal": 2, "external": 3}
    assert all(b.case.synthetic for b in small_cohort.bundles())


def test_file_order_is_that_of_the_pseudonyms(small_cohort: Cohort) -> None:
    for name in ("training", "internal", "external"):
        ids = [e.case_id for e in small_cohort.of(name)]
        assert ids == sorted(ids)
    truth = [r["case_id"] for r in read_truth(small_cohort.path)]
    assert truth == sorted(truth)


def test_no_truth_in_the_folder_or_in_the_bundles(small_cohort: Cohort) -> None:
    numbers = [f"{float(r['log_hazard']):.6g}" for r in read_truth(small_cohort.path)]
    words = ["log_hazard", "hazard", "latent", "truth", "oracle", "survival_12m", "discordance", "activity", *numbers]
    for name, data in content(small_cohort.path).items():
        texts = [data]
        if name.endswith(".her2"):
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                texts = [archive.read(member) for member in archive.namelist() if member.endswith(".json")]
                assert archive.comment == b""
        for text in texts:
            for word in words:
                assert word.encode() not in text, (name, word)


def test_truth_is_what_the_patients_were_drawn_from(small_cohort: Cohort) -> None:
    rows = {r["case_id"]: r for r in read_truth(small_cohort.path)}
    assert len(rows) == 10
    for cohort, size in (("training", 5), ("external", 3)):
        for index in range(size):
            patient = draw_patient(5, cohort, index)
            row = rows[patient.case_id]
            assert row["log_hazard"] == patient.log_hazard
            assert row["latent trend"] == patient.latents.trend
            assert row["survival_12m"] == pytest.approx(float(survival_probability(patient.log_hazard)))


def test_oracle_metrics_are_those_of_the_truth(small_cohort: Cohort) -> None:
    metrics = oracle_metrics(small_cohort.path)
    assert list(metrics) == ["baseline", "1F", "2F", "2F unordered", "2F primary only", "2F targets only"]
    cases = {b.case.case_id: b.case for b in small_cohort.bundles()}
    rows = read_truth(small_cohort.path)
    good = pairs = 0.0
    for a in rows:
        for b in rows:
            first, second = cases[str(a["case_id"])].outcome, cases[str(b["case_id"])].outcome
            assert first is not None
            assert second is not None
            if first.death_observed and first.os_days < second.os_days:
                pairs += 1
                good += float(a["log_hazard"]) > float(b["log_hazard"])
    assert metrics["2F"]["concordance"] == pytest.approx(good / pairs)
    with pytest.raises(BadInput, match="no patients"):
        oracle_metrics(small_cohort.path, "prospective")


def test_folder_that_is_not_empty_is_refused_and_untouched(tmp_path: Path) -> None:
    target = tmp_path / "c"
    target.mkdir()
    (target / "mine.txt").write_text("keep", encoding="utf-8")
    with pytest.raises(BadInput, match="not empty"):
        write_phantom_cohort(target, 1, {"training": 1})
    assert content(tmp_path) == {"c/mine.txt": b"keep"}


def test_interrupted_writing_leaves_nothing_behind(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_phantom_cohort(tmp_path / "c", 1, {"training": 3}, 1.6, progress=stop)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("sizes", "pixel_mm", "message"),
    [
        ({"test": 3}, None, "unknown cohort 'test'"),
        ({"training": -1}, None, "size of training is -1"),
        ({"training": 0}, None, "has no patients"),
        ({}, None, "has no patients"),
        (None, 0.05, "pixel size 0.05 mm"),
        (None, float("nan"), "pixel size nan mm"),
    ],
)
def test_wrong_requests_are_refused(tmp_path: Path, sizes: object, pixel_mm: float, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        write_phantom_cohort(tmp_path / "c", 1, sizes, pixel_mm)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_progress_counts_every_patient(tmp_path: Path) -> None:
    seen = []
    write_phantom_cohort(tmp_path / "c", 1, {"internal": 2}, 1.6, progress=lambda *step: seen.append(step))
    assert seen == [(0, 2), (1, 2), (2, 2)]


def test_empty_folder_may_be_filled(tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    write_phantom_cohort(tmp_path / "c", 1, {"internal": 1}, 1.6)
    assert len(read_cohort(tmp_path / "c")) == 1


def test_truth_of_a_real_cohort_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="Only phantom cohorts have a truth"):
        read_truth(tmp_path)


def test_pixels_differ_between_patients(small_cohort: Cohort) -> None:
    means = [np.mean([roi.hu.mean() for roi in b.rois]) for b in small_cohort.bundles()]
    assert len(set(means)) == 10
