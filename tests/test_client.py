from __future__ import annotations

import contextlib
import json
import socket
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

import numpy as np
import pytest

import her2_core.requests_transport as transport_module
from her2_core.bundle import SaliencyBundle, pack, pack_saliency, unpack
from her2_core.client import (
    Call,
    Her2Client,
    HttpAnswer,
    HttpRequest,
    Pending,
    health_call,
    info_call,
    predict_call,
    server_address,
)
from her2_core.client_errors import (
    BadAnswer,
    ClientError,
    Refused,
    ServerBusy,
    ServerFailed,
    ServerUnreachable,
    TimedOut,
)
from her2_core.errors import BadInput
from her2_core.multipart import Part, read_multipart, write_multipart
from her2_core.requests_transport import RequestsTransport
from support.bundles import bundle
from support.predictions import predicted

pytestmark = pytest.mark.light

BUNDLE = bundle()
OTHER_ID = "B" * 26


def answer(status: int = 200, body: Any = b"", content_type: str = "application/json", **headers: str) -> HttpAnswer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpAnswer(status, {"content-type": content_type, **headers}, content)


def prediction_answer(prognosis: Any = None, saliency: Any = None, leave_out: str = "") -> HttpAnswer:
    expected = predicted(BUNDLE)
    parts = {
        "params": Part(json.dumps((prognosis or expected.prognosis).to_json()).encode(), "application/json"),
        "image": Part(pack_saliency(saliency or expected.saliency), "application/octet-stream", "../../evil"),
    }
    parts.pop(leave_out, None)
    content_type, body = write_multipart(parts)
    return answer(200, body, content_type)


# -- building requests and reading answers (pure) ----------------------------------------------------------------------


def test_prediction_request_carries_the_bundle_and_no_names() -> None:
    request = predict_call(BUNDLE).request
    assert (request.method, request.path) == ("POST", "/infer/her2_response?output=all")
    parts = read_multipart(request.headers["Content-Type"], request.body)
    assert unpack(parts["file"].data).case == BUNDLE.case
    assert parts["file"].filename == "case.her2"
    assert json.loads(parts["params"].data) == {}
    assert set(request.headers) == {"Content-Type"}


def test_prediction_answer_is_read() -> None:
    expected = predicted(BUNDLE)
    prognosis, saliency = predict_call(BUNDLE).read(prediction_answer())
    assert prognosis == expected.prognosis
    np.testing.assert_array_equal(saliency.maps["saliency/0002.npy"], expected.saliency.maps["saliency/0002.npy"])


def test_answers_of_another_case_are_refused() -> None:
    expected = predicted(BUNDLE)
    foreign_numbers = replace(expected.prognosis, case_id=OTHER_ID)
    foreign_maps = SaliencyBundle(OTHER_ID, expected.saliency.maps)
    for wrong in (prediction_answer(foreign_numbers), prediction_answer(saliency=foreign_maps)):
        with pytest.raises(BadAnswer, match="another case"):
            predict_call(BUNDLE).read(wrong)


def test_maps_that_do_not_fit_the_prognosis_are_refused() -> None:
    fewer = SaliencyBundle(BUNDLE.case.case_id, dict(list(predicted(BUNDLE).saliency.maps.items())[:-1]))
    with pytest.raises(BadAnswer, match="do not fit"):
        predict_call(BUNDLE).read(prediction_answer(saliency=fewer))


@pytest.mark.parametrize(
    "wrong",
    [
        answer(200, {"ok": True}),
        answer(200, b"--b--", "multipart/form-data; boundary=b"),
        prediction_answer(leave_out="image"),
        prediction_answer(leave_out="params"),
        answer(200, b"<html>proxy</html>", "text/html"),
        answer(302, b"", location="http://elsewhere"),
    ],
)
def test_other_answers_are_bad_answers(wrong: HttpAnswer) -> None:
    with pytest.raises(BadAnswer):
        predict_call(BUNDLE).read(wrong)


