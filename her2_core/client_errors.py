"""What can go wrong between a workstation and its server; every error says what to do."""

from __future__ import annotations

import json
from typing import Mapping, NamedTuple, Optional

from her2_core.errors import BadInput, Her2Error

_MAX_TEXT = 500


class ClientError(Her2Error):
    """Base of the errors of a request."""


class ServerUnreachable(ClientError):
    """No server answers at this address, or the connection broke."""


class TimedOut(ClientError):
    """The server did not answer in time; it may still be working."""


class BadAnswer(ClientError):
    """Something answered, but not in our protocol."""


class ServerFailed(ClientError):
    """The server could not do it (5xx)."""


class ServerBusy(ServerFailed):
    """The server's queue is full (503). `retry_after_s`: when to try again."""

    retry_after_s: float = 1.0


class Problem(NamedTuple):
    """Problem details (RFC 9457) as our server writes them."""

    status: int
    title: str
    detail: Optional[str] = None
    hint: Optional[str] = None
    type: str = "about:blank"


class Refused(ClientError, BadInput):
    """The server refuses the request (4xx): sending the same again will not help."""

    problem: Problem = Problem(400, "Bad request")


def error_of(status: int, headers: Mapping[str, str], body: bytes) -> ClientError:
    """The error an answer that is not a success stands for.

    Args:
        status: HTTP status.
        headers: names in lower case.
        body: problem details, or anything.
    """
    if status < 400:
        return BadAnswer(
            f"the server answered with status {status}.", hint="Is this the address of the prediction server?"
        )
    problem = _problem(status, headers, body)
    what = f"{problem.title}: {problem.detail}" if problem.detail else problem.title
    if status == 503:
        busy = ServerBusy(f"the server is busy ({what})", hint=problem.hint or "Try again in a moment.")
        busy.retry_after_s = _seconds(headers.get("retry-after", ""))
        return busy
    if status >= 500:
        return ServerFailed(f"the server failed ({what})", hint=problem.hint or "Its log says why.")
    refused = Refused(f"the server refused the request: {what}", hint=problem.hint)
    refused.problem = problem
    return refused


def _problem(status: int, headers: Mapping[str, str], body: bytes) -> Problem:
    default = Problem(status, f"HTTP status {status}")
    if not headers.get("content-type", "").startswith(("application/problem+json", "application/json")):
        return default
    try:
        found = json.loads(body[: 64 * 1024])
    except (ValueError, RecursionError):
        return default
    if not isinstance(found, dict):
        return default
    title, detail, hint = (_text(found.get(key)) for key in ("title", "detail", "hint"))
    return Problem(status, title or default.title, detail, hint, _text(found.get("type")) or default.type)


def _text(value: object) -> Optional[str]:
    """A text for a terminal: printable, short, or None."""
    if not isinstance(value, str):
        return None
    return "".join(c if c.isprintable() else " " for c in value)[:_MAX_TEXT].strip() or None


def _seconds(text: str) -> float:
    return min(float(text), 600.0) if text.isascii() and text.isdigit() else 1.0
