"""`her2 serve` as a real process: started, found, stopped, with nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Dict, List

import pytest
import requests

from her2_core.client import Her2Client
from her2_core.requests_transport import RequestsTransport
from her2_core.server.process import READY, ServerDidNotStart, ServerProcess
from support.bundles import bundle
from support.predictions import predicted

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(os.name != "posix", reason="looks at process groups and signals"),
]

APP = Path(__file__).parents[1] / "support" / "app"


@pytest.fixture
def arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> List[str]:
    """Arguments that serve the light app, with a temporary folder that can be looked into afterwards."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "card.json").write_text("{}")
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    return ["--app", str(APP), "--model", str(tmp_path / "model")]


def left_behind(tmp_path: Path) -> List[str]:
    return [p.name for p in (tmp_path / "tmp").iterdir() if p.name.startswith("her2")]


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_server_starts_answers_and_is_gone_afterwards(arguments: List[str], tmp_path: Path) -> None:
    with ServerProcess(arguments) as server:
        pid, client = server.pid, Her2Client(RequestsTransport(server.url))
        assert client.health() == (True, True)
        assert client.predict(bundle()).prognosis == predicted(bundle()).prognosis
        studies = Path(client.info()["studies"])
        assert studies.is_dir()
    assert pid is not None
    assert is_gone(pid)
    assert not studies.exists()
    assert not left_behind(tmp_path)
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{server.url}/her2/health", timeout=5)


def test_server_is_stopped_when_the_block_fails(arguments: List[str]) -> None:
    pid = None

    def interrupted() -> None:
        nonlocal pid
        with ServerProcess(arguments) as server:
            pid = server.pid
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert pid is not None
    assert is_gone(pid)


def test_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(ServerDidNotStart, match=r"holds no model .* Run 'make demo'"):
        ServerProcess(["--app", str(APP), "--model", str(tmp_path)]).__enter__()


def test_server_that_never_gets_ready_is_stopped_and_may_tidy_up(
    arguments: List[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_APP_LOADS_FOR_EVER", "1")
    server = ServerProcess(arguments, start_timeout_s=3)
    with pytest.raises(ServerDidNotStart, match="not ready after 3 s"):
        server.__enter__()
    assert server.pid is None
    assert not left_behind(tmp_path)  # it was asked, not killed


def serving(arguments: List[str], *more: str, **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "her2_core.cli.main", "serve", "--port", "0", *arguments, *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def read_until(process: subprocess.Popen[str], start: str) -> str:
    assert process.stdout is not None
    timer = threading.Timer(60, process.kill)
    timer.start()
    try:
        return next(line for line in process.stdout if line.startswith(start))
    finally:
        timer.cancel()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_signals_stop_a_serving_process_cleanly(arguments: List[str], tmp_path: Path, how: int) -> None:
    process = serving(arguments)
    url = read_until(process, READY)[len(READY) :].strip()
    assert requests.get(f"{url}/her2/health", timeout=10).json() == {"live": True, "ready": True}
    process.send_signal(how)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert out.endswith("Stopped.\n")
    assert not left_behind(tmp_path)
    for line in err.splitlines():
        json.loads(line)  # the log is JSON lines, nothing else


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_signals_stop_a_loading_process_cleanly(
    arguments: List[str], tmp_path: Path, how: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_APP_LOADS_FOR_EVER", "1")
    process = serving(arguments)
    read_until(process, "loading")
    assert left_behind(tmp_path)
    process.send_signal(how)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert not left_behind(tmp_path)


@pytest.mark.parametrize("loading", [False, True])
def test_server_stops_when_the_program_that_started_it_is_gone(
    arguments: List[str], tmp_path: Path, loading: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if loading:
        monkeypatch.setenv("TEST_APP_LOADS_FOR_EVER", "1")
    process = serving(arguments, "--stop-with-stdin", stdin=subprocess.PIPE)
    read_until(process, "loading" if loading else READY)
    assert process.stdin is not None
    process.stdin.close()
    process.stdin = None
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert not left_behind(tmp_path)


def test_idle_connection_does_not_keep_the_server_from_stopping(arguments: List[str]) -> None:
    process = serving(arguments)
    url = read_until(process, READY)[len(READY) :].strip()
    with socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1]))):
        assert requests.get(f"{url}/her2/health", timeout=10).ok
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err


def run(*arguments: str, environment: Dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "her2_core.cli.main", "serve", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, env={**os.environ, **environment}, check=False
    )


def test_bad_settings_are_one_line_and_exit_2(arguments: List[str], tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for wrong, message in (
            (["--port", port], "cannot listen on 127.0.0.1 port"),
            (["--host", "0.0.0.0"], "refuses to listen on 0.0.0.0"),  # noqa: S104
            (["--port", "99999"], "is not a port"),
            (["--app", str(tmp_path)], "holds no MONAI Label app"),
            (["--model", str(tmp_path)], "holds no model"),
        ):
            done = run(*arguments, *wrong, environment={})
            assert done.returncode == 2
            assert message in done.stderr
            assert len(done.stderr.splitlines()) == 1
    assert not left_behind(tmp_path)
