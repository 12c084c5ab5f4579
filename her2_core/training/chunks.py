"""Gradients of batches whose activations do not fit the memory: the backbone runs in chunks, the loss stays the same.

The loss needs all patients at once (risk sets), the backbone does not. So features are computed chunk by chunk
without a graph, the loss is differentiated with respect to the features, and each chunk is run again with a graph to
carry its part of that gradient on (gradient caching, Gao et al. 2021). Batch norm sees one chunk at a time, so in
training mode its statistics are those of chunks of `max_rois`, not of the whole batch.
"""

from __future__ import annotations

import contextlib
from typing import Callable, Iterator, List, Union

import torch
from torch import Tensor, nn

from her2_core.models.batch import MarkerBatch, RoiBatch
from her2_core.models.ldlm import LDLM

Batch = Union[RoiBatch, MarkerBatch]


def backward(model: nn.Module, batch: Batch, loss_of: Callable[[Tensor], Tensor], max_rois: int) -> float:
    """Add the gradients of `loss_of(logits)` to the parameters.

    Args:
        model: LDLM or TDLM.
        batch: its batch.
        loss_of: scalar loss of the logits (B, 2).
        max_rois: largest chunk.

    Returns:
        the loss.
    """
    if isinstance(model, LDLM) and isinstance(batch, RoiBatch) and len(batch.patches) > max_rois:
        return _in_chunks(model, batch, loss_of, max_rois)
    loss = loss_of(model(batch).logits)
    loss.backward()  # type: ignore[no-untyped-call]
    return float(loss.detach())


def _in_chunks(model: LDLM, batch: RoiBatch, loss_of: Callable[[Tensor], Tensor], max_rois: int) -> float:
    chunks = even_chunks(batch.patches, max_rois)
    with torch.no_grad(), _frozen_running_statistics(model):
        features = torch.cat([model.features(chunk) for chunk in chunks])
    features.requires_grad_()
    loss = loss_of(model.aggregate(features, batch.layout).logits)
    loss.backward()  # type: ignore[no-untyped-call]
    if features.grad is None:
        raise RuntimeError("the loss does not depend on the features")
    gradients = torch.split(features.grad, [len(chunk) for chunk in chunks])
    for chunk, gradient in zip(chunks, gradients):
        model.features(chunk).backward(gradient)  # type: ignore[no-untyped-call]
    return float(loss.detach())


def even_chunks(patches: Tensor, max_rois: int) -> List[Tensor]:
    """As few chunks as needed, of nearly equal size, so that none is left with a single ROI."""
    count = -(-len(patches) // max_rois)
    return list(patches.tensor_split(count))


@contextlib.contextmanager
def _frozen_running_statistics(model: nn.Module) -> Iterator[None]:
    """Batch norm as in training, but its running averages are updated by the second pass only."""
    layers = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d) and m.track_running_stats]
    for layer in layers:
        layer.track_running_stats = layer.training is False
    try:
        yield
    finally:
        for layer in layers:
            layer.track_running_stats = True