def test_prognosis_with_a_wrong_value_is_a_bad_answer_with_its_place() -> None:
    content_type, body = write_multipart(
        {"params": Part(b'{"case_id": 5}', "application/json"), "image": Part(b"x", "application/octet-stream", "i")}
    )
    with pytest.raises(BadAnswer, match=r"prognosis\.case_id: must be a text"):
        predict_call(BUNDLE).read(answer(200, body, content_type))


def refused(status: int, body: Any, content_type: str = "application/problem+json", **headers: str) -> ClientError:
    with pytest.raises(ClientError) as caught:
        info_call().read(answer(status, body, content_type, **headers))
    return caught.value


def test_problem_details_become_the_message() -> None:
    error = refused(422, {"title": "The data cannot be used", "detail": "rois[2]: no", "hint": "Cut it again."})
    assert isinstance(error, Refused)
    assert isinstance(error, BadInput)  # exit code 2 on the command line
    assert str(error) == "the server refused the request: The data cannot be used: rois[2]: no. Cut it again."
    assert error.problem.status == 422


def test_busy_says_when_to_try_again() -> None:
    error = refused(503, {"title": "The server is busy"}, **{"retry-after": "7"})
    assert isinstance(error, ServerBusy)
    assert error.retry_after_s == 7.0
    odd = refused(503, {"title": "x"}, **{"retry-after": "Wed, 21 Oct"})
    assert isinstance(odd, ServerBusy)
    assert odd.retry_after_s == 1.0


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", "text/plain"),
        (b"{", "application/json"),
        (b"[1]", "application/json"),
        (b'{"title": 5}', "application/json"),
        (b"[" * 60_000, "application/json"),
    ],
)
def test_errors_without_problem_details_are_still_errors(body: bytes, content_type: str) -> None:
    error = refused(500, body, content_type)
    assert type(error) is ServerFailed
    assert "HTTP status 500" in str(error)


def test_hostile_problem_text_cannot_play_with_the_terminal() -> None:
    error = refused(400, {"title": "\x1b[2J" + "x" * 10_000, "detail": "a\nb"})
    assert "\x1b" not in str(error)
    assert "\n" not in str(error)
    assert len(str(error)) < 1200


def test_health_is_read_when_the_server_is_not_ready() -> None:
    assert health_call().read(answer(503, {"live": True, "ready": False})) == (True, False)
    assert health_call().read(answer(200, {"live": True, "ready": True})) == (True, True)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"[" * 200_000])
def test_info_that_is_not_an_object_is_a_bad_answer(body: bytes) -> None:
    with pytest.raises(BadAnswer):
        info_call().read(answer(200, body))


@pytest.mark.parametrize(
    "url", ["", "localhost:8000", "ftp://x", "http://", "http://x:99999", "http://u:p@x", "http://x?a=1", "http://[::1"]
)
def test_wrong_addresses_are_refused(url: str) -> None:
    with pytest.raises(BadInput, match="not a server address"):
        server_address(url)


def test_address_loses_its_trailing_slash() -> None:
    assert server_address(" https://host/her2/ ") == "https://host/her2"


# -- the transport contract --------------------------------------------------------------------------------------------


class LaterTransport:
    """As in Slicer: `send` returns at once, the answer comes later or is cancelled."""

    def __init__(self) -> None:
        self.waiting: List[Callable[[HttpAnswer], None]] = []
        self.requests: List[HttpRequest] = []

    def send(self, request: HttpRequest, *, done: Any, failed: Any, progress: Any = None) -> Pending:
        self.requests.append(request)
        self.waiting.append(done)
        return self

    def cancel(self) -> None:
        self.waiting.clear()


def test_answers_that_come_later_reach_their_callback() -> None:
    transport, results, errors = LaterTransport(), [], []  # type: ignore[var-annotated]
    client = Her2Client(transport)
    client.start(info_call(), results.append, errors.append)
    client.start(info_call(), results.append, errors.append)
    assert not results
    transport.waiting[0](answer(200, {"name": "x"}))
    transport.waiting[1](answer(404, {"title": "no"}))
    assert results == [{"name": "x"}]
    assert isinstance(errors[0], Refused)


