"""Every error of the server as problem details (RFC 9457), never a traceback, a server path or a value of the log."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any, Dict, Mapping, Optional

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from her2_core.errors import BadInput, Her2Error

MEDIA_TYPE = "application/problem+json"
_LOG = logging.getLogger("her2.server")


class Problem(Exception):
    """An error that is answered with problem details.

    Args:
        status: HTTP status.
        kind: stable short name, e.g. "unknown-case"; becomes the problem's type.
        title: the kind in words.
        detail: what was wrong this time.
        hint: what the caller can do.
        headers: additional header fields.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        title: str,
        detail: Optional[str] = None,
        hint: Optional[str] = None,
        headers: Optional[Mapping[str, str]] = None,
    ) -> None:
        super().__init__(title)
        self.status, self.kind, self.title = status, kind, title
        self.detail, self.hint, self.headers = detail, hint, dict(headers or {})

    def response(self) -> JSONResponse:
        """The answer."""
        body: Dict[str, Any] = {
            "type": f"urn:her2-response:problem:{self.kind}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "hint": self.hint,
        }
        return JSONResponse(
            {key: value for key, value in body.items() if value is not None},
            self.status,
            media_type=MEDIA_TYPE,
            headers=self.headers,
        )


def add_handlers(app: FastAPI) -> None:
    """Answer every exception with problem details."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(Her2Error, _her2_error)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ClientDisconnect, _disconnected)
    app.add_exception_handler(Exception, _unexpected)


def of_error(error: Her2Error) -> Problem:
    """Bad input is the caller's to mend (422); anything else is ours (500) and explained in the log only."""
    if isinstance(error, BadInput):
        detail = f"{error.where}: {error.what}" if error.where else error.what
        return Problem(422, "bad-input", "The data cannot be used", detail, error.hint)
    _LOG.error("request failed", extra={"error": str(error)})
    return Problem(500, "server-error", "The server could not do this", hint="The server's log says why.")


def _problem(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)  # noqa: S101 - narrows the type; registered for this class only
    return error.response()


def _her2_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Her2Error)  # noqa: S101 - as above
    return of_error(error).response()


def _validation(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return Problem(422, "bad-request", "The request is not valid", f"{place}: {first['msg']}").response()


def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    status = HTTPStatus(error.status_code)
    kind = status.phrase.lower().replace(" ", "-")
    hint = "GET /openapi.json lists the routes of this server." if status in (404, 405) else None
    return Problem(status, kind, status.phrase, hint=hint, headers=error.headers).response()


def _disconnected(_: Request, __: Exception) -> JSONResponse:
    """Nobody reads this answer; it only keeps an expected event out of the error log."""
    return Problem(400, "disconnected", "The client went away").response()


def _unexpected(_: Request, error: Exception) -> JSONResponse:
    _LOG.error("unexpected error", exc_info=error)
    return Problem(500, "server-error", "The server could not do this", hint="The server's log says why.").response()
