"""From the vectors of single observations to the prognosis of each patient: both formers and the head.

The LDLM (image features) and the TDLM (tumour markers) differ only in where these vectors come from.
Letters for shapes: B patients, T time points, O objects, N observations, G objects seen at least once, D = 512.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from her2_core.errors import ModelError
from her2_core.models.batch import Layout
from her2_core.models.formers import NORM_EPSILON, WIDTH, OHFormer, THFormer

CLASSES = 2
"""0 = OS <= 12 months, 1 = OS > 12 months."""
DROPOUT = 0.5
"""On features, attention weights, block outputs and in the head."""
TOKEN_STD = 0.02
"""Initial standard deviation of the tokens and the token position; the published network starts them at 0."""


@dataclass(frozen=True, eq=False)
class Output:
    """What a network says about B patients.

    Attributes:
        logits: (B, 2); softmax column 1 = probability of OS > 12 months.
        object_attention: (B, 1 + O, 1 + O) of the OH-former, averaged over heads, without dropout; row = query,
            row and column 0 the aggregation token; 0 in rows and columns of objects never observed.
        time_attention: (B, O, 1 + T, 1 + T) of the TH-former's last block, likewise; all 0 for objects never observed.
    """

    logits: Tensor
    object_attention: Tensor
    time_attention: Tensor


class Aggregator(nn.Module):
    """Dropout, TH-former over time, OH-former over objects, head (dropout, LN, two linear maps, nothing between).

    Args:
        dropout: everywhere the paper's network has one.
        token_std: initial standard deviation of tokens and token position.
        temporal_position: False is the ablation of Table S6.
    """

    def __init__(self, dropout: float, token_std: float, temporal_position: bool) -> None:
        super().__init__()
        self.feature_dropout = nn.Dropout(dropout)
        self.th_former = THFormer(dropout, token_std, temporal_position)
        self.oh_former = OHFormer(dropout, token_std)
        self.head = nn.Sequential(
            nn.Dropout(dropout),
            nn.LayerNorm(WIDTH, eps=NORM_EPSILON),
            nn.Linear(WIDTH, WIDTH),
            nn.Linear(WIDTH, CLASSES),
        )

    def forward(self, features: Tensor, layout: Layout) -> Output:
        """Features (N, D) of the observations, in the order of `layout.slot`."""
        patient, time, item = layout.slot.unbind(1)
        batch, times, objects = layout.observed.shape
        seen = layout.observed.any(1)  # (B, O)
        row = torch.cumsum(seen.flatten(), 0).sub(1).view(batch, objects)  # place of (b, o) among the G seen
        over_time = layout.observed.transpose(1, 2)[seen]  # (G, T)
        day = layout.day[:, None, :].expand(-1, objects, -1)[seen]  # (G, T)

        dropped = self.feature_dropout(features)
        sequences = dropped.new_zeros(len(day), times, WIDTH).index_put((row[patient, item], time), dropped)
        vectors, time_weights = self.th_former(sequences, day, over_time)  # (G, D)
        grid = vectors.new_zeros(batch, objects, WIDTH).masked_scatter(seen[:, :, None], vectors)
        summary, object_attention = self.oh_former(grid, seen)  # (B, D)

        time_attention = time_weights.new_zeros(batch, objects, 1 + times, 1 + times)
        time_attention[seen] = time_weights
        return Output(self.head(summary), object_attention, time_attention)


def check_rates(dropout: float, token_std: float) -> None:
    """Rules both networks' configurations share.

    Raises:
        ModelError: a value is out of range.
    """
    if not 0 <= dropout < 1:
        raise ModelError(f"must lie in [0, 1), not {dropout:g}", where="config.dropout")
    if not 0 <= token_std <= 1:
        raise ModelError(f"must lie in [0, 1], not {token_std:g}", where="config.token_std")
