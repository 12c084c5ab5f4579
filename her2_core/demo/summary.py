"""What the demo says about the model and the result, in a few lines."""

from __future__ import annotations

from typing import Iterator

from her2_core.cohort.truth import oracle_metrics
from her2_core.demo.route import Walked
from her2_core.models.folder import load_model_folder
from her2_core.prognosis import Prognosis
from her2_core.training.demo_model import DemoModel

VALIDATION = "internal"
"""The phantom cohort that training never saw."""
SHOWN = ("LDLM-BS", "LDLM-1F", "LDLM-2F", "TDLM", "RECIST", "Nomo-w/o-TDLM", "Nomo-LDLM-2F")


def model_lines(demo: DemoModel) -> Iterator[str]:
    """How good the model is on patients it never saw, beside what perfect knowledge of the images would reach."""
    card = load_model_folder(demo.model).card
    found = {m.model: m for m in card.metrics if m.cohort == VALIDATION}
    oracle = oracle_metrics(demo.cohort, VALIDATION)["2F"]["concordance"]
    best = found["LDLM-2F"]
    yield f"  {'trained now' if demo.trained else 'taken from the cache'}: {demo.model}"
    yield f"  validation C-index: LDLM-2F {best.c_index:.3f}, oracle {oracle:.3f} ({best.patients} SYNTHETIC patients)"
    yield "  " + ", ".join(f"{name} {found[name].c_index:.3f}" for name in SHOWN if name in found)


def closing_lines(walked: Walked) -> Iterator[str]:
    """The result and where everything is."""
    yield "her2 demo: the result"
    yield from _result(walked.prediction.prognosis)
    yield "her2 demo: the files"
    for path in walked.files:
        yield f"  {path}"
    yield walked.prediction.prognosis.notice


def _result(prognosis: Prognosis) -> Iterator[str]:
    yield f"  risk of death within 12 months  {prognosis.risk_probability:.0%}"
    yield f"  LDLM score                      {prognosis.ldlm_score:.2f} (cut-off {prognosis.cutoff:.2f}): {prognosis.risk_group} risk"
    nomogram = prognosis.nomogram
    if nomogram.total_points is None:
        yield f"  nomogram                        none: {nomogram.reason}"
    else:
        yield f"  nomogram score                  {nomogram.total_points:.0f} (cut-off {nomogram.cutoff:.0f}): {nomogram.risk_group} risk"
        months = ", ".join(
            f"{m} months {'passed' if s is None else f'{s:.0%}'}" for m, s in (nomogram.survival or {}).items()
        )
        yield f"  predicted survival              {months}"
    yield f"  RECIST 1.1 / paper              {prognosis.recist.recist1_1 or '-'} / {prognosis.recist.paper or '-'}"
    for note in prognosis.qc:
        yield f"  {note.level}: {note.message}"
