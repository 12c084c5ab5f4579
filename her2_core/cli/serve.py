"""`her2 serve`: the prediction server."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any


def add_parser(commands: Any) -> None:
    """Register the command."""
    parser = commands.add_parser(
        "serve",
        help="start the prediction server",
        description="Start the prediction server on this computer. It prints its address when it is ready and runs "
        "until Ctrl-C. Other computers cannot reach it.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="loopback address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="port; 0 = any free one (default %(default)s)")
    parser.add_argument(
        "--model",
        metavar="DIR",
        type=Path,
        help="model folder (default: environment variable HER2_MODEL, else 'model' in the app's folder)",
    )
    parser.add_argument(
        "--app", metavar="DIR", type=Path, help="MONAI Label app (default: the one of this source tree)"
    )
    parser.add_argument("--queue", metavar="N", type=int, default=8, help="predictions admitted at once (default 8)")
    parser.add_argument("--log-level", choices=("debug", "info", "warning", "error"), default="info")
    parser.add_argument("--stop-with-stdin", action="store_true", help="also stop when standard input closes")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until stopped."""
    from her2_core.server.settings import ServerSettings

    settings = ServerSettings(
        host=arguments.host,
        port=arguments.port,
        model=arguments.model,
        app_dir=arguments.app,
        queue_capacity=arguments.queue,
        log_level=arguments.log_level,
    )
    from her2_core.server.run import serve

    serve(settings, partial(print, flush=True), stop_with_stdin=arguments.stop_with_stdin)
    return 0
