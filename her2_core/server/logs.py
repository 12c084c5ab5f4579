"""One JSON line per event on standard error, without anything that could name a patient.

A request is logged with its route ("/infer/{model}"), never its path, query, headers or body.
"""

from __future__ import annotations

import json
import logging
import time
from typing import Any, Dict

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LOG = logging.getLogger("her2.server")
_FIELDS = ("method", "route", "status", "ms", "error")


class JsonFormatter(logging.Formatter):
    """A log record as one JSON object: time, level, event and the known extra fields."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        entry: Dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        entry.update({name: getattr(record, name) for name in _FIELDS if hasattr(record, name)})
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry)


def configure_logging(level: str) -> None:
    """Send our log at `level`, and the warnings of all libraries, to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("her2").setLevel(level.upper())


class RequestLog:
    """ASGI middleware: one line per answered request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry point."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        status = 0

        async def watching(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watching)
        finally:
            _LOG.info(
                "request",
                extra={
                    "method": scope["method"],
                    "route": getattr(scope.get("route"), "path", None),
                    "status": status,
                    "ms": round(1000 * (time.perf_counter() - start), 1),
                },
            )
