"""Risk probabilities of many patients for every number of follow-ups, with one backbone pass per patient."""

from __future__ import annotations

from typing import Dict, Optional, Sequence

import numpy as np
import numpy.typing as npt
import torch

from her2_core.case import TIME_POINTS
from her2_core.errors import BadInput, TrainingError
from her2_core.models.ldlm import LDLM
from her2_core.models.prepare import has_markers
from her2_core.models.tables import ScoreTable
from her2_core.models.tdlm import TDLM
from her2_core.survival.metrics import one_year_cutoff
from her2_core.survival.rescale import PiecewiseRescale
from her2_core.training.dataset import MarkerDataset, RoiDataset
from her2_core.training.outcomes import Outcomes

FOLLOW_UPS = len(TIME_POINTS) - 1
Risks = npt.NDArray[np.float64]
"""(B, 5): P(overall survival <= 12 months) with 0 .. 4 follow-ups; NaN where a patient has fewer."""


@torch.inference_mode()
def ldlm_risks(model: LDLM, dataset: RoiDataset) -> Risks:
    """Risk of all patients of a dataset."""
    model.eval()
    result = np.full((len(dataset.patients), FOLLOW_UPS + 1), np.nan)
    for members, batch in dataset.scoring_batches(range(len(dataset.patients)), FOLLOW_UPS):
        features = model.features(batch.patches)
        for follow_ups in range(batch.observed.shape[1]):
            layout, kept = batch.layout.first(1 + follow_ups)
            result[members, follow_ups] = _risk(model.aggregate(features[kept], layout).logits)
    available = [p.n_time_points for p in dataset.patients]
    return _masked(result, available)


@torch.inference_mode()
def tdlm_risks(model: TDLM, dataset: MarkerDataset) -> Risks:
    """Risk of all patients of a dataset; NaN also where no marker was measured up to then."""
    model.eval()
    result = np.full((len(dataset.cases), FOLLOW_UPS + 1), np.nan)
    for follow_ups in range(FOLLOW_UPS + 1):
        measured = [i for i, c in enumerate(dataset.cases) if has_markers(c, dataset.table.names, 1 + follow_ups)]
        for members, batch in dataset.scoring_batches(measured, follow_ups):
            result[members, follow_ups] = _risk(model(batch).logits)
    return _masked(result, [len(case.time_points) for case in dataset.cases])


def score_tables(risks: Risks, outcomes: Outcomes) -> Dict[int, ScoreTable]:
    """Rescale table and Youden cut-off per number of follow-ups, from the training patients that have that many.

    A number of follow-ups whose patients all have the same one-year outcome gets no table.

    Args:
        risks: of the training patients.
        outcomes: of the same patients.

    Raises:
        TrainingError: not even baseline has patients of both one-year outcomes.
    """
    tables = {}
    for follow_ups in range(risks.shape[1]):
        table = _score_table(risks[:, follow_ups], outcomes)
        if table is not None:
            tables[follow_ups] = table
    if 0 not in tables:
        raise TrainingError(
            "the training patients need deaths within 12 months as well as patients known to live longer",
            hint="Add cases with other outcomes.",
        )
    return tables


def _score_table(risk: npt.NDArray[np.float64], outcomes: Outcomes) -> Optional[ScoreTable]:
    kept = np.flatnonzero(np.isfinite(risk))
    if not len(kept):
        return None
    rescale = PiecewiseRescale.fit(risk[kept])
    chosen = outcomes.take(kept.tolist())
    try:
        cutoff = one_year_cutoff(chosen.days, chosen.event, rescale(risk[kept]))
    except BadInput:
        return None
    return ScoreTable(rescale, cutoff, len(kept))


def _risk(logits: torch.Tensor) -> npt.NDArray[np.float64]:
    probability: npt.NDArray[np.float64] = torch.softmax(logits.double(), dim=1)[:, 0].numpy()
    return probability


def _masked(risks: Risks, time_points: Sequence[int]) -> Risks:
    """NaN where a patient does not have that many follow-ups."""
    beyond = np.arange(risks.shape[1])[None, :] >= np.asarray(time_points)[:, None]
    return np.where(beyond, np.nan, risks)
