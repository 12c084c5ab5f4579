"""The study as a folder: one self-contained HTML page, every figure as SVG and PNG, every table as CSV."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Tuple

import jinja2

from her2_core import __version__
from her2_core.errors import BadInput
from her2_core.files import new_folder
from her2_core.study.attention import write_attention
from her2_core.study.contents import Picture, Section, StudyInput, sections
from her2_core.study.paper_numbers import SOURCE
from her2_core.study.scores import write_scores
from her2_core.study.table import write_csv

PAGE = "report.html"
TEMPLATES = Path(__file__).parent / "templates"
SYNTHETIC_MARK = "SYNTHETIC; research use only"
MARK = "research use only"


def write_study(given: StudyInput, out: Path) -> Path:
    """Write the report folder; one that stood there before is replaced when everything is ready.

    OUT/report.html, OUT/figures/*.svg and *.png, OUT/tables/*.csv, OUT/scores.csv, OUT/attention.json

    Args:
        given: scores, clinical data, nomograms.
        out: the folder.

    Returns:
        Path of the page.

    Raises:
        BadInput: `out` is a file or a folder that holds something else, or see `sections`.
    """
    _refuse_other_folder(out)
    found = sections(given)
    mark = SYNTHETIC_MARK if given.summary.synthetic else MARK
    with new_folder(out) as folder:
        (folder / PAGE).write_text(render(given, found), encoding="utf-8")
        for name in ("figures", "tables"):
            (folder / name).mkdir()
        for section in found:
            for table in section.tables:
                write_csv(table, folder / "tables" / f"{table.name}.csv", mark)
            for picture in section.pictures:
                _write_picture(picture, folder / "figures")
        write_scores(given.scores, folder / "scores.csv")
        if given.attentions:
            write_attention(given.attentions, folder / "attention.json")
    return out / PAGE


def render(given: StudyInput, found: Tuple[Section, ...]) -> str:
    """The page; all text is escaped, pictures and style are inside it."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["embedded"] = _embedded
    return environment.get_template("study.html.j2").render(
        summary=given.summary,
        scored=[(cohort, len(given.scores.of(cohort))) for cohort in given.scores.cohorts],
        sections=found,
        source=SOURCE,
        version=__version__,
        resamples=given.resamples,
        seed=given.seed,
    )


def _embedded(picture: Picture) -> str:
    kind, content = ("svg+xml", picture.svg) if picture.svg is not None else ("png", picture.png)
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _write_picture(picture: Picture, folder: Path) -> None:
    (folder / f"{picture.name}.png").write_bytes(picture.png)
    if picture.svg is not None:
        (folder / f"{picture.name}.svg").write_bytes(picture.svg)


def _refuse_other_folder(out: Path) -> None:
    """Only an empty folder or an earlier report is replaced."""
    if out.is_dir():
        if any(out.iterdir()) and not (out / PAGE).is_file():
            raise BadInput("is not empty and holds no study report", where=str(out), hint="Choose a new folder.")
    elif out.exists():
        raise BadInput("is a file", where=str(out), hint="Choose a new folder.")
