from __future__ import annotations

from typing import Dict

import torch
from torch import Tensor, nn

from her2_core.models.ldlm import LDLM
from her2_core.training.chunks import backward, even_chunks
from support.networks import random_rois, seeded_ldlm, three_patients


def loss_of(logits: Tensor) -> Tensor:
    return (logits[:, 0] * torch.tensor([1.0, -2.0, 0.5])).sum() + logits.square().mean()


def gradients(model: LDLM, max_rois: int) -> Dict[str, Tensor]:
    model.zero_grad(set_to_none=True)
    backward(model, random_rois(three_patients(), 32), loss_of, max_rois)
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def test_chunked_gradients_equal_whole_ones_when_batch_norm_is_fixed() -> None:
    model = seeded_ldlm().double().float()
    whole, chunked = gradients(model, 100), gradients(model, 4)
    assert whole.keys() == chunked.keys() == dict(model.named_parameters()).keys()
    for name, gradient in whole.items():
        scale = gradient.abs().max().clamp_min(1e-6)
        assert ((chunked[name] - gradient).abs().max() / scale).item() < 1e-3, name
    assert max(g.abs().max().item() for g in whole.values()) > 1e-3


def test_the_loss_is_the_same() -> None:
    model, batch = seeded_ldlm(), random_rois(three_patients(), 32)
    assert abs(backward(model, batch, loss_of, 100) - backward(model, batch, loss_of, 4)) < 1e-5


def test_running_statistics_are_updated_once_per_chunk_and_dropout_hits_once() -> None:
    model = seeded_ldlm()
    model.backbone.train()
    backward(model, random_rois(three_patients(), 32), loss_of, 7)  # 14 ROIs: two chunks
    assert int(model.backbone.bn1.num_batches_tracked) == 2
    assert all(m.track_running_stats for m in model.modules() if isinstance(m, nn.BatchNorm2d))


def test_in_training_mode_chunks_differ_only_by_their_batch_norm_statistics() -> None:
    reference, chunked = seeded_ldlm(), seeded_ldlm()
    batch = random_rois(three_patients(), 32)
    for model in (reference, chunked):
        model.backbone.train()
    parts = [reference.features(part) for part in even_chunks(batch.patches, 7)]
    loss_of(reference.aggregate(torch.cat(parts), batch.layout).logits).backward()
    backward(chunked, batch, loss_of, 7)
    ours, theirs = (m.backbone.layer4[1].conv2.weight.grad for m in (chunked, reference))
    assert torch.allclose(ours, theirs, rtol=1e-3, atol=1e-6)


def test_chunks_are_even_so_that_none_has_a_single_roi() -> None:
    assert [len(c) for c in even_chunks(torch.zeros(9, 1), 8)] == [5, 4]
    assert [len(c) for c in even_chunks(torch.zeros(8, 1), 8)] == [8]
