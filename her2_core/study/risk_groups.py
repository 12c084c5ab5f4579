"""High or low risk: the cut-off comes from the training cohort and is applied unchanged to the others (He 2024)."""

from __future__ import annotations

from typing import Dict, List, Mapping, Optional

from lifelines import KaplanMeierFitter

from her2_core.errors import BadInput
from her2_core.study.scores import MODELS, Scored, ScoresTable
from her2_core.study.table import NONE, Table, p_text
from her2_core.survival.kaplan_meier import Group, logrank_p
from her2_core.survival.metrics import DAYS_PER_MONTH, FloatArray, one_year_cutoff

TRAINING = "training"
LOW, HIGH = "low risk", "high risk"


def training_cutoffs(table: ScoresTable) -> Dict[str, float]:
    """Youden cut-off on the training patients' one-year ROC curve, for every model that has one.

    Raises:
        BadInput: there are no training patients.
    """
    if not table.of(TRAINING):
        raise BadInput("holds no training patients: cut-offs come from them", hint="Add the cohort 'training'.")
    found = {}
    for model in MODELS:
        scored = table.scored(model, TRAINING)
        try:
            found[model] = one_year_cutoff(scored.days, scored.event, scored.risk)
        except BadInput:
            continue  # no answers, or one class only: this model forms no groups
    return found


def risk_groups(scored: Scored, cutoff: float) -> List[Group]:
    """Low and high risk (score >= cut-off), in this order, with times in months."""
    high = scored.risk >= cutoff
    return [
        Group(LOW, months(scored.days[~high]), scored.event[~high]),
        Group(HIGH, months(scored.days[high]), scored.event[high]),
    ]


def months(days: FloatArray) -> FloatArray:
    """Days as months of 30.4375 days."""
    return days / DAYS_PER_MONTH


def risk_group_table(table: ScoresTable, cutoffs: Mapping[str, float]) -> Table:
    """Size and median survival of the risk groups of every model and cohort, with the log-rank p."""
    rows = []
    for model in (m for m in MODELS if m in cutoffs):
        for cohort in table.cohorts:
            scored = table.scored(model, cohort)
            if len(scored.days):
                low, high = risk_groups(scored, cutoffs[model])
                p = logrank_p([low, high]) if len(low.time) and len(high.time) else None
                sizes = (str(len(low.time)), str(len(high.time)))
                medians = (_median(low), _median(high))
                rows.append((model, f"{cutoffs[model]:.4g}", cohort, *sizes, *medians, p_text(p)))
    header = (
        "Model",
        "Cut-off",
        "Cohort",
        "n low risk",
        "n high risk",
        "Median OS low risk (months)",
        "Median OS high risk (months)",
        "log-rank p",
    )
    notes = (
        "Cut-off: Youden index on the one-year ROC curve of the training cohort; high risk = score at or above it.",
        "Median OS by Kaplan-Meier; a dash where more than half of the group were alive to the end.",
    )
    return Table(
        "figure_2_risk_groups",
        "Fig. 2. Risk groups by the training cut-off",
        header,
        tuple(rows),
        notes,
        behind_figure=True,
    )


def median_survival(group: Group) -> Optional[float]:
    """Kaplan-Meier median in the unit of the group; None where more than half are alive to the end."""
    if not len(group.time):
        return None
    median = float(KaplanMeierFitter().fit(group.time, group.event).median_survival_time_)
    return median if median < float("inf") else None


def _median(group: Group) -> str:
    median = median_survival(group)
    return NONE if median is None else f"{median:.1f}"