def test_waiting_on_a_transport_that_does_not_wait_is_a_programming_error() -> None:
    with pytest.raises(RuntimeError, match="use start"):
        Her2Client(LaterTransport()).info()


def test_token_is_sent_with_every_request_and_only_then() -> None:
    for token, expected in ((None, None), ("secret", "Bearer secret")):
        transport = LaterTransport()
        Her2Client(transport, token).start(predict_call(BUNDLE), print, print)
        assert transport.requests[0].headers.get("Authorization") == expected


# -- the requests transport against a real socket ----------------------------------------------------------------------

Reply = Tuple[int, Dict[str, str], bytes]


@contextlib.contextmanager
def replying(reply: Callable[[str, bytes], Optional[Reply]]) -> Iterator[str]:
    """A web server that answers with `reply(path, body)`; None closes the connection."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            found = reply(self.path, body)
            if found is None:
                self.close_connection = True
                return
            status, headers, content = found
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if "Content-Length" not in headers:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _answer  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


JSON = {"Content-Type": "application/json"}


def get(url: str, timeout_s: float = 10.0) -> Dict[str, Any]:
    call = info_call()
    return Her2Client(RequestsTransport(url)).run(Call(replace(call.request, timeout_s=timeout_s), call.read))


def test_prediction_over_a_socket_with_upload_progress() -> None:
    def reply(path: str, body: bytes) -> Reply:
        boundary = body[2 : body.index(b"\r\n")].decode()
        sent = unpack(read_multipart(f"multipart/form-data; boundary={boundary}", body)["file"].data)
        expected = predicted(sent)
        content_type, content = write_multipart(
            {
                "params": Part(json.dumps(expected.prognosis.to_json()).encode(), "application/json"),
                "image": Part(pack_saliency(expected.saliency), "application/octet-stream", "s.her2"),
            }
        )
        return 200, {"Content-Type": content_type}, content

    steps: List[Tuple[int, int]] = []
    with replying(reply) as url:
        result = Her2Client(RequestsTransport(url)).predict(BUNDLE, lambda sent, total: steps.append((sent, total)))
    assert result.prognosis == predicted(BUNDLE).prognosis
    total = len(predict_call(BUNDLE).request.body)
    assert steps[-1] == (total, total)
    assert [s for s, _ in steps] == sorted(s for s, _ in steps)
    assert total > len(pack(BUNDLE))


def test_nobody_listening_is_unreachable() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(ServerUnreachable, match="her2 serve"):
            get(url)


def test_broken_connection_is_unreachable() -> None:
    with replying(lambda path, body: None) as url, pytest.raises(ServerUnreachable):
        get(url)


def test_answer_cut_off_is_unreachable() -> None:
    cut = (200, {**JSON, "Content-Length": "1000"}, b"{}")
    with replying(lambda path, body: cut) as url, pytest.raises(ServerUnreachable):
        get(url)


def test_silent_server_is_timed_out() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(TimedOut):
            get(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout_s=0.2)


def test_endless_answers_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport_module, "MAX_ANSWER_BYTES", 100_000)
    with replying(lambda path, body: (200, JSON, b" " * 300_000)) as url, pytest.raises(BadAnswer, match="larger than"):
        get(url)


def test_redirects_are_not_followed() -> None:
    seen: List[str] = []

    def reply(path: str, body: bytes) -> Reply:
        seen.append(path)
        return 307, {"Location": "/elsewhere"}, b""

    with replying(reply) as url, pytest.raises(BadAnswer):
        get(url)
    assert seen == ["/info/"]


def test_loopback_is_never_asked_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with replying(lambda path, body: (200, JSON, b'{"name": "x"}')) as url:
        assert get(url) == {"name": "x"}
