"""Run the server: listen, load the model, say when it is ready, stop cleanly."""

from __future__ import annotations

import _thread
import contextlib
import os
import signal
import socket
import sys
import tempfile
import threading
from pathlib import Path
from types import FrameType
from typing import Any, Callable, Iterator, List, Optional, cast

import uvicorn

from her2_core.errors import BadInput
from her2_core.prognosis import RESEARCH_USE_ONLY
from her2_core.server.app import create_app
from her2_core.server.engine import Engine
from her2_core.server.location import find_app, find_model
from her2_core.server.logs import configure_logging
from her2_core.server.process import READY
from her2_core.server.settings import SERVED_BY, ServerSettings

GRACEFUL_STOP_S = 10


def serve(settings: ServerSettings, say: Callable[[str], None], stop_with_stdin: bool = False) -> None:
    """Serve until SIGINT or SIGTERM (or, if asked, until standard input closes); leaves nothing behind.

    Args:
        settings: where to listen, which model.
        say: prints a line for the user, at once; the line that starts with READY tells programs the address.
        stop_with_stdin: stop when the program that started this one is gone, however it ended.

    Raises:
        BadInput: no app, no model, or the port is taken.
        ModelError: the model is damaged.
    """
    configure_logging(settings.log_level)
    app_dir = find_app(settings.app_dir)
    model = find_model(str(settings.model) if settings.model else None, app_dir)
    say(f"HER2 Response. {RESEARCH_USE_ONLY}")
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.suppress(KeyboardInterrupt))
        stack.enter_context(_terminable())
        if stop_with_stdin:
            threading.Thread(target=_stop_when_stdin_closes, daemon=True).start()
        listener = stack.enter_context(_listen(settings))
        # MONAI Label's app class wants a folder of studies; nothing is stored in it.
        studies = stack.enter_context(tempfile.TemporaryDirectory(prefix="her2-studies-"))
        say(f"Loading the model in {model} ..")
        engine = load_engine(app_dir, model, studies)
        config = uvicorn.Config(
            create_app(settings, engine),
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=GRACEFUL_STOP_S,
        )
        _Server(config, lambda: say(f"{READY}{_url(settings.host, listener)}")).run([listener])
    say("Stopped.")


def load_engine(app_dir: Path, model: Path, studies: str) -> Engine:
    """MONAI Label's app object, without its sessions and file watching.

    Raises:
        BadInput, ModelError: the model cannot be loaded.
    """
    from monailabel.config import settings
    from monailabel.interfaces.utils.app import app_instance

    settings.MONAI_LABEL_SESSIONS = False
    settings.MONAI_LABEL_DATASTORE_AUTO_RELOAD = False
    conf = {"model_dir": str(model), SERVED_BY: "her2 serve"}
    return cast(Engine, app_instance(str(app_dir), studies, conf))


class _Server(uvicorn.Server):
    """uvicorn that tells when it listens."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: Optional[List[socket.socket]] = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()


def _listen(settings: ServerSettings) -> socket.socket:
    """Take the port before the model is loaded, so that a taken one is told at once."""
    family, kind, protocol, _, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # elsewhere this option would let two servers share the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise BadInput(
            f"cannot listen on {settings.host} port {settings.port} ({error.strerror}).",
            where="--port",
            hint="Is another server running? Use --port 0 for any free port.",
        ) from None
    return listener


def _url(host: str, listener: socket.socket) -> str:
    port = listener.getsockname()[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM ends the program as Ctrl-C does: through every `finally`."""

    def interrupt(_: int, __: Optional[FrameType]) -> Any:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _stop_when_stdin_closes() -> None:
    with contextlib.suppress(OSError):
        while os.read(sys.stdin.fileno(), 1024):
            pass
    if sys.platform == "win32":
        _thread.interrupt_main(signal.SIGTERM)
    else:  # a real signal also wakes a main thread that waits in a system call
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
