from __future__ import annotations

import asyncio
import json
import logging
import threading
from dataclasses import replace
from typing import Any, Dict, Iterator, List, Optional, Tuple

import httpx
import numpy as np
import pytest
from fastapi.testclient import TestClient

from her2_core.bundle import Bundle, pack, unpack_saliency
from her2_core.errors import BadInput, ModelError
from her2_core.multipart import read_multipart
from her2_core.prognosis import Prognosis
from her2_core.server.app import create_app
from her2_core.server.logs import JsonFormatter
from her2_core.server.routes import infer
from her2_core.server.settings import ServerSettings
from support.bundles import bundle, forged, rois_of
from support.cases import CASE_ID, changed, full_case
from support.predictions import FakeEngine, predicted

GOOD = pack(bundle())
URL = "/infer/her2_response"


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def client(engine: FakeEngine) -> Iterator[TestClient]:
    app = create_app(ServerSettings(), engine)
    with TestClient(app, base_url="http://127.0.0.1:8000", raise_server_exceptions=False) as client:
        yield client


def files(data: bytes = GOOD, params: Optional[str] = "{}", name: str = "case.her2") -> Dict[str, Any]:
    parts: Dict[str, Any] = {"file": (name, data, "application/octet-stream")}
    if params is not None:
        parts["params"] = (None, params)
    return parts


def problem(answer: httpx.Response, status: int, kind: str) -> Dict[str, Any]:
    assert answer.headers["content-type"] == "application/problem+json"
    body: Dict[str, Any] = answer.json()
    assert (answer.status_code, body["status"], body["type"]) == (status, status, f"urn:her2-response:problem:{kind}")
    assert body["title"]
    return body


def test_prediction_comes_back_as_two_parts(client: TestClient) -> None:
    answer = client.post(URL, params={"output": "all"}, files=files())
    assert answer.status_code == 200
    parts = read_multipart(answer.headers["content-type"], answer.content)
    assert set(parts) == {"params", "image"}
    expected = predicted(bundle())
    assert Prognosis.from_json(json.loads(parts["params"].data)) == expected.prognosis
    maps = unpack_saliency(parts["image"].data)
    assert maps.case_id == CASE_ID
    for name, values in expected.saliency.maps.items():
        np.testing.assert_array_equal(maps.maps[name], values)


def test_output_chooses_the_parts(client: TestClient) -> None:
    as_json = client.post(URL, params={"output": "json"}, files=files())
    assert as_json.json()["schema"] == "her2-prognosis/1"
    as_image = client.post(URL, params={"output": "image"}, files=files())
    assert len(unpack_saliency(as_image.content).maps) == 15
    default = client.post(URL, files=files(params=None))
    assert default.headers["content-type"].startswith("multipart/form-data")
    problem(client.post(URL, params={"output": "dicom_seg"}, files=files()), 422, "bad-request")


def test_the_engine_gets_the_pixels_that_were_sent(client: TestClient, engine: FakeEngine) -> None:
    client.post(URL, files=files())
    np.testing.assert_array_equal(engine.seen[0].rois[3].hu, bundle().rois[3].hu)


def test_info_and_health(client: TestClient) -> None:
    assert client.get("/info/").json()["models"].keys() == {"her2_response"}
    assert client.get("/her2/health").json() == {"live": True, "ready": True}


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        (b"", "not a bundle"),
        (b"PK\x03\x04 not really", "not a bundle"),
        (GOOD[:-1], "end of the bundle"),
        (forged(lambda d: changed(d, "case.case_id", "Smith")), "case.case_id"),
        (forged(lambda d: changed(d, "rois.0.place.rows", 11)), "place says 11"),
    ],
)
def test_bad_bundles_are_422_with_their_place(client: TestClient, engine: FakeEngine, data: bytes, detail: str) -> None:
    body = problem(client.post(URL, files=files(data)), 422, "bad-input")
    assert detail in body["detail"]
    assert not engine.seen


