from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from her2_core.bundle import Bundle
from her2_core.case import MARKERS, Case, Clinical, MarkerPanel
from her2_core.errors import CaseError
from her2_core.models.prepare import marker_batch
from her2_core.predictor import Prediction, Predictor
from her2_core.prognosis import SYNTHETIC, Prognosis
from support.bundles import rois_of
from support.cases import case, lesion, primary
from support.model_folders import untrained_model

TIMES = ("BL", "1F", "2F", "3F", "4F")


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor(untrained_model())


def a_case(times: int = 3, markers: bool = True, **fields: Any) -> Case:
    names = TIMES[:times]
    panels = tuple(MarkerPanel(t, dict.fromkeys(MARKERS[:2], 3.0 + i)) for i, t in enumerate(names)) if markers else ()
    fields.setdefault("clinical", Clinical("male", "3+", 60, 1, "C1"))
    fields.setdefault("therapy_start_day", 4)
    return case(
        primary(times=names, long_mm=40.0, short_mm=20.0),
        lesion("H1", organ="Liver", phases=("venous",), times=names, long_mm=30.0, short_mm=20.0),
        times=times,
        markers=panels,
        **fields,
    )


def predict(predictor: Predictor, patient: Case) -> Prediction:
    return predictor.predict(Bundle(patient, rois_of(patient)))


def codes(prognosis: Prognosis) -> set[str]:
    return {note.code for note in prognosis.qc}


def test_the_answer_survives_json_and_names_its_model(predictor: Predictor) -> None:
    prognosis = predict(predictor, a_case()).prognosis
    assert Prognosis.from_json(prognosis.to_json()) == prognosis
    assert (prognosis.model.name, prognosis.model.sha256, prognosis.model.trained_on) == (
        "test-model",
        "f" * 64,
        "phantom",
    )
    assert SYNTHETIC in prognosis.notice


def test_directions_and_groups_follow_from_the_tables(predictor: Predictor) -> None:
    prognosis = predict(predictor, a_case()).prognosis
    assert [s.name for s in prognosis.by_time_points] == ["LDLM-BS", "LDLM-1F", "LDLM-2F"]
    assert [s.time_points for s in prognosis.by_time_points] == [TIMES[:1], TIMES[:2], TIMES[:3]]
    assert [s.cutoff for s in prognosis.by_time_points] == [0.25, 0.5, 0.75]
    for stage in prognosis.by_time_points:
        assert stage.os_probability_12m == pytest.approx(1 - stage.risk_probability)
        assert stage.ldlm_score == pytest.approx(stage.risk_probability)  # the test tables are the identity
        assert stage.risk_group == ("high" if stage.ldlm_score >= stage.cutoff else "low")
    last = prognosis.by_time_points[-1]
    assert (prognosis.ldlm_score, prognosis.cutoff, prognosis.risk_group) == (last.ldlm_score, 0.75, last.risk_group)
    assert len({round(s.risk_probability, 6) for s in prognosis.by_time_points}) == 3


def test_stages_equal_predictions_with_fewer_time_points(predictor: Predictor) -> None:
    patient = a_case(3)
    full = Bundle(patient, rois_of(patient))
    stages = predictor.predict(full).prognosis.by_time_points
    for count in (1, 2):
        shorter = a_case(count)
        rois = tuple(roi for roi in full.rois if roi.time_point in TIMES[:count])
        alone = predictor.predict(Bundle(shorter, rois)).prognosis
        assert alone.risk_probability == pytest.approx(stages[count - 1].risk_probability, abs=1e-6)
        assert alone.time_points_used == TIMES[:count]


def test_later_follow_ups_are_told_but_change_no_score(predictor: Predictor) -> None:
    patient = a_case(5)
    full = Bundle(patient, rois_of(patient))
    rois = tuple(roi for roi in full.rois if roi.time_point in TIMES[:3])
    later, three = predictor.predict(full), predictor.predict(Bundle(a_case(3), rois))
    assert later.prognosis.time_points_used == TIMES[:3]
    assert later.prognosis.ldlm_score == three.prognosis.ldlm_score
    assert later.prognosis.tdlm_score == three.prognosis.tdlm_score
    assert "later_time_points" in codes(later.prognosis)
    assert "later_time_points" not in codes(three.prognosis)
    assert set(later.prognosis.recist.recist1_1_by_time_point) == {"1F", "2F", "3F", "4F"}
    assert {entry.time_point for entry in later.prognosis.saliency} == set(TIMES[:3])


