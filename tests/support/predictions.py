"""A predictor that computes its answer from the pixels, for tests of everything around the real one."""

from __future__ import annotations

import threading
from typing import Any, Collection, Dict, List, NamedTuple, Optional

import numpy as np

from her2_core.bundle import Bundle, SaliencyBundle, saliency_member
from her2_core.prognosis import (
    RESEARCH_USE_ONLY,
    Attention,
    ModelRef,
    NomogramResult,
    ObjectLabel,
    Prognosis,
    RecistResult,
    SaliencyEntry,
    StageScore,
)


class Predicted(NamedTuple):
    prognosis: Prognosis
    saliency: SaliencyBundle


def predicted(bundle: Bundle) -> Predicted:
    """Risk = share of positive pixels; the map of an ROI is its middle slice / 1000."""
    case = bundle.case
    times = tuple(t.name for t in case.time_points)
    objects = case.objects
    risk = float(np.mean([np.mean(roi.hu > 0) for roi in bundle.rois]))
    stage = StageScore("LDLM-2F", times, 1 - risk, risk, risk, 0.5, "high" if risk >= 0.5 else "low")
    size = len(objects) + 1
    prognosis = Prognosis(
        case_id=case.case_id,
        model=ModelRef("test", "1", "0" * 64, "nothing"),
        time_points_used=times,
        os_probability_12m=1 - risk,
        risk_probability=risk,
        ldlm_score=risk,
        tdlm_score=None,
        cutoff=0.5,
        risk_group=stage.risk_group,
        by_time_points=(stage,),
        recist=RecistResult(reason="not measured"),
        tb_delta_percent=None,
        nomogram=NomogramResult(reason="sex is unknown"),
        attention=Attention(
            tuple(ObjectLabel(o.lesion_id, o.phase, o.organ) for o in objects),
            ((1 / size,) * size,) * size,
            times,
            (((1.0,) * (len(times) + 1),) * (len(times) + 1),) * len(objects),
            dict.fromkeys(times, 1 / len(times)),
        ),
        saliency=tuple(
            SaliencyEntry(
                key.object_index, key.lesion_id, key.phase, key.time_point, saliency_member(i), roi.place, 1.0
            )
            for i, (key, roi) in enumerate(zip(case.roi_keys, bundle.rois))
        ),
        saliency_display_max=1.0,
        qc=(),
        notice=RESEARCH_USE_ONLY,
        tb_delta_reason="not measured",
    )
    maps = {saliency_member(i): (roi.hu[1] / 1000).astype(np.float16) for i, roi in enumerate(bundle.rois)}
    return Predicted(prognosis, SaliencyBundle(case.case_id, maps))


class FakeEngine:
    """Stands for the MONAI Label app.

    `gate`: if given, predict waits for it (at most 20 s) after setting `entered`. `error`: raised by predict.
    """

    def __init__(self, gate: Optional[threading.Event] = None, error: Optional[Exception] = None) -> None:
        self.gate, self.error = gate, error
        self.entered = threading.Event()
        self.seen: List[Bundle] = []

    def info(self) -> Dict[str, Any]:
        return {"name": "HER2 Response", "models": {"her2_response": {"type": "others"}}}

    def model_names(self) -> Collection[str]:
        return ["her2_response"]

    def predict(self, model: str, bundle: Bundle) -> Predicted:
        self.seen.append(bundle)
        self.entered.set()
        if self.gate is not None:
            self.gate.wait(20)
        if self.error is not None:
            raise self.error
        return predicted(bundle)
