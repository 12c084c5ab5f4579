"""Attention over the patients of a risk group: between organs, and between time points (He 2024, Fig. 6)."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterable, List, Mapping, Optional, Tuple

import numpy as np

from her2_core.case import CASE_ID, ORGANS, TimePointName
from her2_core.decoding import decode, encode
from her2_core.errors import BadInput
from her2_core.files import replacing
from her2_core.prognosis import Attention
from her2_core.study.group_tests import kruskal_wallis
from her2_core.study.risk_groups import TRAINING
from her2_core.study.scores import ScoresTable
from her2_core.study.table import Table, interval_text, p_text
from her2_core.survival.metrics import FloatArray

SCHEMA = "her2-attention/1"
TIME_POINTS: Tuple[TimePointName, ...] = ("BL", "1F", "2F")
"""Of LDLM-2F. Patients with fewer are left out of the time importance: the weights of a patient sum to 1."""

MODEL = "LDLM-2F"
"""Its attention, and its risk groups."""

AttentionTable = Mapping[str, Attention]
"""Case id -> attention of LDLM-2F."""
ByRisk = Dict[str, List[Attention]]
"""Risk group "low" and "high" -> attention of its patients."""


@dataclass(frozen=True)
class OrganPair:
    """How much lesions of one organ attend to lesions of another, over the patients of a risk group.

    Attributes:
        source, target: organs; `source` attends to `target`.
        weight: mean attention weight over all pairs of objects of different lesions.
        relative: mean of weight x (1 + number of objects): 1 = as much as if attention were spread evenly.
        patients: who contributed.
    """

    source: str
    target: str
    weight: float
    relative: float
    patients: int


@dataclass(frozen=True)
class TimeImportance:
    """Weight of one time point over the patients of a risk group who have BL, 1F and 2F.

    Attributes:
        time_point: BL, 1F or 2F.
        mean: mean weight.
        low, high: 95 % percentile bootstrap interval of the mean.
        patients: how many.
    """

    time_point: str
    mean: float
    low: float
    high: float
    patients: int


def by_risk_group(table: ScoresTable, attentions: AttentionTable, cutoff: float) -> ByRisk:
    """The attention of all patients outside training, by their LDLM-2F risk group (score >= cut-off = high)."""
    found: ByRisk = {"low": [], "high": []}
    for cohort in table.cohorts:
        if cohort != TRAINING:
            scored = table.scored(MODEL, cohort)
            for case_id, risk in zip(scored.case_ids, scored.risk):
                if case_id in attentions:
                    found["high" if risk >= cutoff else "low"].append(attentions[case_id])
    return found


def organ_pairs(attentions: Iterable[Attention]) -> Tuple[OrganPair, ...]:
    """Mean object-by-object weights per organ pair, ordered as the vocabulary lists organs.

    The aggregation token, and objects of one and the same lesion (itself, or its other contrast phase), are left out.
    """
    weights: Dict[Tuple[str, str], List[Tuple[float, float, int]]] = defaultdict(list)
    for patient, attention in enumerate(attentions):
        matrix = np.asarray(attention.object_by_object)[1:, 1:]
        for i, source in enumerate(attention.objects):
            for j, target in enumerate(attention.objects):
                if source.lesion_id != target.lesion_id:
                    relative = matrix[i, j] * (1 + len(attention.objects))
                    weights[source.organ, target.organ].append((float(matrix[i, j]), float(relative), patient))
    ordered = sorted(weights, key=lambda pair: (_rank(pair[0]), _rank(pair[1])))
    return tuple(_pair(source, target, weights[source, target]) for source, target in ordered)


def time_importance(
    attentions: Iterable[Attention], *, resamples: int = 1000, seed: int = 0
) -> Tuple[TimeImportance, ...]:
    """Mean weight of BL, 1F and 2F; empty if no patient has all three."""
    values = time_weights(attentions)
    if not len(values):
        return ()
    drawn = np.random.default_rng(seed).integers(0, len(values), (resamples, len(values)))
    low, high = np.quantile(values[drawn].mean(axis=1), [0.025, 0.975], axis=0)  # (3,) each
    means = values.mean(axis=0)
    return tuple(
        TimeImportance(name, float(means[k]), float(low[k]), float(high[k]), len(values))
        for k, name in enumerate(TIME_POINTS)
    )


def time_differences(low: Iterable[Attention], high: Iterable[Attention]) -> Dict[str, Optional[float]]:
    """p of the Kruskal-Wallis test between the risk groups, per time point (three tests: compare with 0.05 / 3)."""
    first, second = time_weights(low), time_weights(high)
    return {name: kruskal_wallis([first[:, k], second[:, k]]).p for k, name in enumerate(TIME_POINTS)}


def time_weights(attentions: Iterable[Attention]) -> FloatArray:
    """(n, 3) weights of BL, 1F, 2F of the patients who have exactly these."""
    rows = [[a.time_importance[n] for n in TIME_POINTS] for a in attentions if tuple(a.time_points) == TIME_POINTS]
    return np.asarray(rows, dtype=np.float64).reshape(-1, len(TIME_POINTS))


def organ_pair_table(groups: ByRisk) -> Table:
    """The numbers of Fig. 6A."""
    rows = [
        (name, p.source, p.target, str(p.patients), f"{p.weight:.4f}", f"{p.relative:.3f}")
        for name, found in groups.items()
        for p in organ_pairs(found)
    ]
    header = (
        "Risk group",
        "Attending organ",
        "Attended organ",
        "Patients",
        "Mean weight",
        "Relative to even attention",
    )
    notes = (
        "OH-former of LDLM-2F, averaged over heads; all patients outside the training cohort.",
        "Without the aggregation token and without pairs within one lesion. Relative: weight x (1 + number of objects), "
        "so that patients with few and with many lesions compare.",
    )
    return Table(
        "figure_6a_organ_attention", "Fig. 6A. Attention between organs", header, tuple(rows), notes, behind_figure=True
    )


def time_importance_table(groups: ByRisk) -> Table:
    """The numbers of Fig. 6B."""
    p_values = time_differences(groups["low"], groups["high"])
    rows = [
        (name, t.time_point, str(t.patients), interval_text(t.mean, t.low, t.high), p_text(p_values[t.time_point]))
        for name, found in groups.items()
        for t in time_importance(found)
    ]
    header = ("Risk group", "Time point", "Patients", "Mean share (95 % CI)", "p between the groups")
    notes = (
        "TH-former of LDLM-2F: the aggregation token's weights, averaged over objects; patients with BL, 1F and 2F.",
        "Kruskal-Wallis test; three tests, so compare p with 0.05 / 3 = 0.0167 (Bonferroni).",
    )
    return Table(
        "figure_6b_time_attention",
        "Fig. 6B. Importance of the time points",
        header,
        tuple(rows),
        notes,
        behind_figure=True,
    )


def write_attention(table: AttentionTable, path: Path) -> None:
    """Write as JSON."""
    value = {"schema": SCHEMA, "patients": {case_id: encode(item) for case_id, item in table.items()}}
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value) + "\n", encoding="utf-8")


def read_attention(path: Path) -> Dict[str, Attention]:
    """Read back what `write_attention` wrote.

    Raises:
        BadInput: it is not that; names the place.
        OSError: the file cannot be opened.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise BadInput(f"is not JSON ({error})", where=str(path)) from None
    if not isinstance(value, dict) or value.get("schema") != SCHEMA or not isinstance(value.get("patients"), dict):
        raise BadInput(f"is not a table of attention ({SCHEMA})", where=str(path))
    found = {}
    for case_id, item in value["patients"].items():
        if not CASE_ID.match(case_id):
            raise BadInput(f"{case_id!r} is no case id", where=str(path))
        found[case_id] = _checked(decode(Attention, item, f"patients.{case_id}"), case_id)
    return found


def _checked(attention: Attention, case_id: str) -> Attention:
    size = 1 + len(attention.objects)
    rows = [len(row) for row in attention.object_by_object]
    if rows != [size] * size:
        raise BadInput(f"{len(attention.objects)} objects need {size} x {size} weights", where=f"patients.{case_id}")
    missing = [name for name in attention.time_points if name not in attention.time_importance]
    if missing:
        raise BadInput(f"no importance for {missing[0]}", where=f"patients.{case_id}")
    return attention


def _pair(source: str, target: str, found: List[Tuple[float, float, int]]) -> OrganPair:
    weight, relative = np.mean([f[:2] for f in found], axis=0)
    return OrganPair(source, target, float(weight), float(relative), len({f[2] for f in found}))


def _rank(organ: str) -> int:
    return ORGANS.index(organ) if organ in ORGANS else len(ORGANS)  # type: ignore[arg-type]