def test_case_is_checked_with_pydantic_too(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    case = full_case()
    wrong = replace(case, time_points=(replace(case.time_points[0]), *case.time_points[1:]))
    object.__setattr__(wrong.time_points[0], "day", 0.5)
    monkeypatch.setattr(infer, "unpack", lambda data: Bundle(wrong, rois_of(wrong)))
    body = problem(client.post(URL, files=files()), 422, "bad-input")
    assert body["detail"] == "case.time_points.0.day: is not valid"


@pytest.mark.parametrize(
    ("params", "kind"),
    [
        ("{", "bad-params"),
        ("[]", "bad-params"),
        ("[" * 60_000, "bad-params"),
        ('{"image": "/etc/passwd"}', "bad-params"),
        ('{"label": "x"}', "bad-params"),
        ('{"model": "x"}', "bad-params"),
        ('{"client_id": 5}', "bad-params"),
    ],
)
def test_options_are_an_object_of_known_keys(client: TestClient, params: str, kind: str) -> None:
    problem(client.post(URL, files=files(params=params)), 422, kind)


def test_known_options_pass(client: TestClient) -> None:
    for params in ("", "{}", '{"client_id": null}', '{"client_id": "ws-1"}'):
        assert client.post(URL, files=files(params=params)).status_code == 200


@pytest.mark.parametrize(
    ("query", "status", "kind"),
    [
        ({"image": CASE_ID}, 404, "unknown-case"),
        ({"image": "/etc/passwd"}, 422, "bad-case-id"),
        ({"image": "../../x"}, 422, "bad-case-id"),
        ({"session_id": "/srv"}, 404, "no-sessions"),
        ({"label": "/etc/passwd"}, 422, "bad-request"),
    ],
)
def test_image_label_and_session_cannot_name_paths(
    client: TestClient, query: Dict[str, str], status: int, kind: str
) -> None:
    problem(client.post(URL, params=query, files=files()), status, kind)
    problem(client.post(URL, params=query), status, kind)


def test_unknown_model_and_unknown_routes_are_404(client: TestClient) -> None:
    assert "her2_response" in problem(client.post("/infer/other", files=files()), 404, "unknown-model")["hint"]
    for path in ("/", "/docs", "/datastore/", "/train/", "/logs/", "/proxy/dicom/x", "/ohif/", "/session/", "/info"):
        problem(client.get(path), 404, "not-found")


def test_wrong_method_is_405(client: TestClient) -> None:
    answer = client.get(URL)
    problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize(
    "parts",
    [
        {"params": (None, "{}")},
        {**files(), "label": (None, "x")},
        {**files(), "label": ("label.nii.gz", b"x")},
        {"file": (None, "text")},
        {**files(), "params": ("params.json", b"{}")},
    ],
)
def test_missing_and_unknown_parts_are_refused(client: TestClient, engine: FakeEngine, parts: Any) -> None:
    answer = client.post(URL, files=parts)
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"
    assert not engine.seen


def test_repeated_parts_are_refused(client: TestClient) -> None:
    twice: List[Tuple[str, Any]] = [("file", ("a", GOOD)), ("params", (None, "{}")), ("params", (None, "{}"))]
    assert client.post(URL, files=twice).status_code == 400


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (GOOD, "application/octet-stream", 415),
        (b"{}", "application/json", 415),
        (b"nonsense", "multipart/form-data; boundary=x", 400),
        (b"nonsense", "multipart/form-data", 400),
    ],
)
def test_other_bodies_are_refused(client: TestClient, content: bytes, content_type: str, status: int) -> None:
    answer = client.post(URL, content=content, headers={"content-type": content_type})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def call_with_endless_body(headers: Dict[str, str]) -> Tuple[int, int]:
    """Status, and how often the app asked for more of a body that never ends."""
    app = create_app(ServerSettings(max_body_bytes=1000), FakeEngine())
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
    asked = 0
    sent: List[Dict[str, Any]] = []

    async def receive() -> Dict[str, Any]:
        nonlocal asked
        asked += 1
        return {"type": "http.request", "body": head if asked == 1 else b"x" * 100, "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = {"host": "127.0.0.1", "content-type": "multipart/form-data; boundary=x", **headers}
    scope = {
        "type": "http",
        "method": "POST",
        "path": URL,
        "raw_path": URL.encode(),
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    asyncio.run(asyncio.wait_for(app(scope, receive, send), 20))
    return sent[0]["status"], asked


def test_body_declared_too_large_is_refused_unread() -> None:
    assert call_with_endless_body({"content-length": "1001"}) == (413, 0)
    assert call_with_endless_body({"content-length": "9" * 5000}) == (413, 0)


def test_body_of_unknown_length_is_read_up_to_the_limit() -> None:
    status, asked = call_with_endless_body({"transfer-encoding": "chunked"})
    assert status == 413
    assert asked <= 11


def test_nonsense_length_is_refused_unread() -> None:
    assert call_with_endless_body({"content-length": "-1"}) == (400, 0)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[", "192.168.1.1:8000"])
def test_foreign_host_names_are_refused(client: TestClient, host: str) -> None:
    problem(client.get("/info/", headers={"host": host}), 421, "unknown-host")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8000", "LOCALHOST", "[::1]:9000"])
def test_loopback_host_names_are_served(client: TestClient, host: str) -> None:
    assert client.get("/info/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:9999", "http://localhost:8000"])
def test_foreign_origins_are_refused_and_cors_is_closed(client: TestClient, origin: str) -> None:
    problem(client.get("/info/", headers={"origin": origin}), 403, "foreign-origin")
    answer = client.options(URL, headers={"origin": origin, "access-control-request-method": "POST"})
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_own_origin_is_served(client: TestClient) -> None:
    assert client.get("/info/", headers={"origin": "http://127.0.0.1:8000"}).status_code == 200


# -- errors of the model -----------------------------------------------------------------------------------------------


def answer_with(error: Exception) -> httpx.Response:
    app = create_app(ServerSettings(), FakeEngine(error=error))
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        return client.post(URL, files=files())


def test_a_case_the_model_refuses_is_422() -> None:
    body = problem(answer_with(BadInput("no lesion has a box", where="case", hint="Draw one.")), 422, "bad-input")
    assert (body["detail"], body["hint"]) == ("case: no lesion has a box", "Draw one.")


@pytest.mark.parametrize("error", [ModelError("cannot read /srv/secret"), RuntimeError("/srv/secret"), MemoryError()])
def test_internal_errors_tell_nothing_of_the_server(error: Exception) -> None:
    answer = answer_with(error)
    problem(answer, 500, "server-error")
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text


# -- answering while inferring -----------------------------------------------------------------------------------------


def run_async(engine: FakeEngine, scenario: Any, **settings: Any) -> None:
    async def main() -> None:
        app = create_app(ServerSettings(**settings), engine)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=30) as client:
            await scenario(client)

    asyncio.run(main())


def test_everything_else_is_answered_while_an_inference_runs() -> None:
    gate = threading.Event()
    engine = FakeEngine(gate)

    async def scenario(client: httpx.AsyncClient) -> None:
        inference = asyncio.create_task(client.post(URL, files=files()))
        await asyncio.to_thread(engine.entered.wait, 20)
        for path in ("/info/", "/her2/health", "/nothing"):
            await client.get(path)
        assert not gate.is_set()
        assert not inference.done()  # all three came back before the inference could end
        gate.set()
        assert (await inference).status_code == 200

    run_async(engine, scenario)


def test_a_full_queue_is_503_with_retry_after_and_frees_again() -> None:
    gate = threading.Event()
    engine = FakeEngine(gate)

    async def scenario(client: httpx.AsyncClient) -> None:
        admitted = [asyncio.create_task(client.post(URL, files=files())) for _ in range(2)]
        await asyncio.to_thread(engine.entered.wait, 20)
        refused = await client.post(URL, files=files())
        problem(refused, 503, "busy")
        assert int(refused.headers["retry-after"]) >= 1
        gate.set()
        assert [a.status_code for a in await asyncio.gather(*admitted)] == [200, 200]
        assert (await client.post(URL, files=files(b"bad"))).status_code == 422
        assert (await client.post(URL, files=files())).status_code == 200

    run_async(engine, scenario, queue_capacity=2)


def test_inferences_run_one_at_a_time() -> None:
    running, most = 0, 0
    lock = threading.Lock()

    class Counting(FakeEngine):
        def predict(self, model: str, bundle: Any) -> Any:
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            result = predicted(bundle)
            with lock:
                running -= 1
            return result

    async def scenario(client: httpx.AsyncClient) -> None:
        answers = await asyncio.gather(*(client.post(URL, files=files()) for _ in range(6)))
        assert {a.status_code for a in answers} == {200}

    run_async(Counting(), scenario)
    assert most == 1


# -- logs and settings -------------------------------------------------------------------------------------------------


def test_log_has_routes_and_numbers_but_nothing_of_the_patient(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client.post(URL, files=files(name="/home/user/Smith^John.her2"))
    client.post(URL, params={"image": "SMITH-JOHN"}, files=files(forged(lambda d: changed(d, "case.Smith", 1))))
    ours = [r for r in caplog.records if r.name.startswith("her2")]
    lines = [json.loads(JsonFormatter().format(r)) for r in ours]
    assert [(e["route"], e["status"]) for e in lines] == [("/infer/{model}", 200), ("/infer/{model}", 422)]
    text = json.dumps(lines).lower()
    assert "smith" not in text
    assert CASE_ID.lower() not in text


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"host": "0.0.0.0"}, "--host"),  # noqa: S104 - it is refused
        ({"host": "192.168.1.5"}, "--host"),
        ({"port": 70000}, "--port"),
        ({"queue_capacity": 0}, "--queue"),
    ],
)
def test_unsafe_settings_are_refused(wrong: Dict[str, Any], where: str) -> None:
    with pytest.raises(BadInput, match=where):
        ServerSettings(**wrong)


def test_openapi_document_lists_our_routes_only(client: TestClient) -> None:
    assert set(client.get("/openapi.json").json()["paths"]) == {"/info/", "/her2/health", "/infer/{model}"}
