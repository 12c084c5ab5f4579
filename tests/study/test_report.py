"""The report folder as a reader finds it."""

from __future__ import annotations

import csv
import dataclasses
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Dict, List, Optional, Tuple

import pytest

from her2_core.errors import BadInput
from her2_core.study.attention import read_attention
from her2_core.study.contents import Section, StudyInput, sections
from her2_core.study.report import render, write_study
from her2_core.study.scores import ScoresTable, read_scores
from her2_core.study.table import Table
from support.study import simulated

STUDY = simulated(scale=0.5)
PNG = b"\x89PNG\r\n\x1a\n"


def given(**changes: object) -> StudyInput:
    values: Dict[str, object] = {
        "attentions": STUDY.attentions, "examples": {"Patient <I>": PNG}, "resamples": 20, **changes,
    }  # fmt: skip
    return StudyInput(STUDY.scores, STUDY.summary, STUDY.nomograms, **values)  # type: ignore[arg-type]


class Links(HTMLParser):
    """Sources and links of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.sources: List[str] = []
        self.links: List[str] = []
        self.tags: List[str] = []

    def handle_starttag(self, tag: str, attrs: List[Tuple[str, Optional[str]]]) -> None:
        values = dict(attrs)
        self.tags.append(tag)
        self.sources += filter(None, [values.get("src")])
        self.links += filter(None, [values.get("href")])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    extra = Table("table_s5_lesions", "Table S5 <ablation>", ("Model", "C-index"), (("<b>only</b>", "0.7"),))
    out = tmp_path_factory.mktemp("study") / "report"
    write_study(given(extra=[Section("Ablations", "", (extra,))]), out)
    return out


def test_the_page_is_self_contained_and_every_link_leads_to_a_file(folder: Path) -> None:
    page = Links()
    page.feed((folder / "report.html").read_text(encoding="utf-8"))
    assert "script" not in page.tags
    assert "link" not in page.tags
    assert len(page.sources) >= 12
    assert all(source.startswith("data:image/") for source in page.sources)
    files = [link for link in page.links if not link.startswith("#")]
    assert len(files) > 30
    assert all((folder / link).is_file() for link in files)


def test_all_tables_and_figures_of_the_paper_are_there(folder: Path) -> None:
    names = {path.name for path in folder.rglob("*.*")}
    assert {f"{table}.csv" for table in ("table_1_characteristics", "table_2_models", "table_3_performance")} <= names
    for figure in ("2_ldlm_stages", "3a_nomo_ldlm_2f", "3b_calibration_nomo_ldlm_2f", "4a_roc", "4b_waterfall_ldlm_2f"):
        assert {f"figure_{figure}.svg", f"figure_{figure}.png"} <= names
    for figure in ("6a_organ_attention", "6b_time_attention", "s6_cohorts", "s7a_nomo_wo_tdlm", "s8_recist"):
        assert {f"figure_{figure}.svg", f"figure_{figure}.png"} <= names
    assert "figure_5_patient_1.png" in names
    assert (folder / "figures" / "figure_4a_roc.png").read_bytes().startswith(PNG)
    assert "<svg" in (folder / "figures" / "figure_4a_roc.svg").read_text(encoding="utf-8")


def test_everything_says_synthetic(folder: Path) -> None:
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert page.count("SYNTHETIC: computer-generated") == 2
    assert "<title>HER2 Response study: simulated (SYNTHETIC)</title>" in page
    for path in (folder / "tables").glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert rows
        assert {row["notice"] for row in rows} == {"SYNTHETIC; research use only"}


def test_text_from_outside_is_escaped(folder: Path) -> None:
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Patient &lt;I&gt;" in page
    assert "&lt;b&gt;only&lt;/b&gt;" in page
    assert "<b>only" not in page


def test_scores_and_attention_go_with_the_report(folder: Path) -> None:
    assert read_scores(folder / "scores.csv") == STUDY.scores
    assert read_attention(folder / "attention.json") == STUDY.attentions


def test_the_same_input_makes_the_same_page() -> None:
    small = two_cohorts()
    first, second = (render(small, sections(small)) for _ in range(2))
    assert first == second
    assert not re.search(r"20\d\d-\d\d-\d\d", first)


def test_given_cut_offs_are_used() -> None:
    found = sections(two_cohorts(cutoffs={"LDLM-2F": 0.123}))
    table = next(t for s in found for t in s.tables if t.name == "figure_2_risk_groups")
    assert {row[1] for row in table.rows if row[0] == "LDLM-2F"} == {"0.123"}
    assert {row[1] for row in table.rows if row[0] == "LDLM-BS"} != {"0.123"}


def two_cohorts(**changes: object) -> StudyInput:
    """Training and internal patients with LDLM scores only: quickly drawn."""
    rows = [
        dataclasses.replace(r, recist=None, tdlm=None, nomo_ldlm_2f=None, nomo_wo_tdlm=None)
        for cohort in ("training", "internal")
        for r in STUDY.scores.of(cohort)
    ]
    return StudyInput(ScoresTable(tuple(rows)), STUDY.summary, {}, resamples=20, **changes)  # type: ignore[arg-type]


def test_scores_of_other_patients_are_refused() -> None:
    moved = dataclasses.replace(STUDY.scores.rows[0], cohort="external")
    with pytest.raises(BadInput, match=r"\(external\) is in cohort training there"):
        StudyInput(ScoresTable((moved,)), STUDY.summary, {})
    stranger = dataclasses.replace(moved, case_id="Z" * 26)
    with pytest.raises(BadInput, match="is not in the cohort"):
        StudyInput(ScoresTable((stranger,)), STUDY.summary, {})


def test_a_folder_with_something_else_stays_untouched(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(BadInput, match="holds no study report"):
        write_study(given(), tmp_path)
    with pytest.raises(BadInput, match="is a file"):
        write_study(given(), tmp_path / "mine.txt")
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_nothing_is_written_when_there_are_no_training_patients(tmp_path: Path) -> None:
    alone = StudyInput(ScoresTable(STUDY.scores.of("internal")), STUDY.summary, {})
    with pytest.raises(BadInput, match="no training patients"):
        write_study(alone, tmp_path / "report")
    assert list(tmp_path.iterdir()) == []