def test_nomogram_by_hand(predictor: Predictor) -> None:
    prognosis = predict(predictor, a_case()).prognosis
    nomogram, tdlm = prognosis.nomogram, prognosis.tdlm_score
    assert tdlm is not None
    # Reach of the axes: LDLM 2, TDLM 1, RECIST 1, sex 0.2, HER2 0.3; so 50 points per unit. RECIST SD = 0.5.
    expected = {
        "LDLM score": 100 * prognosis.ldlm_score,
        "TDLM score": 50 * tdlm,
        "RECIST": 25.0,
        "Sex": 10.0,
        "HER2 status": 0.0,
    }
    assert nomogram.variant == "Nomo-LDLM-2F"
    assert nomogram.points == pytest.approx(expected)
    assert nomogram.total_points == pytest.approx(sum(expected.values()))
    # Means: LDLM 2 x 0.5, TDLM 0.5, RECIST 0.25 x 0.5 + 0.25 x 1, sex 0.1, HER2 0.06.
    predictor_value = 2 * prognosis.ldlm_score + tdlm + 0.5 + 0.2 - (1 + 0.5 + 0.375 + 0.1 + 0.06)
    assert nomogram.linear_predictor == pytest.approx(predictor_value)
    assert nomogram.survival is not None
    assert nomogram.survival["6"] == pytest.approx(0.9 ** math.exp(predictor_value))  # day 182.6
    assert nomogram.survival["12"] == pytest.approx(0.7 ** math.exp(predictor_value))  # day 365.25
    assert nomogram.survival["24"] is None  # nobody was followed beyond day 600
    assert nomogram.risk_group == ("high" if nomogram.total_points >= 100 else "low")
    assert nomogram.curve is not None
    assert nomogram.curve[1] == pytest.approx((100 / 30.4375, 0.9 ** math.exp(predictor_value)))


def test_without_markers_the_other_nomogram_applies_and_that_is_said(predictor: Predictor) -> None:
    prognosis = predict(predictor, a_case(markers=False)).prognosis
    assert prognosis.tdlm_score is None
    assert prognosis.nomogram.variant == "Nomo-w/o-TDLM"
    assert prognosis.nomogram.points is not None
    assert "TDLM score" not in prognosis.nomogram.points
    assert "no_markers" in codes(prognosis)


@pytest.mark.parametrize(("times", "median"), [(1, 0.2), (2, 0.4), (3, 0.6), (4, 0.6)])
def test_the_marker_score_uses_the_table_of_its_follow_ups(predictor: Predictor, times: int, median: float) -> None:
    patient, folder = a_case(times), predictor.folder
    assert folder.tdlm is not None
    assert folder.tables.markers is not None
    with torch.inference_mode():
        logits = folder.tdlm(marker_batch([patient], [min(times, 3)], folder.tables.markers)).logits
    risk = float(torch.softmax(logits.double(), 1)[0, 0])
    expected = np.interp(risk, [0, median, 1], [0, 0.5, 1])
    assert predict(predictor, patient).prognosis.tdlm_score == pytest.approx(expected)


def test_baseline_only_gives_the_baseline_score_and_reasons_for_the_rest(predictor: Predictor) -> None:
    prognosis = predict(predictor, a_case(1)).prognosis
    assert [s.name for s in prognosis.by_time_points] == ["LDLM-BS"]
    assert prognosis.nomogram.total_points is None
    assert "baseline" in (prognosis.nomogram.reason or "")
    assert prognosis.recist.paper is None
    assert "baseline" in (prognosis.recist.reason or "")
    assert prognosis.tb_delta_percent is None
    assert "baseline" in (prognosis.tb_delta_reason or "")
    assert prognosis.attention.time_importance == {"BL": pytest.approx(1.0)}


def test_one_follow_up_enters_with_a_warning(predictor: Predictor) -> None:
    prognosis = predict(predictor, a_case(2)).prognosis
    assert prognosis.nomogram.total_points is not None
    assert prognosis.cutoff == 0.5
    assert "one_follow_up" in codes(prognosis)


def test_an_unmeasured_target_gives_no_nomogram_but_a_reason(predictor: Predictor) -> None:
    patient = a_case()
    liver = patient.lesions[1]
    gone = replace(liver.observations[2], state="not evaluable", long_mm=None, short_mm=None)
    patient = replace(
        patient, lesions=(patient.lesions[0], replace(liver, observations=(*liver.observations[:2], gone)))
    )
    prognosis = predict(predictor, patient).prognosis
    assert prognosis.nomogram.total_points is None
    assert "RECIST" in (prognosis.nomogram.reason or "")
    assert prognosis.ldlm_score > 0


@pytest.mark.parametrize(
    ("clinical", "word"), [(Clinical(None, "3+", centre="C1"), "Sex"), (Clinical("male", None, centre="C1"), "HER2")]
)
def test_unknown_clinical_data_are_never_imputed(predictor: Predictor, clinical: Clinical, word: str) -> None:
    nomogram = predict(predictor, a_case(clinical=clinical)).prognosis.nomogram
    assert nomogram.points is None
    assert word in (nomogram.reason or "")


def test_a_horizon_before_the_last_time_point_used_is_null(predictor: Predictor) -> None:
    # 2F on day 92; therapy started 100 days before baseline: known alive 192 days, longer than 6 months (182.6).
    nomogram = predict(predictor, a_case(therapy_start_day=-100)).prognosis.nomogram
    assert nomogram.survival is not None
    assert nomogram.survival["6"] is None
    assert nomogram.survival["12"] is not None
    assert "6 months: already passed" in nomogram.notes
    closer = predict(predictor, a_case(therapy_start_day=-90)).prognosis.nomogram
    assert closer.survival is not None
    assert closer.survival["6"] is not None


