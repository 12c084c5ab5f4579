"""What is refused before a request is read: foreign hosts and origins, and bodies that are too large."""

from __future__ import annotations

from typing import Dict, FrozenSet, Optional
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from her2_core.server.problems import Problem


class Guard:
    """ASGI middleware in front of all routes.

    Args:
        app: the application behind it.
        hosts: host names this server answers to (guards against DNS rebinding).
        max_body_bytes: largest request body.
    """

    def __init__(self, app: ASGIApp, hosts: FrozenSet[str], max_body_bytes: int) -> None:
        self._app, self._hosts, self._max_body_bytes = app, hosts, max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry point."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        problem = self._refusal(headers)
        if problem is not None:
            await problem.response()(scope, receive, send)
            return
        await self._app(scope, self._limited(receive), send)

    def _refusal(self, headers: Dict[str, str]) -> Optional[Problem]:
        host = headers.get("host", "")
        if _host_name(host) not in self._hosts:
            return Problem(421, "unknown-host", "This server does not answer to that host name")
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            return Problem(403, "foreign-origin", "Requests from other web pages are refused")
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()):
            return Problem(400, "bad-request", "Content-Length is not a number")
        if int(length[:19]) > self._max_body_bytes:
            return self._too_large()
        return None

    def _limited(self, receive: Receive) -> Receive:
        """For bodies that do not say how long they are: stop reading at the limit."""
        received = 0

        async def limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_body_bytes:
                raise self._too_large()
            return message

        return limited

    def _too_large(self) -> Problem:
        limit = self._max_body_bytes >> 20
        return Problem(413, "too-large", "The request is too large", f"at most {limit} MiB are accepted")


def _host_name(host: str) -> str:
    """Host header without port; brackets of IPv6 addresses removed."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
