"""Our ASGI app on a real socket, in a thread of the test process."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any, Iterator

import uvicorn

from her2_core.server.app import create_app
from her2_core.server.settings import ServerSettings


@contextlib.contextmanager
def running(engine: Any, **settings: Any) -> Iterator[str]:
    """Address of a server with this engine."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    started = threading.Event()

    class Server(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            started.set()

    config = uvicorn.Config(create_app(ServerSettings(**settings), engine), log_config=None, access_log=False)
    server = Server(config)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        assert started.wait(20)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()
        assert not thread.is_alive()