def test_no_object_at_baseline_is_refused_with_advice(predictor: Predictor) -> None:
    patient = case(lesion("N1", times=("1F", "2F")))
    with pytest.raises(CaseError, match="Draw at least one box on the baseline CT"):
        predict(predictor, patient)


def test_saliency_lists_exactly_the_maps_on_the_grid_of_their_crops(predictor: Predictor) -> None:
    patient = a_case()
    bundle = Bundle(patient, rois_of(patient, rows=9, columns=14))
    prediction = predictor.predict(bundle)
    entries, maps = prediction.prognosis.saliency, prediction.saliency.maps
    assert [e.member for e in entries] == list(maps)
    assert len(entries) == len(bundle.rois) == 9
    for entry, roi in zip(entries, bundle.rois):
        assert (entry.lesion_id, entry.time_point, entry.phase) == roi.identity
        assert entry.place == roi.place
        assert maps[entry.member].shape == (9, 14)
        assert entry.maximum == pytest.approx(float(maps[entry.member].max()), rel=1e-3, abs=1e-7)
    everything = np.concatenate([m.ravel() for m in maps.values()]).astype(float)
    assert prediction.prognosis.saliency_display_max == pytest.approx(np.percentile(everything, 99.5))
    assert prediction.saliency.case_id == patient.case_id


def test_attention_has_a_row_per_object_and_time_point(predictor: Predictor) -> None:
    attention = predict(predictor, a_case()).prognosis.attention
    assert [(o.lesion_id, o.phase) for o in attention.objects] == [("P", "arterial"), ("P", "venous"), ("H1", "venous")]
    assert np.shape(attention.object_by_object) == (4, 4)
    assert np.shape(attention.time_by_time) == (3, 4, 4)
    assert np.allclose(np.sum(attention.object_by_object, axis=1), 1, atol=1e-5)
    assert sum(attention.time_importance.values()) == pytest.approx(1.0, abs=1e-5)


def test_the_order_of_lesions_does_not_matter(predictor: Predictor) -> None:
    patient = a_case()
    bundle = Bundle(patient, rois_of(patient))
    swapped = Bundle(replace(patient, lesions=patient.lesions[::-1]), bundle.rois)
    first, second = predictor.predict(bundle).prognosis, predictor.predict(swapped).prognosis
    assert second.ldlm_score == pytest.approx(first.ldlm_score, abs=1e-5)
    maxima = [{(e.lesion_id, e.time_point, e.phase): e.maximum for e in p.saliency} for p in (first, second)]
    assert maxima[0].keys() == maxima[1].keys()
    for key, value in maxima[0].items():
        assert maxima[1][key] == pytest.approx(value, rel=1e-2, abs=1e-5)


def test_concurrent_calls_give_what_single_calls_give(predictor: Predictor) -> None:
    patients = [a_case(times) for times in (1, 2, 3, 4)]
    alone = [predict(predictor, p).prognosis for p in patients]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda p: predict(predictor, p).prognosis, patients * 2))
    for one, other in zip(alone * 2, together):
        assert other.ldlm_score == pytest.approx(one.ldlm_score, abs=1e-6)
        assert other.case_id == one.case_id
        assert len(other.saliency) == len(one.saliency)


def test_quality_notes_say_what_was_assumed(predictor: Predictor) -> None:
    good = codes(predict(predictor, a_case()).prognosis)
    assert good == {"end_of_volume"}  # the first ROI of the test bundles carries it
    unknown = a_case(therapy_start_day=None, clinical=Clinical("male", "3+", centre="Elsewhere"), synthetic=True)
    assert codes(predict(predictor, unknown).prognosis) >= {"therapy_start_unknown", "unknown_centre", "synthetic_case"}
    assert "old_baseline" in codes(predict(predictor, a_case(therapy_start_day=29)).prognosis)
    assert "old_baseline" not in codes(predict(predictor, a_case(therapy_start_day=28)).prognosis)
    late = a_case()
    late = replace(late, time_points=(*late.time_points[:2], replace(late.time_points[2], day=300)))
    assert "unusual_interval" in codes(predict(predictor, late).prognosis)


def test_a_model_without_markers_says_so_and_still_answers() -> None:
    predictor = Predictor(untrained_model(markers=False, synthetic=False))
    prognosis = predict(predictor, a_case()).prognosis
    assert prognosis.tdlm_score is None
    assert prognosis.nomogram.variant == "Nomo-w/o-TDLM"
    assert "no_marker_model" in codes(prognosis)
    assert "SYNTHETIC" not in prognosis.notice
    assert "SYNTHETIC CASE" in predict(predictor, a_case(synthetic=True)).prognosis.notice
