"""POST /infer/{model}: a case bundle in, prognosis and saliency maps out (MONAI Label's path and answer shape)."""

from __future__ import annotations

import json
from enum import Enum
from typing import Any, Dict

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import TypeAdapter, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile

from her2_core.bundle import Bundle, pack_saliency, unpack
from her2_core.case import CASE_ID, Case
from her2_core.errors import BundleError
from her2_core.multipart import Part, write_multipart
from her2_core.server.engine import Engine, Prediction
from her2_core.server.inference import InferenceQueue
from her2_core.server.problems import Problem

router = APIRouter()

KNOWN_QUERY = frozenset({"image", "session_id", "output"})
KNOWN_PARTS = frozenset({"params", "file"})
KNOWN_PARAMS = frozenset({"client_id"})
"""`client_id` is sent by MONAI Label's own client; it is accepted and not used."""
MAX_PARAMS_BYTES = 64 * 1024
SALIENCY_FILE_NAME = "saliency.her2"
_CASE = TypeAdapter(Case)

_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "file": {"type": "string", "format": "binary", "description": "case bundle (.her2)"},
                        "params": {"type": "string", "description": "JSON object of options", "default": "{}"},
                    },
                    "required": ["file"],
                    "additionalProperties": False,
                }
            }
        },
    }
}


class Output(str, Enum):
    """Which part of the answer is wanted."""

    json = "json"
    image = "image"
    all = "all"


@router.post("/infer/{model}", tags=["Infer"], summary="Predict one case", openapi_extra=_BODY, response_class=Response)
async def infer(
    request: Request, model: str, image: str = "", session_id: str = "", output: Output = Output.all
) -> Response:
    """Predict the case in part `file`; `output` chooses prognosis (json), saliency maps (image) or both (all)."""
    engine: Engine = request.app.state.engine
    queue: InferenceQueue = request.app.state.inference
    _check_address(request, engine, model, session_id)
    with queue.place():
        data = await _uploaded(request, image)
        bundle = await run_in_threadpool(_validated, data)
        del data
        prediction: Prediction = await queue.run(lambda: engine.predict(model, bundle))
        return await run_in_threadpool(_answer, prediction, output)


def _check_address(request: Request, engine: Engine, model: str, session_id: str) -> None:
    if model not in engine.model_names():
        known = ", ".join(sorted(engine.model_names()))
        raise Problem(404, "unknown-model", "There is no such model", hint=f"This server has: {known}.")
    unknown = sorted(set(request.query_params) - KNOWN_QUERY)
    if unknown:
        raise Problem(422, "bad-request", "Unknown query parameter", hint=f"Known: {', '.join(sorted(KNOWN_QUERY))}.")
    if session_id:
        raise Problem(404, "no-sessions", "This server keeps no sessions", hint="Send the case as part 'file'.")


async def _uploaded(request: Request, image: str) -> bytes:
    """The bundle's bytes; parts and options are checked first."""
    if image:
        await _refuse_stored_case(image)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "multipart/form-data":
        raise Problem(
            415, "not-multipart", "The body must be multipart/form-data", hint="Send the case as part 'file'."
        )
    async with request.form(max_files=1, max_fields=1, max_part_size=MAX_PARAMS_BYTES) as form:
        _check_parts(form)
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise Problem(422, "no-case", "There is no case in the request", hint="Send the case as part 'file'.")
        return await file.read()


async def _refuse_stored_case(image: str) -> None:
    if not CASE_ID.match(image):
        raise Problem(422, "bad-case-id", "'image' must be a case id", "26 characters A-Z, 2-7")
    raise Problem(404, "unknown-case", "There is no such case on this server", hint="Send the case as part 'file'.")


def _check_parts(form: FormData) -> None:
    names = [name for name, _ in form.multi_items()]
    if len(set(names)) != len(names) or not set(names) <= KNOWN_PARTS:
        raise Problem(422, "bad-request", "Unknown or repeated part", hint="Known: file, params, each once.")
    params = form.get("params", "{}")
    if isinstance(params, UploadFile):
        raise Problem(422, "bad-params", "'params' must be a text, not a file")
    try:
        options: Any = json.loads(params or "{}")
    except (ValueError, RecursionError):
        raise Problem(422, "bad-params", "'params' is not JSON") from None
    if not isinstance(options, dict):
        raise Problem(422, "bad-params", "'params' must be a JSON object")
    _check_options(options)


def _check_options(options: Dict[str, Any]) -> None:
    if not options.keys() <= KNOWN_PARAMS:
        raise Problem(422, "bad-params", "Unknown key in 'params'", hint=f"Known: {', '.join(sorted(KNOWN_PARAMS))}.")
    if not isinstance(options.get("client_id"), (str, type(None))):
        raise Problem(422, "bad-params", "'client_id' must be a text")


def _validated(data: bytes) -> Bundle:
    """Unpack and check; the case once more with pydantic, as the light part's own checks do not run everywhere."""
    bundle = unpack(data)
    try:
        _CASE.validate_json(json.dumps(bundle.case.to_json()))
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise BundleError("is not valid", where=f"case.{place}") from None
    return bundle


def _answer(prediction: Prediction, output: Output) -> Response:
    if output is Output.json:
        return JSONResponse(prediction.prognosis.to_json())
    maps = pack_saliency(prediction.saliency)
    if output is Output.image:
        return Response(maps, media_type="application/octet-stream")
    params = json.dumps(prediction.prognosis.to_json(), allow_nan=False).encode()
    content_type, body = write_multipart(
        {
            "params": Part(params, "application/json"),
            "image": Part(maps, "application/octet-stream", SALIENCY_FILE_NAME),
        }
    )
    return Response(body, media_type=content_type)
