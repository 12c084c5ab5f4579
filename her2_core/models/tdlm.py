"""TDLM, the tumour-marker-based deep learning model: serum markers at several time points -> prognosis (He 2024)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple

import torch
from torch import Tensor, nn

from her2_core.case import MARKERS
from her2_core.errors import ModelError
from her2_core.models.aggregator import DROPOUT, TOKEN_STD, Aggregator, Output, check_rates
from her2_core.models.batch import MarkerBatch
from her2_core.models.formers import WIDTH


@dataclass(frozen=True)
class TdlmConfig:
    """Shape of a TDLM.

    Attributes:
        markers: their names, in the order of the batch's last axis.
        temporal_position, dropout, token_std: as in `LdlmConfig`.
    """

    markers: Tuple[str, ...] = MARKERS
    temporal_position: bool = True
    dropout: float = DROPOUT
    token_std: float = TOKEN_STD

    def __post_init__(self) -> None:
        if not self.markers or len(set(self.markers)) != len(self.markers):
            raise ModelError("needs at least one marker, and none twice", where="config.markers")
        check_rates(self.dropout, self.token_std)


class TDLM(nn.Module):
    """One linear map 1 -> 512 per marker, then the same formers and head as the LDLM, with weights of their own."""

    def __init__(self, config: TdlmConfig) -> None:
        super().__init__()
        self.config = config
        self.embeddings = nn.ModuleList([nn.Linear(1, WIDTH) for _ in config.markers])
        self.aggregator = Aggregator(config.dropout, config.token_std, config.temporal_position)

    def features(self, batch: MarkerBatch) -> Tensor:
        """(N, 512) of the measured values only, in the order of `batch.layout.slot`."""
        values, marker = batch.values[batch.observed], batch.layout.slot[:, 2]  # (N,)
        weight = torch.stack([linear.weight[:, 0] for linear in self._linears()])  # (M, D)
        bias = torch.stack([linear.bias for linear in self._linears()])
        return torch.addcmul(bias[marker], values[:, None], weight[marker])

    def forward(self, batch: MarkerBatch) -> Output:
        """Logits (B, 2) and attention of B patients; the objects are the markers."""
        output: Output = self.aggregator(self.features(batch), batch.layout)
        return output

    def _linears(self) -> Tuple[nn.Linear, ...]:
        return tuple(module for module in self.embeddings if isinstance(module, nn.Linear))
