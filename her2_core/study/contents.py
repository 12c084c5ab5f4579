"""All tables and figures of the study, in the paper's order, from scores, clinical data and nomograms."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from matplotlib.figure import Figure

from her2_core.errors import BadInput
from her2_core.figures import to_png, to_svg
from her2_core.study import attention as attention_numbers
from her2_core.study.attention import AttentionTable, by_risk_group
from her2_core.study.calibration import calibration_table, calibrations
from her2_core.study.figures import attention as attention_figures
from her2_core.study.figures import discrimination, survival
from her2_core.study.figures.calibration import calibration_figure
from her2_core.study.paper_numbers import LOGRANK_P, SOURCE
from her2_core.study.performance import Nomograms, performances, table_3, table_of_weighted_statistics
from her2_core.study.records import CohortSummary
from her2_core.study.risk_groups import risk_group_table, training_cutoffs
from her2_core.study.scores import NOMOGRAMS, ScoresTable, table_2
from her2_core.study.table import Table, p_text
from her2_core.study.table1 import table_1, table_s4
from her2_core.survival.metrics import DAYS_PER_MONTH
from her2_core.survival.plots import nomogram_figure

WITH_TDLM, WITHOUT_TDLM = NOMOGRAMS
LDLM = "LDLM-2F"


@dataclass(frozen=True)
class Picture:
    """One figure: file name without ending, what it shows, and its bytes (no SVG for pictures of pixels)."""

    name: str
    title: str
    png: bytes
    svg: Optional[bytes] = None


@dataclass(frozen=True)
class Section:
    """A heading of the report with what stands under it."""

    title: str
    text: str = ""
    tables: Tuple[Table, ...] = ()
    pictures: Tuple[Picture, ...] = ()


@dataclass(frozen=True)
class StudyInput:
    """Everything the report is made from.

    Attributes:
        scores: per patient and model.
        summary: clinical data of the same patients (it may know more patients).
        nomograms: the fitted ones, on days.
        attentions: of LDLM-2F, per case; empty = no Fig. 6.
        examples: title -> PNG of a patient's lesions with Grad-CAM, for Fig. 5.
        extra: sections made elsewhere (ablations).
        cutoffs: per model; models without one get theirs from the training patients' scores.
        resamples, seed: of every bootstrap.

    Raises:
        BadInput: a scored patient is not in the summary, or in another cohort there.
    """

    scores: ScoresTable
    summary: CohortSummary
    nomograms: Nomograms
    attentions: AttentionTable = field(default_factory=dict)
    examples: Mapping[str, bytes] = field(default_factory=dict)
    extra: Sequence[Section] = ()
    cutoffs: Mapping[str, float] = field(default_factory=dict)
    resamples: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        known = {patient.case_id: patient.cohort for patient in self.summary.patients}
        for row in self.scores.rows:
            cohort = known.get(row.case_id)
            if cohort != row.cohort:
                said = "is not in the cohort" if cohort is None else f"is in cohort {cohort} there"
                raise BadInput(
                    f"case {row.case_id} ({row.cohort}) {said}", hint="Score the patients of this cohort folder."
                )


def sections(given: StudyInput) -> Tuple[Section, ...]:
    """The report, section by section; what cannot be made is left out.

    Raises:
        BadInput: there are no training patients to take cut-offs from.
    """
    cutoffs = {**training_cutoffs(given.scores), **given.cutoffs}
    found = [
        _patients(given),
        _risk_groups(given, cutoffs),
        _nomograms(given),
        _performance(given),
        _discrimination(given, cutoffs),
        _examples(given),
        _attention(given, cutoffs),
        *given.extra,
    ]
    return tuple(section for section in found if section.tables or section.pictures)


def _patients(given: StudyInput) -> Section:
    notice = given.summary.notice
    tables = [table_1(given.summary), table_s4(given.summary)]
    figure = survival.cohort_figure(given.summary, notice)
    if figure is not None:
        tables.append(_logrank_table(given.summary))
    pictures = _pictures(("figure_s6_cohorts", "Fig. S6. Overall survival by centre and by cohort", figure))
    return Section("Patients", "", tuple(tables), pictures)


def _logrank_table(summary: CohortSummary) -> Table:
    ours = "SYNTHETIC" if summary.synthetic else "this cohort"
    found = survival.cohort_logrank(summary)
    rows = tuple((name, p_text(found[name]), str(LOGRANK_P[name])) for name in LOGRANK_P)
    header = ("Overall survival between", f"log-rank p, {ours}", f"log-rank p, {SOURCE}")
    return Table("figure_s6_logrank", "Fig. S6. Do centres or cohorts differ in survival?", header, rows)


def _risk_groups(given: StudyInput, cutoffs: Mapping[str, float]) -> Section:
    notice = given.summary.notice
    shown: List[Tuple[str, str, Optional[Figure]]] = [
        (
            "figure_2_ldlm_stages",
            "Fig. 2. Risk groups by the LDLM with no, one and two follow-ups",
            survival.risk_group_figure(given.scores, cutoffs, notice),
        )
    ]
    for model, name in ((WITH_TDLM, "nomo_ldlm_2f"), (WITHOUT_TDLM, "nomo_wo_tdlm")):
        if model in cutoffs:
            figure = survival.model_figure(given.scores, model, cutoffs[model], notice)
            shown.append((f"risk_groups_{name}", f"Risk groups by {model}", figure))
    shown.append(
        ("figure_s8_recist", "Fig. S8. Overall survival by RECIST", survival.recist_figure(given.scores, notice))
    )
    return Section("Risk groups", "", (risk_group_table(given.scores, cutoffs),), _pictures(*shown))


def _nomograms(given: StudyInput) -> Section:
    notice = given.summary.notice
    shown: List[Tuple[str, str, Optional[Figure]]] = []
    tables = []
    for model, number, short in ((WITH_TDLM, "3", "nomo_ldlm_2f"), (WITHOUT_TDLM, "s7", "nomo_wo_tdlm")):
        if model not in given.nomograms:
            continue
        drawn = nomogram_figure(given.nomograms[model], unit_length=DAYS_PER_MONTH, notice=notice)
        points = calibrations(given.scores, model, given.nomograms, resamples=given.resamples)
        shown.append((f"figure_{number}a_{short}", f"Fig. {number.upper()}A. {model}", drawn))
        title = f"Fig. {number.upper()}B. Calibration of {model} at 12 months"
        shown.append((f"figure_{number}b_calibration_{short}", title, calibration_figure(points, notice)))
        if points:
            tables.append(calibration_table(points, f"figure_{number}b_calibration_{short}", title))
    return Section("Nomograms and their calibration", "", tuple(tables), _pictures(*shown))


def _performance(given: StudyInput) -> Section:
    found = performances(given.scores, given.nomograms, resamples=given.resamples, seed=given.seed)
    text = (
        f"The columns marked “{SOURCE}” are the published numbers of the paper's patients; they are here to be seen "
        "beside ours, not to be reached: these are other patients."
    )
    synthetic = given.summary.synthetic
    tables = (table_2(), table_3(found, synthetic), table_of_weighted_statistics(found, synthetic))
    return Section("Performance of all models", text, tables)


def _discrimination(given: StudyInput, cutoffs: Mapping[str, float]) -> Section:
    notice = given.summary.notice
    shown = [
        ("figure_4a_roc", "Fig. 4A. ROC curves of one-year survival", discrimination.roc_figure(given.scores, notice))
    ]
    for letter, model in (("b", LDLM), ("c", WITH_TDLM), ("d", WITHOUT_TDLM)):
        if model in cutoffs:
            figure = discrimination.waterfall_figure(given.scores, model, cutoffs[model], notice)
            name = f"figure_4{letter}_waterfall_{model.lower().replace('-', '_').replace('/', '')}"
            shown.append((name, f"Fig. 4{letter.upper()}. {model}: score and risk group of every patient", figure))
    return Section("Discrimination", "", (), _pictures(*shown))


def _examples(given: StudyInput) -> Section:
    pictures = tuple(
        Picture(f"figure_5_patient_{number}", f"Fig. 5. {title}", png)
        for number, (title, png) in enumerate(given.examples.items(), start=1)
    )
    return Section("Where the model looks: Grad-CAM", "", (), pictures)


def _attention(given: StudyInput, cutoffs: Mapping[str, float]) -> Section:
    if not given.attentions or LDLM not in cutoffs:
        return Section("Attention")
    notice = given.summary.notice
    groups = by_risk_group(given.scores, given.attentions, cutoffs[LDLM])
    pairs = {name: attention_numbers.organ_pairs(found) for name, found in groups.items()}
    times = {name: attention_numbers.time_importance(found) for name, found in groups.items()}
    p_values: Dict[str, Optional[float]] = attention_numbers.time_differences(groups["low"], groups["high"])
    tables = (attention_numbers.organ_pair_table(groups), attention_numbers.time_importance_table(groups))
    pictures = _pictures(
        (
            "figure_6a_organ_attention",
            "Fig. 6A. Attention between lesions of different organs",
            attention_figures.organ_pair_figure(pairs, notice),
        ),
        (
            "figure_6b_time_attention",
            "Fig. 6B. Importance of the time points",
            attention_figures.time_importance_figure(times, p_values, notice),
        ),
    )
    return Section("Attention", "", tables, pictures)


def _pictures(*shown: Tuple[str, str, Optional[Figure]]) -> Tuple[Picture, ...]:
    return tuple(Picture(name, title, to_png(f), to_svg(f)) for name, title, f in shown if f is not None)
