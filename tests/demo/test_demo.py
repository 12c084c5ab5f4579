"""`her2 demo` as a user runs it: a real model, real DICOM, a real server, and nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Dict, List

import psutil
import pytest

from her2_core.bundle import read_bundle, unpack_saliency
from her2_core.prognosis import Prognosis

pytestmark = [pytest.mark.slow, pytest.mark.server]

FILES = {
    "attention.png",
    "case.her2",
    "lesions.png",
    "nomogram.png",
    "prognosis.json",
    "report.html",
    "risk.png",
    "saliency.her2",
    "survival.png",
}
LONGEST_S = 1200


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cache and temporary files of all demo runs: the model is trained once, in the first run."""
    folder = tmp_path_factory.mktemp("demo")
    (folder / "tmp").mkdir()
    return folder


def environment(place: Path) -> Dict[str, str]:
    return {**os.environ, "HER2_CACHE": str(place / "cache"), "TMPDIR": str(place / "tmp"), "COLUMNS": "120"}


def command(*arguments: str) -> List[str]:
    return [sys.executable, "-m", "her2_core.cli.main", "demo", *arguments]


def run_demo(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), env=environment(place), capture_output=True, text=True, timeout=LONGEST_S, check=False
    )


def left_behind(place: Path) -> List[str]:
    return [str(p.relative_to(place / "tmp")) for p in (place / "tmp").rglob("*")]


@pytest.fixture(scope="session")
def phantom_run(place: Path) -> subprocess.CompletedProcess[str]:
    return run_demo(place, "--out", str(place / "out"))


@pytest.fixture
def prognosis(place: Path, phantom_run: subprocess.CompletedProcess[str]) -> Prognosis:
    return Prognosis.from_json(json.loads((place / "out" / "prognosis.json").read_text()))


def test_the_demo_ends_well_and_writes_its_files(place: Path, phantom_run: subprocess.CompletedProcess[str]) -> None:
    assert phantom_run.returncode == 0, phantom_run.stderr[-2000:]
    assert {p.name for p in (place / "out").iterdir()} == FILES
    assert "report.html" in phantom_run.stdout


def test_the_models_c_index_is_printed_beside_the_oracles_and_beats_chance(
    phantom_run: subprocess.CompletedProcess[str],
) -> None:
    (line,) = [text for text in phantom_run.stdout.splitlines() if "C-index" in text and "oracle" in text]
    numbers = [float(word.strip(",;()")) for word in line.split() if word.strip(",;()").startswith("0.")]
    model, oracle = numbers[0], numbers[1]
    assert 0.6 < model < oracle < 0.95


def test_everything_the_demo_says_is_marked_synthetic(
    place: Path, phantom_run: subprocess.CompletedProcess[str], prognosis: Prognosis
) -> None:
    assert "SYNTHETIC" in phantom_run.stdout
    assert "SYNTHETIC" in prognosis.notice
    assert "SYNTHETIC" in (place / "out" / "report.html").read_text()


def test_the_prognosis_is_complete(place: Path, prognosis: Prognosis) -> None:
    assert prognosis.time_points_used == ("BL", "1F", "2F")
    assert [stage.name for stage in prognosis.by_time_points] == ["LDLM-BS", "LDLM-1F", "LDLM-2F"]
    assert prognosis.tdlm_score is not None
    assert prognosis.nomogram.variant == "Nomo-LDLM-2F"
    assert prognosis.nomogram.total_points == pytest.approx(sum((prognosis.nomogram.points or {}).values()))
    survival = list((prognosis.nomogram.survival or {}).values())
    assert survival == sorted(survival, reverse=True)
    assert sum(prognosis.attention.time_importance.values()) == pytest.approx(1, abs=1e-5)
    assert prognosis.recist.paper in ("PR", "SD", "PD")
    assert "unassigned_phase" not in [note.code for note in prognosis.qc]


def test_the_saliency_bundle_holds_a_map_for_each_roi(place: Path, prognosis: Prognosis) -> None:
    bundle = read_bundle(place / "out" / "case.her2")
    maps = unpack_saliency((place / "out" / "saliency.her2").read_bytes()).maps
    assert len(prognosis.saliency) == len(bundle.rois) == len(maps)
    assert {entry.member for entry in prognosis.saliency} == set(maps)
    assert all(maps[entry.member].shape == (entry.place.rows, entry.place.columns) for entry in prognosis.saliency)
    assert max(float(m.max()) for m in maps.values()) > 0


def test_the_bundle_names_nobody(place: Path, phantom_run: subprocess.CompletedProcess[str]) -> None:
    data = (place / "out" / "case.her2").read_bytes()
    assert b"PHANTOM" not in data
    assert b"2.25." not in data


def test_nothing_is_left_behind(place: Path, phantom_run: subprocess.CompletedProcess[str]) -> None:
    assert left_behind(place) == []
    servers = [p for p in psutil.process_iter(["cmdline"]) if str(place) in " ".join(p.info["cmdline"] or [])]
    assert servers == []


def test_real_pixels_go_the_same_way_with_a_warning_about_the_phase(
    place: Path, phantom_run: subprocess.CompletedProcess[str], shared_data: Path
) -> None:
    chest, out = shared_data / "chest_ct", place / "real"
    done = run_demo(place, "--out", str(out), "--dicom", str(chest / "dicom"), "--boxes", str(chest / "boxes.csv"))
    assert done.returncode == 0, done.stderr[-2000:]
    prognosis = Prognosis.from_json(json.loads((out / "prognosis.json").read_text()))
    codes = {note.code for note in prognosis.qc}
    assert {"unassigned_phase", "synthetic_case"} <= codes
    assert [(o.organ, o.phase) for o in prognosis.attention.objects] == [("Lung", "venous")]
    assert len(prognosis.saliency) == 3


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent as a POSIX signal")
def test_ctrl_c_stops_the_server_and_removes_everything(
    place: Path, phantom_run: subprocess.CompletedProcess[str]
) -> None:
    out = place / "interrupted"
    process = subprocess.Popen(
        command("--out", str(out)), env=environment(place), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "Crop" in line:  # the server is being started now
            break
    assert psutil.Process(process.pid).is_running()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors[-2000:]
    assert "interrupted" in errors
    assert "Traceback" not in errors
    assert not out.exists()
    assert left_behind(place) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--dicom", "nowhere"), "--dicom and --boxes belong together"),
        (("--dicom", "nowhere", "--boxes", "boxes.csv"), "boxes.csv"),
    ],
)
def test_wrong_input_is_told_in_one_line_before_any_training(arguments: tuple, message: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        cache = {**os.environ, "HER2_CACHE": folder}
        done = subprocess.run(command(*arguments), env=cache, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 2
        assert message in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
        assert not list(Path(folder).iterdir())
