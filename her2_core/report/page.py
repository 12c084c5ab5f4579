"""`report.html` (self-contained: no script, no link to anywhere) and the pictures it shows."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any, Dict, List, Optional

import jinja2

from her2_core.bundle import Bundle, SaliencyBundle
from her2_core.case import Case, Observation
from her2_core.figures import to_png
from her2_core.prognosis import Prognosis
from her2_core.report.attention import attention_figure
from her2_core.report.lesions import lesion_figure
from her2_core.report.risk import risk_figure, survival_figure
from her2_core.survival.nomogram import Nomogram

TEMPLATES = Path(__file__).parent / "templates"


def pictures(
    bundle: Bundle, prognosis: Prognosis, saliency: SaliencyBundle, nomogram: Optional[Nomogram] = None
) -> Dict[str, bytes]:
    """All figures of one prediction as PNG, by file name; those without data are left out.

    Args:
        bundle: the case and its ROIs.
        prognosis: the answer for it.
        saliency: its Grad-CAM maps.
        nomogram: the fitted nomogram the answer used; without it the axes cannot be drawn.
    """
    notice = prognosis.notice
    found = {
        "lesions.png": to_png(lesion_figure(bundle, prognosis, saliency, notice)),
        "risk.png": to_png(risk_figure(prognosis, notice)),
        "attention.png": to_png(attention_figure(prognosis.attention, notice)),
    }
    if prognosis.nomogram.curve:
        found["survival.png"] = to_png(survival_figure(prognosis.nomogram, notice))
    if nomogram is not None and prognosis.nomogram.points:
        found["nomogram.png"] = _nomogram_png(nomogram, prognosis)
    return found


def _nomogram_png(nomogram: Nomogram, prognosis: Prognosis) -> bytes:
    from her2_core.survival.metrics import DAYS_PER_MONTH
    from her2_core.survival.plots import nomogram_figure

    figure = nomogram_figure(
        nomogram, patient=prognosis.nomogram.inputs, unit_length=DAYS_PER_MONTH, notice=prognosis.notice
    )
    return to_png(figure)


def render(case: Case, prognosis: Prognosis, images: Dict[str, bytes]) -> str:
    """The page; all text is escaped, pictures are embedded."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined
    )
    return environment.get_template("report.html.j2").render(
        p=prognosis,
        n=prognosis.nomogram,
        synthetic="SYNTHETIC" in prognosis.notice,
        images={name: "data:image/png;base64," + base64.b64encode(png).decode("ascii") for name, png in images.items()},
        time_points=case.time_points,
        lesions=[_lesion_row(case, index) for index in range(len(case.lesions))],
        values={name: _readable(value) for name, value in (prognosis.nomogram.inputs or {}).items()},
    )


def write_report(
    folder: Path,
    bundle: Bundle,
    prognosis: Prognosis,
    saliency: SaliencyBundle,
    nomogram: Optional[Nomogram] = None,
) -> List[Path]:
    """Write `report.html` and the PNGs into an existing folder; returns what was written, the page first."""
    images = pictures(bundle, prognosis, saliency, nomogram)
    page = folder / "report.html"
    page.write_text(render(bundle.case, prognosis, images), encoding="utf-8")
    written = [page]
    for name, png in images.items():
        (folder / name).write_bytes(png)
        written.append(folder / name)
    return written


def _lesion_row(case: Case, index: int) -> Dict[str, Any]:
    lesion = case.lesions[index]
    cells = [_cell(lesion.at(t.name)) for t in case.time_points]
    return {"id": lesion.lesion_id, "kind": lesion.kind, "organ": lesion.organ, "cells": cells}


def _cell(observation: Optional[Observation]) -> str:
    if observation is None:
        return "–"
    if observation.state != "measured":
        return observation.state
    if observation.long_mm is None:
        return "not measured"
    short = f" × {observation.short_mm:.1f}" if observation.short_mm is not None else ""
    return f"{observation.long_mm:.1f}{short}"


def _readable(value: Any) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)
