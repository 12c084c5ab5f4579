"""Kaplan-Meier panels: risk groups (Fig. 2), centres and cohorts (Fig. S6), RECIST (Fig. S8 of He 2024)."""

from __future__ import annotations

from typing import Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np
from matplotlib.figure import Figure

from her2_core.cohort.table1 import COHORTS
from her2_core.errors import BadInput
from her2_core.figures import MUTED, new_figure, stamp
from her2_core.study.records import CohortSummary, PatientRecord
from her2_core.study.risk_groups import TRAINING, months, risk_groups
from her2_core.study.scores import RESPONSE_RISK, PatientScores, ScoresTable, outcomes
from her2_core.survival.kaplan_meier import COLOURS, Group, draw_kaplan_meier, logrank_p

STAGES = ("LDLM-BS", "LDLM-1F", "LDLM-2F")
PANEL_IN = (4.1, 3.9)
TICKS_MONTHS = 12.0
FEWEST_PER_CENTRE = 5
"""Centres with fewer patients are drawn together as "other"."""

Panel = Tuple[str, Sequence[Group]]


def risk_group_figure(table: ScoresTable, cutoffs: Mapping[str, float], notice: str) -> Optional[Figure]:
    """Fig. 2: LDLM with no, one and two follow-ups (columns) in every cohort but training (rows).

    None where there is no such cohort or no LDLM score.
    """
    rows: List[List[Panel]] = []
    for cohort in table.cohorts:
        if cohort != TRAINING:
            row = [_stage_panel(table, cohort, model, cutoffs[model]) for model in STAGES if model in cutoffs]
            rows.append([panel for panel in row if panel is not None])
    return _grid([row for row in rows if row], notice)


def model_figure(table: ScoresTable, model: str, cutoff: float, notice: str) -> Optional[Figure]:
    """Risk groups of one model in all cohorts."""
    panels = [_stage_panel(table, cohort, model, cutoff) for cohort in table.cohorts]
    return _grid(_rows([p for p in panels if p is not None]), notice)


def cohort_figure(summary: CohortSummary, notice: str) -> Optional[Figure]:
    """Fig. S6: all patients by centre, and by cohort; None without outcomes."""
    if all(p.os_days is None for p in summary.patients):
        return None
    return _grid([[("By centre", _by_centre(summary)), ("By cohort", _by_cohort(summary))]], notice)


def cohort_logrank(summary: CohortSummary) -> Dict[str, Optional[float]]:
    """Log-rank p between the curves of Fig. S6: "centre" and "cohort"."""
    found: Dict[str, Optional[float]] = {}
    for name, groups in (("centre", _by_centre(summary)), ("cohort", _by_cohort(summary))):
        found[name] = logrank_p(groups) if len(groups) > 1 else None
    return found


def recist_figure(table: ScoresTable, notice: str) -> Optional[Figure]:
    """Fig. S8: RECIST by the paper's rule in every cohort; None where nobody has one."""
    panels = [_recist_panel(table, cohort) for cohort in table.cohorts]
    return _grid(_rows([p for p in panels if p is not None]), notice)


def _stage_panel(table: ScoresTable, cohort: str, model: str, cutoff: float) -> Optional[Panel]:
    scored = table.scored(model, cohort)
    return (f"{model}, {cohort} cohort", risk_groups(scored, cutoff)) if len(scored.days) else None


def _recist_panel(table: ScoresTable, cohort: str) -> Optional[Panel]:
    groups = [_group(name, [r for r in table.of(cohort) if r.recist == name]) for name in RESPONSE_RISK]
    return (f"RECIST, {cohort} cohort", groups) if any(len(g.time) for g in groups) else None


def _group(label: str, rows: Sequence[PatientScores]) -> Group:
    days, event = outcomes(rows)
    return Group(label, months(days), event)


def _record_groups(patients: Mapping[str, Sequence[PatientRecord]]) -> List[Group]:
    return [
        Group(
            name,
            months(np.array([p.os_days for p in found], dtype=float)),
            np.array([p.death_observed for p in found], dtype=bool),
        )
        for name, found in patients.items()
    ]


def _by_cohort(summary: CohortSummary) -> List[Group]:
    known = [p for p in summary.patients if p.os_days is not None]
    return _record_groups({c: rows for c in COHORTS if (rows := [p for p in known if p.cohort == c])})


def _by_centre(summary: CohortSummary) -> List[Group]:
    """Centres by size; the small ones, and those beyond the colours there are, together."""
    found: Dict[str, List[PatientRecord]] = {}
    for patient in summary.patients:
        if patient.os_days is not None:
            found.setdefault(patient.centre or "unknown", []).append(patient)
    ordered = sorted(found, key=lambda name: (-len(found[name]), name))
    kept = [name for name in ordered if len(found[name]) >= FEWEST_PER_CENTRE][: len(COLOURS) - 1]
    others = [patient for name in ordered if name not in kept for patient in found[name]]
    shown = {name: found[name] for name in kept}
    return _record_groups({**shown, "other": others} if others else shown)


def _rows(panels: Sequence[Panel]) -> List[List[Panel]]:
    """Up to three side by side, four as a square."""
    columns = 2 if len(panels) == 4 else 3
    return [list(panels[i : i + columns]) for i in range(0, len(panels), columns)]


def _grid(rows: Sequence[Sequence[Panel]], notice: str) -> Optional[Figure]:
    """Panels with one time axis for all; None without panels."""
    if not rows:
        return None
    columns = max(map(len, rows))
    figure = new_figure(PANEL_IN[0] * columns, PANEL_IN[1] * len(rows) + 0.4)
    cells = figure.subfigures(len(rows), columns, squeeze=False)
    last = max(float(g.time.max()) for row in rows for _, groups in row for g in groups if len(g.time))
    for row, line in zip(cells, rows):
        for cell, (title, groups) in zip(row, line):
            try:
                draw_kaplan_meier(cell, groups, title=title, step=_step(last), last=last)
            except BadInput as error:
                cell.text(0.5, 0.5, f"{title}\n{error.what}", ha="center", color=MUTED, fontsize=9)
    stamp(figure, notice)
    return figure


def _step(last: float) -> float:
    """Years, or two years where follow-up is long."""
    return TICKS_MONTHS if last <= 6 * TICKS_MONTHS else 2 * TICKS_MONTHS
