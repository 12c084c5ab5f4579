"""`her2 predict`: one prediction, by a server or by a model folder on this computer."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, Iterator, Tuple

from her2_core.bundle import SUFFIX, Bundle, SaliencyBundle, pack_saliency, read_bundle
from her2_core.files import replacing
from her2_core.prognosis import Prognosis


def add_parser(commands: Any) -> None:
    """Register the command."""
    parser = commands.add_parser(
        "predict",
        help="predict one case",
        description="Predict one case bundle, by a running server or by a model folder on this computer.",
    )
    parser.add_argument("case", metavar="CASE.her2", type=Path, help="case bundle, e.g. from 'her2 crop'")
    engine = parser.add_mutually_exclusive_group()
    engine.add_argument("--server", metavar="URL", help="address of a running server")
    engine.add_argument(
        "--model",
        metavar="DIR",
        help="model folder (default: environment variable HER2_MODEL, else 'model' in the app's folder)",
    )
    parser.add_argument("-o", "--out", metavar="DIR", type=Path, help="write prognosis.json and saliency.her2 there")
    parser.add_argument("--json", action="store_true", help="print the prognosis as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Predict, write, print."""
    bundle = read_bundle(arguments.case)
    prognosis, saliency = _predict(arguments, bundle)
    text = json.dumps(prognosis.to_json(), indent=2, allow_nan=False)
    if arguments.out is not None:
        write_prediction(arguments.out, text, saliency)
    print(text if arguments.json else "\n".join(summary(prognosis)))
    return 0


def write_prediction(folder: Path, prognosis_json: str, saliency: SaliencyBundle) -> None:
    """Write prognosis.json and saliency.her2, each whole or not at all."""
    maps = pack_saliency(saliency)
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / f"saliency{SUFFIX}") as first, replacing(folder / "prognosis.json") as second:
        first.write_bytes(maps)
        second.write_text(prognosis_json + "\n", encoding="utf-8")


def summary(prognosis: Prognosis) -> Iterator[str]:
    """The result in a few lines."""
    model = prognosis.model
    yield f"Case {prognosis.case_id}, model {model.name} {model.version}, trained on {model.trained_on}"
    yield f"Time points used      {', '.join(prognosis.time_points_used)}"
    yield f"OS > 12 months        {prognosis.os_probability_12m:.3f}"
    yield f"LDLM score            {prognosis.ldlm_score:.3f} (cut-off {prognosis.cutoff:.3f}): {prognosis.risk_group} risk"
    yield f"TDLM score            {_number(prognosis.tdlm_score)}"
    yield f"RECIST 1.1 / paper    {prognosis.recist.recist1_1 or '-'} / {prognosis.recist.paper or '-'}"
    nomogram = prognosis.nomogram
    if nomogram.total_points is None:
        yield f"Nomogram              none: {nomogram.reason}"
    else:
        yield f"Nomogram              {nomogram.total_points:.1f} points ({nomogram.variant}): {nomogram.risk_group} risk"
        for months, survival in (nomogram.survival or {}).items():
            yield f"  survival {months:>2} months  {_number(survival)}"
    for note in prognosis.qc:
        yield f"{note.level}: {note.message}"
    yield prognosis.notice


def _predict(arguments: argparse.Namespace, bundle: Bundle) -> Tuple[Prognosis, SaliencyBundle]:
    if arguments.server:
        from her2_core.client import Her2Client
        from her2_core.requests_transport import RequestsTransport

        answer = Her2Client(RequestsTransport(arguments.server)).predict(bundle)
        return answer.prognosis, answer.saliency
    from her2_core.server.location import app_folder, find_model

    folder = find_model(arguments.model, app_folder())
    from her2_core.models.folder import load_model_folder
    from her2_core.predictor import Predictor

    prediction = Predictor(load_model_folder(folder)).predict(bundle)
    return prediction.prognosis, prediction.saliency


def _number(value: Any) -> str:
    return "-" if value is None else f"{value:.3f}"
