"""Grad-CAM against captum on the whole network, and attention over time."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from captum.attr import LayerGradCam
from torch import Tensor

from her2_core.models.batch import RoiBatch
from her2_core.models.explain import explain, explain_maps, time_importance
from her2_core.models.ldlm import LDLM
from support.networks import layout_of, random_features, random_rois, seeded_ldlm, three_patients


@pytest.fixture(scope="module")
def model() -> LDLM:
    return seeded_ldlm(96)


@pytest.fixture(scope="module")
def batch() -> RoiBatch:
    return random_rois(three_patients(), 96)


def logit_difference(model: LDLM, batch: RoiBatch, patient: int, patches: Tensor) -> Tensor:
    logits = model(RoiBatch(patches, batch.slot, batch.day, batch.observed)).logits[patient]
    return (logits[0] - logits[1])[None]


def captums_maps(model: LDLM, batch: RoiBatch) -> Tensor:
    """Standard Grad-CAM through the whole network, once per patient; each ROI keeps the map of its own patient."""
    per_patient = []
    for patient in range(len(batch.day)):
        gradcam = LayerGradCam(partial(logit_difference, model, batch, patient), model.backbone.layer4)
        per_patient.append(gradcam.attribute(batch.patches, relu_attributions=True)[:, 0].detach())
    return torch.stack(per_patient)[batch.slot[:, 0], torch.arange(len(batch.slot))]


def captums_map_of_one(model: LDLM, batch: RoiBatch, roi: int) -> Tensor:
    """Standard Grad-CAM of one ROI: the network as a function of its patch alone, all other ROIs held."""
    others = model.features(batch.patches).detach()

    def difference(patch: Tensor) -> Tensor:
        features = torch.cat([others[:roi], model.features(patch), others[roi + 1 :]])
        logits = model.aggregate(features, batch.layout).logits[batch.slot[roi, 0]]
        return (logits[0] - logits[1])[None]

    gradcam = LayerGradCam(difference, model.backbone.layer4)
    return gradcam.attribute(batch.patches[roi : roi + 1], relu_attributions=True)[0, 0].detach()


def assert_same_maps(ours: Tensor, theirs: Tensor, tolerance: float) -> None:
    """Per map, before any scaling."""
    assert ours.shape == theirs.shape
    largest = theirs.abs().amax((1, 2))
    assert largest.min() > 0
    assert ((ours - theirs).abs().amax((1, 2)) / largest).max() <= tolerance


@pytest.mark.parametrize(("size", "seed"), [(64, 3), (96, 0)])  # seeds whose maps are not all cut to 0 by the ReLU
def test_gradcam_equals_captum_on_the_whole_network(size: int, seed: int) -> None:
    model, batch = seeded_ldlm(size, seed), random_rois(three_patients(), size)
    ours = explain(model, batch).gradcam
    assert ours.shape == (14, size // 32, size // 32)
    assert ours.dtype == torch.float32
    assert_same_maps(ours, captums_maps(model, batch), 1e-5)


def test_gradcam_equals_captum_at_the_published_size() -> None:
    model = seeded_ldlm(224, seed=5)
    batch = random_rois(layout_of([(0, 0, 0), (0, 1, 0)], [[0, 44]], objects=1), 224)
    assert_same_maps(explain(model, batch).gradcam, captums_maps(model, batch), 1e-5)


def test_gradcam_equals_captum_roi_by_roi_in_double_precision(batch: RoiBatch) -> None:
    model = seeded_ldlm(96).double()
    exact = RoiBatch(batch.patches.double(), batch.slot, batch.day, batch.observed)
    theirs = torch.stack([captums_map_of_one(model, exact, roi) for roi in range(0, 14, 3)])
    assert_same_maps(explain(model, exact).gradcam[::3], theirs, 1e-9)


def test_patients_explained_together_get_what_each_gets_alone(model: LDLM, batch: RoiBatch) -> None:
    together = explain(model, batch)
    for b in range(3):
        mine = batch.slot[:, 0] == b
        slot = batch.slot[mine] - torch.tensor([b, 0, 0])
        alone = explain(model, RoiBatch(batch.patches[mine], slot, batch.day[b : b + 1], batch.observed[b : b + 1]))
        torch.testing.assert_close(together.logits[b : b + 1], alone.logits, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(together.gradcam[mine], alone.gradcam, atol=1e-7, rtol=1e-4)
        torch.testing.assert_close(together.time_importance[b], alone.time_importance[0])


def test_the_explained_prediction_is_the_prediction(model: LDLM, batch: RoiBatch) -> None:
    explanation, output = explain(model, batch), model(batch)
    torch.testing.assert_close(explanation.logits, output.logits, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(explanation.time_attention, output.time_attention, atol=1e-6, rtol=1e-5)
    assert not explanation.gradcam.requires_grad
    assert not explanation.logits.requires_grad


def test_kept_maps_answer_for_fewer_time_points(model: LDLM, batch: RoiBatch) -> None:
    with torch.inference_mode():
        maps = model.backbone.maps(batch.patches)
    layout, kept = batch.layout.first(2)
    again, fresh = explain_maps(model, maps[kept], layout), explain(model, batch.first(2))
    torch.testing.assert_close(again.logits, fresh.logits, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(again.gradcam, fresh.gradcam, atol=1e-7, rtol=1e-4)


def test_explaining_leaves_no_gradient_in_the_model_and_works_under_no_grad(batch: RoiBatch) -> None:
    model = seeded_ldlm(96)
    with torch.no_grad():
        assert explain(model, batch).gradcam.max() > 0
    assert all(p.grad is None for p in model.parameters())


def test_a_network_in_training_mode_is_not_explained(batch: RoiBatch) -> None:
    with pytest.raises(ValueError, match="eval"):
        explain(seeded_ldlm(96).train(), batch)


def test_time_importance_is_the_tokens_attention_averaged_over_objects() -> None:
    attention = torch.zeros(1, 3, 4, 4)
    attention[0, 0, 0] = torch.tensor([0.4, 0.3, 0.1, 0.2])
    attention[0, 1, 0] = torch.tensor([0.5, 0.1, 0.0, 0.4])  # not seen at the second time point
    attention[0, :2, 1:, 1:] = 0.9  # rows of time points do not count, nor does the third object, never seen
    expected = torch.tensor([[0.4, 0.1, 0.6]]) / 1.1
    torch.testing.assert_close(time_importance(attention), expected)


def test_time_importance_sums_to_one_over_the_observed_time_points(model: LDLM) -> None:
    layout = three_patients()
    importance = time_importance(model.aggregate(random_features(layout), layout).time_attention)
    torch.testing.assert_close(importance.sum(1), torch.ones(3))
    assert torch.equal(importance > 0, layout.observed.any(2))
