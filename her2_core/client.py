"""Client of the prediction server (contract 2): what to send, how to read the answer, and who carries it.

A `Call` pairs a request with the reader of its answer; both are pure. A `Transport` carries requests: requests (the
library) outside Slicer, Qt inside, where threads hardly run and only callbacks keep the window alive.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any, Callable, Dict, Generic, List, Mapping, NamedTuple, Optional, Protocol, TypeVar
from urllib.parse import urlsplit

from her2_core.bundle import Bundle, SaliencyBundle, pack, unpack_saliency
from her2_core.client_errors import BadAnswer, ClientError, error_of
from her2_core.container import MAX_FILE_BYTES
from her2_core.errors import BadInput, Her2Error
from her2_core.multipart import MultipartError, Part, read_multipart, write_multipart
from her2_core.prognosis import Prognosis

MODEL = "her2_response"
MAX_ANSWER_BYTES = MAX_FILE_BYTES + 4 * 2**20
QUICK_TIMEOUT_S = 10.0
PREDICT_TIMEOUT_S = 600.0
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")

T = TypeVar("T")


@dataclass(frozen=True)
class HttpRequest:
    """One request.

    Attributes:
        method: GET, POST, PUT.
        path: path and query, relative to the server's address, e.g. "/info/".
        headers: header fields.
        body: the bytes to send.
        timeout_s: longest time for the whole answer.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    timeout_s: float = QUICK_TIMEOUT_S


@dataclass(frozen=True)
class HttpAnswer:
    """One answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Pending(Protocol):
    """A request under way."""

    def cancel(self) -> None:
        """Stop it; neither callback is called afterwards."""


Done = Callable[[HttpAnswer], None]
Failed = Callable[[Her2Error], None]
Progress = Callable[[int, int], None]


class Transport(Protocol):
    """Carries requests to one server; never follows redirects, never accepts more than MAX_ANSWER_BYTES.

    Exactly one of `done` (any HTTP status) and `failed` (ClientError) is called, before or after `send` returns,
    on the caller's thread. `progress` gets bytes sent and bytes in all.
    """

    def send(self, request: HttpRequest, *, done: Done, failed: Failed, progress: Optional[Progress] = None) -> Pending:
        """Start the request."""


@dataclass(frozen=True)
class Call(Generic[T]):
    """A request and the reader of its answer; `read` raises ClientError when the answer is not a success."""

    request: HttpRequest
    read: Callable[[HttpAnswer], T]


class Health(NamedTuple):
    """`live`: the process answers; `ready`: it can predict."""

    live: bool
    ready: bool


class Prediction(NamedTuple):
    """The answer to one case."""

    prognosis: Prognosis
    saliency: SaliencyBundle


def health_call() -> Call[Health]:
    """Is the server there? Needs no token."""

    def read(answer: HttpAnswer) -> Health:
        found = _json_object(answer, allowed=(200, 503))
        return Health(found.get("live") is True, found.get("ready") is True)

    return Call(HttpRequest("GET", "/her2/health"), read)


def info_call() -> Call[Dict[str, Any]]:
    """What the server offers, in MONAI Label's form."""
    return Call(HttpRequest("GET", "/info/"), _json_object)


def predict_call(bundle: Bundle, model: str = MODEL) -> Call[Prediction]:
    """One prediction with saliency maps.

    Raises:
        BundleError: the case is too large to send.
    """
    parts = {
        "params": Part(b"{}", "application/json"),
        "file": Part(pack(bundle), "application/octet-stream", "case.her2"),
    }
    content_type, body = write_multipart(parts)
    request = HttpRequest(
        "POST", f"/infer/{model}?output=all", {"Content-Type": content_type}, body, timeout_s=PREDICT_TIMEOUT_S
    )
    return Call(request, lambda answer: _read_prediction(answer, bundle))


class Her2Client:
    """One server, as seen through a transport.

    Args:
        transport: who carries the requests.
        token: access token; sent with every request.

    All methods raise a ClientError (`her2_core.client_errors`) that says what to do.
    """

    def __init__(self, transport: Transport, token: Optional[str] = None) -> None:
        self._transport = transport
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def start(
        self, call: Call[T], done: Callable[[T], None], failed: Failed, progress: Optional[Progress] = None
    ) -> Pending:
        """Send a call; `done` gets the read answer, `failed` the error. For transports that return at once."""

        def read(answer: HttpAnswer) -> None:
            try:
                result = call.read(answer)
            except Her2Error as error:
                failed(error)
            else:
                done(result)

        request = replace(call.request, headers={**call.request.headers, **self._headers})
        return self._transport.send(request, done=read, failed=failed, progress=progress)

    def run(self, call: Call[T], progress: Optional[Progress] = None) -> T:
        """Send a call and return its result. For transports that finish before `send` returns."""
        results: List[T] = []
        errors: List[Her2Error] = []
        self.start(call, results.append, errors.append, progress)
        if errors:
            raise errors[0]
        if not results:
            raise RuntimeError("this transport does not wait; use start()")
        return results[0]

    def health(self) -> Health:
        """Is the server there, and can it predict?"""
        return self.run(health_call())

    def info(self) -> Dict[str, Any]:
        """MONAI Label's description of the server."""
        return self.run(info_call())

    def predict(self, bundle: Bundle, progress: Optional[Progress] = None) -> Prediction:
        """Predict one case."""
        return self.run(predict_call(bundle), progress)


def server_address(url: str) -> str:
    """Check a server's address and remove a trailing slash.

    Raises:
        BadInput: not http(s)://host[:port][/path].
    """
    try:
        parts = urlsplit(url.strip())
        ok = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        ok = False
    if not ok or parts.query or parts.fragment or parts.username:
        raise BadInput(f"not a server address: {url[:100]!r}.", hint="Give it as http://127.0.0.1:8000.")
    return url.strip().rstrip("/")


def _json_object(answer: HttpAnswer, allowed: Any = (200,)) -> Dict[str, Any]:
    if answer.status not in allowed:
        raise error_of(answer.status, answer.headers, answer.body)
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise _strange("the answer is not a JSON object")
    return found


def _read_prediction(answer: HttpAnswer, sent: Bundle) -> Prediction:
    if answer.status != 200:
        raise error_of(answer.status, answer.headers, answer.body)
    try:
        parts = read_multipart(answer.headers.get("content-type", ""), answer.body)
        prognosis = Prognosis.from_json(json.loads(parts["params"].data))
        saliency = unpack_saliency(parts["image"].data)
    except KeyError as error:
        raise _strange(f"part {error} is missing") from None
    except (MultipartError, BadInput, ValueError, RecursionError) as error:
        raise _strange(str(error)) from None
    if {prognosis.case_id, saliency.case_id} != {sent.case.case_id}:
        raise _strange("the answer belongs to another case")
    shapes = {entry.member: (entry.place.rows, entry.place.columns) for entry in prognosis.saliency}
    if shapes != {name: values.shape for name, values in saliency.maps.items()}:
        raise _strange("the saliency maps do not fit the prognosis")
    return Prediction(prognosis, saliency)


def _strange(what: str) -> ClientError:
    return BadAnswer(f"the server's answer cannot be used: {what[:300]}.", hint="Do client and server versions match?")
