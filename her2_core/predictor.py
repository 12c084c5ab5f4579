"""One call from a case bundle to its prognosis: what the server, the command line and the demonstration use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Optional, Tuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from her2_core.bundle import Bundle, SaliencyBundle, saliency_member
from her2_core.case import TIME_POINTS, Case, RoiKey
from her2_core.models.backbone import pool
from her2_core.models.batch import RoiBatch
from her2_core.models.explain import Explanation, explain_maps
from her2_core.models.folder import ModelFolder
from her2_core.models.heatmaps import to_crop
from her2_core.models.nomogram_answer import answer
from her2_core.models.patches import PatchGeometry
from her2_core.models.prepare import PreparedCase, everything, has_markers, marker_batch, prepare, roi_batch
from her2_core.models.remarks import remarks
from her2_core.models.tables import table_for
from her2_core.prognosis import (
    SYNTHETIC_CASE,
    Attention,
    ModelRef,
    ObjectLabel,
    Prognosis,
    SaliencyEntry,
    StageScore,
)
from her2_core.response.burden import tumour_burden
from her2_core.response.from_case import recist_result
from her2_core.roi import Roi

TIME_POINTS_USED = 3
"""BL, 1F and 2F enter the scores (paper, Methods); later ones are shown and count for RECIST 1.1."""
STAGE_NAMES = ("LDLM-BS", "LDLM-1F", "LDLM-2F")
DISPLAY_PERCENTILE = 99.5


@dataclass(frozen=True, eq=False)
class Prediction:
    """The answer for one case.

    Attributes:
        prognosis: everything but the maps.
        saliency: the Grad-CAM maps its `saliency` entries name.
    """

    prognosis: Prognosis
    saliency: SaliencyBundle


class Predictor:
    """Predicts with one model, on the CPU; calls may run at the same time, none depends on another.

    Args:
        folder: a loaded model.
    """

    def __init__(self, folder: ModelFolder) -> None:
        self.folder = folder
        for model in (folder.ldlm, folder.tdlm):
            if model is not None:
                model.eval().requires_grad_(False)

    @property
    def model_ref(self) -> ModelRef:
        """Which model answers."""
        card = self.folder.card
        return ModelRef(card.name, card.version, self.folder.sha256, card.trained_on)

    def predict(self, bundle: Bundle) -> Prediction:
        """Prognosis and saliency of one case.

        Raises:
            CaseError: no lesion was observed at baseline, so that the model has nothing to look at.
        """
        case, tables = bundle.case, self.folder.tables
        used = min(TIME_POINTS_USED, len(case.time_points))
        prepared = prepare(case, bundle.rois, self.folder.ldlm.config.image_size)
        batch = roi_batch([prepared], [everything(prepared, used - 1)], tables.standardisation)
        with torch.inference_mode():
            maps = self.folder.ldlm.backbone.maps(batch.patches)
            stages = self._stages(pool(maps), batch)
            tdlm_score = self._tdlm_score(case, used)
        explanation = explain_maps(self.folder.ldlm, maps, batch.layout)
        entries, saliency, display_max = _saliency(bundle, explanation.gradcam, used, prepared.patches.shape[-1])
        last, recist, burden = stages[-1], recist_result(case), tumour_burden(case)
        prognosis = Prognosis(
            case_id=case.case_id,
            model=self.model_ref,
            time_points_used=TIME_POINTS[:used],
            os_probability_12m=last.os_probability_12m,
            risk_probability=last.risk_probability,
            ldlm_score=last.ldlm_score,
            tdlm_score=tdlm_score,
            cutoff=last.cutoff,
            risk_group=last.risk_group,
            by_time_points=stages,
            recist=recist,
            tb_delta_percent=burden.change_percent,
            tb_delta_reason=burden.reason,
            nomogram=answer(case, used, last.ldlm_score, tdlm_score, recist, self.folder.nomograms),
            attention=_attention(prepared, explanation, used),
            saliency=entries,
            saliency_display_max=display_max,
            qc=remarks(case, bundle.rois, tables, used),
            notice=f"{self.folder.card.notice} {SYNTHETIC_CASE}" if case.synthetic else self.folder.card.notice,
        )
        return Prediction(prognosis, saliency)

    def _stages(self, features: Tensor, batch: RoiBatch) -> Tuple[StageScore, ...]:
        """LDLM-BS, -1F, -2F as far as there are time points: the same weights fed with 1, 2, 3 of them."""
        stages: List[StageScore] = []
        for follow_ups in range(batch.observed.shape[1]):
            layout, kept = batch.layout.first(1 + follow_ups)
            risk, alive = _probabilities(self.folder.ldlm.aggregate(features[kept], layout).logits)
            score = table_for(self.folder.tables.ldlm, follow_ups).score(risk)
            stages.append(
                StageScore(
                    name=STAGE_NAMES[follow_ups],
                    time_points=TIME_POINTS[: 1 + follow_ups],
                    os_probability_12m=alive,
                    risk_probability=risk,
                    ldlm_score=score.value,
                    cutoff=score.cutoff,
                    risk_group=score.group,
                )
            )
        return tuple(stages)

    def _tdlm_score(self, case: Case, used: int) -> Optional[float]:
        model, tables = self.folder.tdlm, self.folder.tables
        if model is None or tables.markers is None or not has_markers(case, tables.markers.names, used):
            return None
        risk, _ = _probabilities(model(marker_batch([case], [used], tables.markers)).logits)
        return table_for(tables.tdlm, used - 1).score(risk).value


def _probabilities(logits: Tensor) -> Tuple[float, float]:
    """(1, 2) logits -> probability of the poor class, and of the good one."""
    poor = float(torch.softmax(logits.double(), dim=1)[0, 0])
    return poor, 1.0 - poor


def _attention(prepared: PreparedCase, explanation: Explanation, used: int) -> Attention:
    objects = tuple(ObjectLabel(o.lesion_id, o.phase, o.organ) for o in prepared.case.objects)
    names = TIME_POINTS[:used]
    return Attention(
        objects=objects,
        object_by_object=_rows(explanation.object_attention[0]),
        time_points=names,
        time_by_time=tuple(_rows(matrix) for matrix in explanation.time_attention[0]),
        time_importance=dict(zip(names, explanation.time_importance[0].tolist())),
    )


def _rows(matrix: Tensor) -> Tuple[Tuple[float, ...], ...]:
    return tuple(tuple(row) for row in matrix.tolist())


def _saliency(
    bundle: Bundle, maps: Tensor, used: int, size: int
) -> Tuple[Tuple[SaliencyEntry, ...], SaliencyBundle, float]:
    """Maps on the grids of their crops; ROIs of later time points never entered the model and have none."""
    entries: List[SaliencyEntry] = []
    arrays: Dict[str, npt.NDArray[np.float16]] = {}
    looked_at = [
        (key, roi) for key, roi in zip(bundle.case.roi_keys, bundle.rois) if TIME_POINTS.index(key.time_point) < used
    ]
    for index, ((key, roi), low_resolution) in enumerate(zip(looked_at, maps)):
        geometry = PatchGeometry.of(roi.place.rows, roi.place.columns, roi.place.spacing_mm)
        heat = to_crop(low_resolution, geometry, size)
        arrays[saliency_member(index)] = heat.astype(np.float16)
        entries.append(_entry(key, roi, saliency_member(index), float(heat.max())))
    values = np.concatenate([array.ravel() for array in arrays.values()]).astype(np.float64)
    display_max = float(np.percentile(values, DISPLAY_PERCENTILE))
    return tuple(entries), SaliencyBundle(bundle.case.case_id, arrays), display_max


def _entry(key: RoiKey, roi: Roi, member: str, maximum: float) -> SaliencyEntry:
    return SaliencyEntry(key.object_index, key.lesion_id, key.phase, key.time_point, member, roi.place, maximum)
