"""The report: complete, self-contained, escaped, and honest about what is missing."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Dict, List

import numpy as np
import pytest
from PIL import Image

from her2_core.bundle import Bundle, SaliencyBundle
from her2_core.prognosis import RESEARCH_USE_ONLY, SYNTHETIC, ModelRef, NomogramResult, Prognosis, QcNote
from her2_core.report.page import pictures, render, write_report
from support.bundles import bundle as make_bundle
from support.predictions import predicted


class Page(HTMLParser):
    """Text, images and table cells of a page; fails on what a report must not have."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text: List[str] = []
        self.images: List[Dict[str, str]] = []
        self.tags: List[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.append(tag)
        if tag == "img":
            self.images.append(dict(attrs))

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return make_bundle(rows=20, columns=30)


@pytest.fixture(scope="module")
def prognosis(bundle: Bundle) -> Prognosis:
    return predicted(bundle).prognosis


@pytest.fixture(scope="module")
def saliency(bundle: Bundle) -> SaliencyBundle:
    return predicted(bundle).saliency


def test_the_page_and_each_picture_are_written(
    tmp_path: Path, bundle: Bundle, prognosis: Prognosis, saliency: SaliencyBundle
) -> None:
    written = write_report(tmp_path, bundle, prognosis, saliency)
    assert [p.name for p in written] == ["report.html", "lesions.png", "risk.png", "attention.png"]
    assert all(Image.open(p).width > 300 for p in written[1:])


def test_the_page_needs_nothing_from_outside(bundle: Bundle, prognosis: Prognosis, saliency: SaliencyBundle) -> None:
    html = render(bundle.case, prognosis, pictures(bundle, prognosis, saliency))
    page = Page(html)
    assert not {"script", "link", "iframe"} & set(page.tags)
    assert len(page.images) == 3
    assert all(image["src"].startswith("data:image/png;base64,") and image["alt"] for image in page.images)
    assert not re.search(r"https?://", html)


def test_text_from_the_answer_is_escaped(bundle: Bundle, prognosis: Prognosis) -> None:
    hostile = replace(
        prognosis,
        model=ModelRef("<script>alert(1)</script>", "1", "0" * 64, "x"),
        qc=(QcNote("warning", "x", '"><img src=x onerror=alert(2)>'),),
    )
    page = Page(render(bundle.case, hostile, dict.fromkeys(("lesions.png", "risk.png", "attention.png"), b"")))
    assert "script" not in page.tags
    assert len(page.images) == 3
    assert "<script>alert(1)</script>" in page.words


@pytest.mark.parametrize("notice", [RESEARCH_USE_ONLY, f"{SYNTHETIC} {RESEARCH_USE_ONLY}"])
def test_the_notice_stands_at_both_ends(bundle: Bundle, prognosis: Prognosis, notice: str) -> None:
    images = dict.fromkeys(("lesions.png", "risk.png", "attention.png"), b"")
    html = render(bundle.case, replace(prognosis, notice=notice), images)
    assert Page(html).words.count(notice) == 2
    assert ("(SYNTHETIC)" in html[: html.index("</title>")]) is ("SYNTHETIC" in notice)


def test_a_missing_nomogram_shows_its_reason_and_no_number(bundle: Bundle, prognosis: Prognosis) -> None:
    reason = "baseline only: no response can be assessed"
    without = replace(prognosis, nomogram=NomogramResult(reason=reason))
    words = Page(render(bundle.case, without, dict.fromkeys(("lesions.png", "risk.png", "attention.png"), b""))).words
    assert words.count(reason) == 2
    assert "Total" not in words


def test_measurements_and_states_of_every_lesion_are_listed(bundle: Bundle, prognosis: Prognosis) -> None:
    words = Page(render(bundle.case, prognosis, dict.fromkeys(("lesions.png", "risk.png", "attention.png"), b""))).words
    for cell in ("P primary Stomach 40.0 × 22.5", "N1 target Lymph node 20.0 × 15.5", "X new Peritoneum – –"):
        assert cell in words


def test_saliency_is_drawn_where_the_map_is_bright(
    bundle: Bundle, prognosis: Prognosis, saliency: SaliencyBundle
) -> None:
    """Only the maps differ between the two pictures, and only their bright half may change colour."""
    dark = {name: np.zeros_like(values) for name, values in saliency.maps.items()}
    left = {name: np.where(np.arange(30) < 15, 1.0, 0.0) * np.ones((20, 1)) for name in saliency.maps}
    left = {name: values.astype(np.float16) for name, values in left.items()}
    before, after = (
        np.asarray(
            Image.open(
                io.BytesIO(pictures(bundle, prognosis, SaliencyBundle(saliency.case_id, maps))["lesions.png"])
            ).convert("RGB"),
            dtype=int,
        )
        for maps in (dark, left)
    )
    changed = np.abs(before - after).max(axis=2) > 8
    assert changed.any()
    coloured = after[changed]
    assert (coloured.max(axis=1) - coloured.min(axis=1) > 20).mean() > 0.9
