"""The transport outside Slicer: the requests library, one request at a time, finished before `send` returns."""

from __future__ import annotations

import io
import time
from typing import Any, Optional
from urllib.parse import urlsplit

from her2_core.client import LOOPBACK_HOSTS, MAX_ANSWER_BYTES, Done, Failed, HttpAnswer, HttpRequest, Pending, Progress
from her2_core.client import server_address as _server_address
from her2_core.client_errors import BadAnswer, ClientError, ServerUnreachable, TimedOut

CONNECT_TIMEOUT_S = 5.0
_BLOCK_BYTES = 2**16


class _Finished:
    """What `send` returns: there is nothing left to cancel."""

    def cancel(self) -> None:
        """Nothing to do."""


class _Counted(io.BytesIO):
    """A body that tells how much of it was read."""

    def __init__(self, body: bytes, progress: Progress) -> None:
        super().__init__(body)
        self._size, self._progress = len(body), progress

    def read(self, size: Optional[int] = -1) -> bytes:
        block = super().read(size)
        self._progress(self.tell(), self._size)
        return block


class RequestsTransport:
    """Carries requests with the requests library.

    Args:
        address: http(s)://host[:port]. A server on this computer is never asked through a proxy.

    Raises:
        BadInput: not a server address.
    """

    def __init__(self, address: str) -> None:
        import requests

        self.address = _server_address(address)
        self._session = requests.Session()
        if urlsplit(self.address).hostname in LOOPBACK_HOSTS:
            self._session.trust_env = False

    def send(self, request: HttpRequest, *, done: Done, failed: Failed, progress: Optional[Progress] = None) -> Pending:
        """Send and wait; see `Transport`."""
        try:
            answer = self._exchange(request, progress)
        except ClientError as error:
            failed(error)
        else:
            done(answer)
        return _Finished()

    def _exchange(self, request: HttpRequest, progress: Optional[Progress]) -> HttpAnswer:
        import requests

        deadline = time.monotonic() + request.timeout_s
        body: Any = _Counted(request.body, progress) if progress and request.body else request.body
        try:
            with self._session.request(
                request.method,
                self.address + request.path,
                headers=dict(request.headers),
                data=body,
                timeout=(CONNECT_TIMEOUT_S, request.timeout_s),
                allow_redirects=False,
                stream=True,
            ) as response:
                content = self._read(response, deadline)
                headers = {name.lower(): value for name, value in response.headers.items()}
                return HttpAnswer(response.status_code, headers, content)
        except requests.exceptions.ReadTimeout:
            raise self._late() from None
        except (requests.exceptions.RequestException, OSError) as error:
            raise ServerUnreachable(
                f"no server answers at {self.address} ({type(error).__name__}).",
                hint="Is it running ('her2 serve'), and is the address right?",
            ) from None

    def _read(self, response: Any, deadline: float) -> bytes:
        blocks, size = [], 0
        for block in response.iter_content(_BLOCK_BYTES):
            blocks.append(block)
            size += len(block)
            if size > MAX_ANSWER_BYTES:
                raise BadAnswer(
                    f"the answer is larger than {MAX_ANSWER_BYTES >> 20} MiB.",
                    hint="Is this the address of the prediction server?",
                )
            if time.monotonic() > deadline:
                raise self._late()
        return b"".join(blocks)

    def _late(self) -> TimedOut:
        return TimedOut(f"{self.address} did not answer in time.", hint="Try again; is the server overloaded?")
