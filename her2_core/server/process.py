"""`her2 serve` as a child process: started on a free loopback port, surely stopped at the end."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from types import TracebackType
from typing import IO, Any, Dict, Optional, Sequence, Type

from her2_core.errors import Her2Error

READY = "her2 serve: ready at "
"""The line `her2 serve` prints on standard output once it answers: this text, then its address."""
START_TIMEOUT_S = 300.0
STOP_TIMEOUT_S = 30.0


class ServerDidNotStart(Her2Error):
    """The server ended, or was not ready in time."""


class ServerProcess:
    """Context manager around a server; `url` is its address once entered.

    Its standard input is a pipe from this process: it stops when this process is gone, however that happened.

    Args:
        arguments: further arguments of `her2 serve`, e.g. ("--model", "DIR").
        start_timeout_s: longest time to load the model.

    Raises:
        ServerDidNotStart: on entering; the message is the server's own.
    """

    def __init__(self, arguments: Sequence[str] = (), start_timeout_s: float = START_TIMEOUT_S) -> None:
        self.url = ""
        self._command = [sys.executable, "-m", "her2_core.cli.main", "serve", "--port", "0", "--stop-with-stdin"]
        self._command += arguments
        self._start_timeout_s = start_timeout_s
        self._process: Optional[subprocess.Popen[str]] = None
        self._log: IO[str] = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self._lines: queue.Queue[Optional[str]] = queue.Queue()

    @property
    def pid(self) -> Optional[int]:
        """Process id while it runs."""
        return self._process.pid if self._process else None

    def __enter__(self) -> ServerProcess:
        try:
            self._start()
            self.url = self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Ask it to stop, insist after a while, and end its whole process group. May be called twice."""
        process, self._process = self._process, None
        if process is None:
            return
        try:
            assert process.stdin is not None  # noqa: S101 - Popen was told to make a pipe
            with contextlib.suppress(OSError):
                process.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_TIMEOUT_S)
        finally:
            _kill(process)
            self._log.close()

    def _start(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            **_own_group(),
        )
        threading.Thread(target=self._read_output, args=(self._process.stdout,), daemon=True).start()

    def _read_output(self, output: IO[str]) -> None:
        """On a thread of its own: a full pipe would block the server, and reading has no time-out on Windows."""
        with output:
            for line in output:
                self._lines.put(line)
        self._lines.put(None)

    def _wait_until_ready(self) -> str:
        while True:
            try:
                line = self._lines.get(timeout=self._start_timeout_s)
            except queue.Empty:
                raise ServerDidNotStart(f"the server was not ready after {self._start_timeout_s:g} s") from None
            if line is None:
                raise ServerDidNotStart(f"the server did not start: {self._last_message()}")
            if line.startswith(READY):
                return line[len(READY) :].strip()

    def _last_message(self) -> str:
        self._log.seek(0)
        lines = [line.strip() for line in self._log if line.strip()]
        return lines[-1] if lines else "it said nothing"


def _own_group() -> Dict[str, Any]:
    """Popen options: a Ctrl-C in the terminal reaches only us, and we can end the child with all of its children."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def _kill(process: subprocess.Popen[str]) -> None:
    if sys.platform == "win32":
        process.kill()
    else:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
