"""The whole network: size, masks, batching, and what it must not depend on."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from her2_core.errors import ModelError
from her2_core.models.aggregator import Aggregator
from her2_core.models.batch import Layout, RoiBatch
from her2_core.models.ldlm import LDLM, LdlmConfig
from support.networks import layout_of, random_features, random_rois, seeded_ldlm, three_patients


@pytest.fixture(scope="module")
def model() -> LDLM:
    return seeded_ldlm()


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_the_published_network_has_14600770_parameters_in_the_right_places() -> None:
    model = LDLM(LdlmConfig.published())
    norm, linear = 2 * 512, 512 * 512 + 512
    block = 4 * linear + 2 * norm  # q, k, v, W; two LayerNorms
    resnet18_without_classifier = 11_689_512 - (512 * 1000 + 1000)
    assert count(model.backbone) == resnet18_without_classifier == 11_176_512
    assert count(model.aggregator.th_former) == 2 * block + 2 * 512 == 2_106_368
    assert count(model.aggregator.oh_former) == block + 512 == 1_053_184
    assert count(model.aggregator.head) == norm + linear + (2 * 512 + 2) == 264_706
    assert count(model) == 14_600_770
    assert model.aggregator.th_former.token.abs().max() == model.aggregator.oh_former.token.abs().max() == 0


def test_the_default_network_differs_from_the_published_one_in_its_first_tokens_only() -> None:
    default, published = LDLM(LdlmConfig()), LDLM(LdlmConfig.published())
    assert default.state_dict().keys() == published.state_dict().keys()
    assert default.aggregator.th_former.token.std().item() == pytest.approx(0.02, rel=0.15)
    assert LdlmConfig.quick(48) == LdlmConfig(image_size=48)


def test_the_weights_hold_no_computed_table() -> None:
    own = LDLM(LdlmConfig.published()).state_dict()
    backbone = [name for name in own if name.startswith("backbone.")]
    assert len(backbone) == 62 - 2 + 60  # torchvision: 62 parameters with the classifier, 20 x 3 running statistics
    assert len(own) - len(backbone) == 3 + 3 * 12 + 6  # tokens; blocks of 4 linear maps, 2 norms; head


def by_hand(aggregator: Aggregator, layout: Layout, features: torch.Tensor) -> torch.Tensor:
    """Patient after patient, object after object, with what was not observed left out instead of masked."""
    logits = []
    for b in range(len(layout.day)):
        vectors = []
        for o in range(layout.observed.shape[2]):
            rows = [n for n, (p, _, item) in enumerate(layout.slot.tolist()) if (p, item) == (b, o)]
            if rows:
                day = layout.day[b, layout.slot[rows, 1]][None]
                vectors.append(aggregator.th_former(features[rows][None], day, torch.ones_like(day).bool())[0])
        objects = torch.cat(vectors)[None]
        logits.append(aggregator.head(aggregator.oh_former(objects, torch.ones(objects.shape[:2]).bool())[0]))
    return torch.cat(logits)


def test_masking_equals_leaving_out(model: LDLM) -> None:
    layout = three_patients()
    features = random_features(layout)
    expected = by_hand(model.aggregator, layout, features)
    torch.testing.assert_close(model.aggregate(features, layout).logits, expected, atol=1e-5, rtol=1e-5)
    assert expected.std(0).min() > 1e-3  # the patients do differ


def test_a_patient_gets_the_same_answer_alone_and_in_a_batch(model: LDLM) -> None:
    batch = random_rois(three_patients(), 32)
    together = model(batch)
    for b in range(3):
        mine = batch.slot[:, 0] == b
        slot = batch.slot[mine] - torch.tensor([b, 0, 0])
        alone = model(RoiBatch(batch.patches[mine], slot, batch.day[b : b + 1], batch.observed[b : b + 1]))
        torch.testing.assert_close(alone.logits[0], together.logits[b], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(alone.time_attention[0], together.time_attention[b], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(alone.object_attention[0], together.object_attention[b], atol=1e-5, rtol=1e-5)


def test_empty_slots_whatever_they_hold_change_nothing(model: LDLM) -> None:
    layout = three_patients()
    features = random_features(layout)
    day = torch.cat([layout.day, torch.tensor([[math.nan], [math.inf], [-5.0]])], 1)
    day[1, 2] = math.nan  # patient 1 was never seen at time point 2
    observed = torch.zeros(3, 4, 6, dtype=torch.bool)
    observed[:, :3, :4] = layout.observed
    small = model.aggregate(features, layout)
    wide_features = features.clone().requires_grad_()
    wide = model.aggregate(wide_features, Layout(layout.slot, day, observed))
    torch.testing.assert_close(wide.logits, small.logits, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(wide.object_attention[:, :5, :5], small.object_attention, atol=1e-6, rtol=1e-6)
    assert wide.object_attention[:, 5:].abs().max() == 0
    wide.logits.sum().backward()
    assert wide_features.grad is not None
    assert bool(wide_features.grad.isfinite().all())
    assert all(bool(p.grad.isfinite().all()) for p in model.aggregator.parameters() if p.grad is not None)
    model.zero_grad()


def test_the_order_of_rois_and_of_objects_does_not_matter(model: LDLM) -> None:
    layout = three_patients()
    features = random_features(layout)
    expected = model.aggregate(features, layout)
    rows = torch.randperm(len(features), generator=torch.Generator().manual_seed(1))
    shuffled = Layout(layout.slot[rows], layout.day, layout.observed)
    torch.testing.assert_close(model.aggregate(features[rows], shuffled).logits, expected.logits)

    order = torch.tensor([2, 0, 3, 1])  # new object o is the old object order[o]
    slot = layout.slot.clone()
    slot[:, 2] = order.argsort()[slot[:, 2]]
    renamed = model.aggregate(features, Layout(slot, layout.day, layout.observed[:, :, order]))
    torch.testing.assert_close(renamed.logits, expected.logits, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(renamed.time_attention, expected.time_attention[:, order], atol=1e-5, rtol=1e-5)


def test_attention_rows_of_observed_slots_sum_to_one_and_all_others_are_zero(model: LDLM) -> None:
    layout = three_patients()
    output = model.aggregate(random_features(layout), layout)
    seen = layout.observed.any(1)
    token = torch.ones(3, 1)
    torch.testing.assert_close(output.object_attention.sum(-1), torch.cat([token, seen.float()], 1))
    expected = torch.cat([seen[:, :, None], layout.observed.transpose(1, 2)], 2).float()
    torch.testing.assert_close(output.time_attention.sum(-1), expected)


def test_only_real_rois_go_through_the_backbone(model: LDLM) -> None:
    batch = random_rois(three_patients(), 32)
    shapes = []
    hook = model.backbone.conv1.register_forward_pre_hook(lambda module, args: shapes.append(tuple(args[0].shape)))
    model(batch)
    hook.remove()
    assert shapes == [(14, 3, 32, 32)]


def test_dropout_hits_single_features_not_whole_rois() -> None:
    model = seeded_ldlm().train()
    layout = three_patients()
    seen = []
    model.aggregator.feature_dropout.register_forward_hook(lambda module, args, out: seen.append(out))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model.aggregate(torch.ones(14, 512), layout)
    assert set(seen[0].unique().tolist()) == {0.0, 2.0}
    kept = (seen[0] > 0).float().mean(1)
    assert kept.min() > 0.4
    assert kept.max() < 0.6


def test_every_parameter_learns() -> None:
    model = seeded_ldlm().train()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model(random_rois(three_patients(), 32)).logits[:, 0].sum().backward()
    still = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    # A bias of the keys shifts all scores of a query alike: softmax cancels it.
    assert all(name.endswith("attention.key.bias") for name in still), still


def test_the_first_time_points_are_the_same_as_a_shorter_course(model: LDLM) -> None:
    batch = random_rois(three_patients(), 32)
    kept = batch.slot[:, 1] < 2
    short = RoiBatch(batch.patches[kept], batch.slot[kept], batch.day[:, :2], batch.observed[:, :2])
    torch.testing.assert_close(model(batch.first(2)).logits, model(short).logits)
    assert not torch.allclose(model(batch.first(2)).logits, model(batch).logits, atol=1e-4)


def test_a_single_roi_is_enough(model: LDLM) -> None:
    batch = random_rois(layout_of([(0, 0, 0)], [[0]], objects=1), 32)
    assert bool(model(batch).logits.isfinite().all())


@pytest.mark.parametrize(
    ("changes", "place"),
    [({"image_size": 8}, "image_size"), ({"dropout": 1.0}, "dropout"), ({"token_std": -1.0}, "token_std")],
)
def test_impossible_configurations_are_refused(changes: dict[str, float], place: str) -> None:
    with pytest.raises(ModelError, match=place):
        LdlmConfig(**changes)  # type: ignore[arg-type]
