"""What an operator can set, checked before anything is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import FrozenSet, Optional

from her2_core.client import LOOPBACK_HOSTS
from her2_core.container import MAX_FILE_BYTES
from her2_core.errors import BadInput

SERVED_BY = "served_by"
"""Key of the app's `conf` by which it knows that our own server runs it, and not plain MONAI Label."""


@dataclass(frozen=True)
class ServerSettings:
    """Settings of one server process.

    Attributes:
        host: address to listen on; loopback only, as nothing else is safe without access control.
        port: 0 = any free one.
        model: model folder; None = where `find_model` looks.
        app_dir: folder of the MONAI Label app; None = the one of this source tree.
        queue_capacity: predictions admitted at once, running and waiting together.
        max_body_bytes: largest request body: a bundle and its multipart frame.
        log_level: of our own log.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    model: Optional[Path] = None
    app_dir: Optional[Path] = None
    queue_capacity: int = 8
    max_body_bytes: int = MAX_FILE_BYTES + 2**20
    log_level: str = "info"

    def __post_init__(self) -> None:
        if self.host not in LOOPBACK_HOSTS:
            raise BadInput(
                f"refuses to listen on {self.host}: whoever reaches that address could use the server.",
                where="--host",
                hint=f"Use one of {', '.join(LOOPBACK_HOSTS)}, and an SSH tunnel from other computers.",
            )
        if self.queue_capacity < 1:
            raise BadInput("at least one prediction must be admitted.", where="--queue")
        if not 0 <= self.port <= 65535:
            raise BadInput(f"{self.port} is not a port.", where="--port", hint="Use 1 to 65535, or 0 for any free one.")

    @property
    def host_names(self) -> FrozenSet[str]:
        """Host header values the server answers to."""
        return frozenset(LOOPBACK_HOSTS)
