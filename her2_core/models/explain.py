"""Why the LDLM says what it says: Grad-CAM of every ROI, attention over time and over objects (He 2024, Figs. 5 and 6).

Global average pooling stands between the last feature maps and everything after, so the gradient of a logit by a map
is the gradient by the pooled vector, divided by the number of map pixels. Autograd through formers and head is enough:
one backbone pass in inference mode serves prediction and saliency of all ROIs.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from her2_core.models.backbone import pool
from her2_core.models.batch import Layout, RoiBatch
from her2_core.models.ldlm import LDLM
from her2_core.models.losses import log_hazard


@dataclass(frozen=True, eq=False)
class Explanation:
    """Prediction of B patients with its reasons.

    Attributes:
        logits: (B, 2).
        gradcam: (N, h, w) float32 >= 0, one map per ROI in the order of the batch, for z0 - z1 of its own patient
            (bright = speaks for death within a year), not normalised.
        object_attention, time_attention: as in `Output`.
        time_importance: (B, T), the token's attention to each time point, averaged over objects; sums to 1 over the
            observed time points, 0 elsewhere.
    """

    logits: Tensor
    gradcam: Tensor
    object_attention: Tensor
    time_attention: Tensor
    time_importance: Tensor


def explain(model: LDLM, batch: RoiBatch) -> Explanation:
    """Predict and explain; see `explain_maps`."""
    with torch.inference_mode():
        maps = model.backbone.maps(batch.patches)
    return explain_maps(model, maps, batch.layout)


def explain_maps(model: LDLM, maps: Tensor, layout: Layout) -> Explanation:
    """Predict and explain from the backbone's last feature maps (kept from an earlier pass, or of another engine).

    Not to be called inside `torch.inference_mode`.

    Args:
        model: in evaluation mode, where patients of a batch do not influence each other.
        maps: (N, 512, h, w) in the order of `layout.slot`.
        layout: where they belong.

    Raises:
        ValueError: the model is in training mode.
    """
    if model.training:
        raise ValueError("explanations need model.eval(): dropout would change them")
    with torch.enable_grad():
        features = pool(maps).detach().clone().requires_grad_()  # (N, 512)
        output = model.aggregate(features, layout)
        # Each ROI belongs to one patient, so the sum over patients gives each ROI the gradient of its own.
        (gradient,) = torch.autograd.grad(log_hazard(output.logits).sum(), features)
    weights = gradient / maps[0, 0].numel()
    gradcam = torch.einsum("nc,nchw->nhw", weights, maps).relu()
    return Explanation(
        logits=output.logits.detach(),
        gradcam=gradcam,
        object_attention=output.object_attention,
        time_attention=output.time_attention,
        time_importance=time_importance(output.time_attention),
    )


def time_importance(time_attention: Tensor) -> Tensor:
    """(B, O, 1 + T, 1 + T) of the TH-former -> (B, T): the token's row, averaged over objects, sum 1 per patient.

    Slots and objects that were not observed hold 0 and so do not count.
    """
    weights = time_attention[:, :, 0, 1:].sum(1)
    return weights / weights.sum(1, keepdim=True).clamp_min(torch.finfo(weights.dtype).tiny)
