"""The MONAI Label app with a real network, served by `her2 serve` and by plain MONAI Label."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Iterator

import numpy as np
import pytest
import requests
from monailabel.client import MONAILabelClient
from monailabel.client.client import MONAILabelClientException

from her2_core.bundle import Bundle, unpack_saliency, write_bundle
from her2_core.cli.main import main
from her2_core.client import Her2Client
from her2_core.client_errors import Refused
from her2_core.models.folder import load_model_folder, save_model_folder
from her2_core.predictor import Prediction, Predictor
from her2_core.prognosis import Prognosis
from her2_core.requests_transport import RequestsTransport
from her2_core.server.process import ServerDidNotStart, ServerProcess
from support.bundles import bundle
from support.cases import case, lesion
from support.model_folders import untrained_model

pytestmark = [pytest.mark.server, pytest.mark.filterwarnings("ignore::ResourceWarning")]

BUNDLE = bundle(rows=24, columns=20)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "m"
    save_model_folder(folder, untrained_model())
    return folder


@pytest.fixture(scope="module")
def expected(model: Path) -> Prediction:
    return Predictor(load_model_folder(model)).predict(BUNDLE)


@pytest.fixture(scope="module")
def url(model: Path) -> Iterator[str]:
    with ServerProcess(("--model", str(model))) as server:
        yield server.url


@pytest.fixture
def case_file(tmp_path: Path) -> Path:
    path = tmp_path / "case.her2"
    write_bundle(path, BUNDLE)
    return path


def close(answer: Prognosis, expected: Prognosis) -> bool:
    """Thread counts of the two processes may differ."""
    return (
        abs(answer.risk_probability - expected.risk_probability) < 1e-5
        and answer.model == expected.model
        and answer.saliency[3].member == expected.saliency[3].member
        and answer.notice == expected.notice
    )


def test_served_prediction_equals_the_one_made_here(url: str, expected: Prediction) -> None:
    answer = Her2Client(RequestsTransport(url)).predict(BUNDLE)
    assert close(answer.prognosis, expected.prognosis)
    for name, values in expected.saliency.maps.items():
        np.testing.assert_allclose(answer.saliency.maps[name].astype(float), values.astype(float), rtol=2e-3, atol=1e-5)


def test_info_names_the_model_in_monai_labels_form(url: str, expected: Prediction) -> None:
    info = Her2Client(RequestsTransport(url)).info()
    assert {"name", "description", "version", "labels", "models", "trainers", "strategies", "datastore"} <= set(info)
    found = info["models"]["her2_response"]
    assert found["type"] == "others"
    assert found["model"] == {"name": "test-model", "version": "1", "trained_on": "phantom"}
    assert "Research use only" in info["description"]


def test_info_does_not_name_paths_of_the_server(url: str, model: Path) -> None:
    text = requests.get(f"{url}/info/", timeout=30).text
    assert str(model) not in text
    assert "her2-studies" not in text
    assert str(Path.cwd()) not in text


def test_monai_labels_own_client_predicts(url: str, case_file: Path, tmp_path: Path, expected: Prediction) -> None:
    client = MONAILabelClient(url, tmpdir=str(tmp_path))
    assert "her2_response" in client.info()["models"]
    saved, params = client.infer("her2_response", "", {}, file=str(case_file))
    assert close(Prognosis.from_json(params), expected.prognosis)
    assert len(unpack_saliency(Path(saved).read_bytes()).maps) == len(BUNDLE.rois)


def test_a_case_without_a_baseline_box_is_refused(url: str) -> None:
    empty = case(lesion(times=("1F", "2F")))
    with pytest.raises(Refused):
        Her2Client(RequestsTransport(url)).predict(Bundle(empty, ()))


def test_command_line_predicts_with_the_model_folder_too(
    model: Path, case_file: Path, tmp_path: Path, expected: Prediction, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(case_file), "--model", str(model), "-o", str(tmp_path / "out"), "--json"]) == 0
    assert close(Prognosis.from_json(json.loads(capsys.readouterr().out)), expected.prognosis)
    assert (tmp_path / "out" / "saliency.her2").is_file()


@pytest.mark.slow
def test_a_damaged_model_is_told_in_one_line(model: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(model, damaged)
    (damaged / "ldlm.safetensors").write_bytes(b"x")
    with pytest.raises(ServerDidNotStart, match=r"ldlm\.safetensors: changed since the model was made"):
        ServerProcess(("--model", str(damaged))).__enter__()


# -- plain MONAI Label -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def plain(model: Path, tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Iterator[tuple[str, Path]]:
    """Address and log of `monailabel start_server` on an empty folder of studies."""
    folder = tmp_path_factory.mktemp("plain")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    app = shutil.copytree(repository / "apps" / "her2_response", folder / "app", ignore=shutil.ignore_patterns("model"))
    command = [sys.executable, "-m", "monailabel.main", "start_server", "--app", str(app)]
    command += ["--studies", str(folder / "studies"), "--conf", "model_dir", str(model)]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    log = folder / "log.txt"
    (folder / "home").mkdir()
    with log.open("w") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, cwd=folder, env={**os.environ, "HOME": str(folder / "home")}
        )
        try:
            _wait_for(f"http://127.0.0.1:{port}/info/", process, log)
            yield f"http://127.0.0.1:{port}", log
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """MONAI Label prints no line to wait for: ask until it answers, at most two minutes."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            if requests.get(url, timeout=5).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.2)
    pytest.fail(log.read_text())


def test_plain_monai_label_serves_the_app(
    plain: tuple[str, Path], case_file: Path, tmp_path: Path, expected: Prediction
) -> None:
    url, _ = plain
    client = MONAILabelClient(url, tmpdir=str(tmp_path))
    assert "her2_response" in client.info()["models"]
    saved, params = client.infer("her2_response", "", {}, file=str(case_file))
    assert close(Prognosis.from_json(params), expected.prognosis)
    assert len(unpack_saliency(Path(saved).read_bytes()).maps) == len(BUNDLE.rois)


def test_our_client_understands_plain_monai_label(plain: tuple[str, Path], expected: Prediction) -> None:
    answer = Her2Client(RequestsTransport(plain[0])).predict(BUNDLE)
    assert close(answer.prognosis, expected.prognosis)


def test_plain_monai_label_refuses_bad_bundles(plain: tuple[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "case.her2"
    path.write_bytes(b"no bundle")
    with pytest.raises(MONAILabelClientException):
        MONAILabelClient(plain[0], tmpdir=str(tmp_path)).infer("her2_response", "", {}, file=str(path))


def test_plain_start_says_what_is_missing(plain: tuple[str, Path]) -> None:
    text = " ".join(plain[1].read_text().split())
    assert "need 'her2 serve'" in text
