"""The two attention modules of the network: TH-former (one object over time) and OH-former (objects of one patient).

He 2024, Methods and Fig. S4. Both prepend a learnable aggregation token and give back its row.
Letters for shapes: G sequences, L = 1 + rows, D = 512, H = 32 heads.
"""

from __future__ import annotations

import math
from typing import Tuple

import torch
from torch import Tensor, nn

WIDTH = 512
"""D: the pooled ResNet-18 vector, kept through both formers."""
HEADS = 32
MAX_POSITION_DAYS = 730
"""Days since baseline are clamped to two years for the temporal position."""
NORM_EPSILON = 1e-5


class TemporalPosition(nn.Module):
    """Fixed sinusoid of width D by days since baseline: even entries sine, odd cosine, frequency 10000^(-2i/D)."""

    table: Tensor

    def __init__(self) -> None:
        super().__init__()
        days = torch.arange(MAX_POSITION_DAYS + 1, dtype=torch.float64)[:, None]
        phase = days * 10000 ** (-torch.arange(0, WIDTH, 2, dtype=torch.float64) / WIDTH)  # (731, D / 2)
        table = torch.stack([phase.sin(), phase.cos()], -1).flatten(1).float()
        self.register_buffer("table", table, persistent=False)  # computed, so never part of a weight file

    def forward(self, day: Tensor, observed: Tensor) -> Tensor:
        """(G, T) days -> (G, T, D); the day of a slot that was not observed is never looked at."""
        day = torch.where(observed, day, torch.zeros_like(day))
        position: Tensor = self.table[day.clamp(0, MAX_POSITION_DAYS).round().long()]
        return position


class SelfAttention(nn.Module):
    """Multi-head self-attention with a key mask; no output projection."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.query = nn.Linear(WIDTH, WIDTH)
        self.key = nn.Linear(WIDTH, WIDTH)
        self.value = nn.Linear(WIDTH, WIDTH)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tuple[Tensor, Tensor]:
        """Attend.

        Args:
            x: (G, L, D).
            mask: (G, L) bool, true = may be attended to; at least one per sequence.

        Returns:
            (G, L, D), and the weights (G, H, L, L) before dropout: row = query, column = key.
        """
        query, key, value = (self._split(linear(x)) for linear in (self.query, self.key, self.value))
        scores = query @ key.transpose(-2, -1) / math.sqrt(WIDTH // HEADS)  # (G, H, L, L)
        weights = scores.masked_fill(~mask[:, None, None, :], -torch.inf).softmax(-1)
        mixed: Tensor = self.dropout(weights) @ value  # (G, H, L, D / H)
        return mixed.transpose(1, 2).flatten(2), weights

    @staticmethod
    def _split(x: Tensor) -> Tensor:
        return x.view(*x.shape[:-1], HEADS, WIDTH // HEADS).transpose(1, 2)  # (G, H, L, D / H)


class Block(nn.Module):
    """a = x + LN(MHSA(x));  y = a + Dropout(LN(W a + b)); no activation after W."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.attention = SelfAttention(dropout)
        self.attention_norm = nn.LayerNorm(WIDTH, eps=NORM_EPSILON)
        self.linear = nn.Linear(WIDTH, WIDTH)
        self.linear_norm = nn.LayerNorm(WIDTH, eps=NORM_EPSILON)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tuple[Tensor, Tensor]:
        """(G, L, D) with key mask (G, L) -> (G, L, D), and the weights (G, L, L) averaged over heads, before dropout."""
        attended, weights = self.attention(x, mask)
        a = x + self.attention_norm(attended)
        y: Tensor = a + self.dropout(self.linear_norm(self.linear(a)))
        return y, weights.detach().mean(1)


class THFormer(nn.Module):
    """Temporal heterogeneity: the vector of one object from its time points. One module serves all objects.

    Args:
        dropout: on attention weights and block outputs.
        token_std: initial standard deviation of the token and its position (0 = zeros).
        temporal_position: False switches the sinusoid off (the paper's ablation, Table S6).
    """

    def __init__(self, dropout: float, token_std: float, temporal_position: bool = True) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.zeros(WIDTH))
        self.token_position = nn.Parameter(torch.zeros(WIDTH))
        self.position = TemporalPosition() if temporal_position else None
        self.blocks = nn.ModuleList([Block(dropout), Block(dropout)])
        _initialise(self, token_std)

    def forward(self, x: Tensor, day: Tensor, observed: Tensor) -> Tuple[Tensor, Tensor]:
        """Aggregate over time.

        Args:
            x: (G, T, D) features of G objects; finite, but without influence where not observed.
            day: (G, T) days since baseline; any value where not observed.
            observed: (G, T) bool.

        Returns:
            (G, D), and the last block's weights (G, 1 + T, 1 + T); row and column 0 are the token.
        """
        time_position = torch.zeros_like(x) if self.position is None else self.position(day, observed).to(x.dtype)
        position = _prepend(self.token_position, time_position)  # (G, 1 + T, D)
        x, mask = _prepend(self.token, x), _with_token(observed)
        weights = x.new_empty(0)
        for block in self.blocks:
            x, weights = block(x + position, mask)
        return x[:, 0], _only_observed(weights, mask)


class OHFormer(nn.Module):
    """Object heterogeneity: the vector of one patient from its objects (lesions x phases, or markers); no positions."""

    def __init__(self, dropout: float, token_std: float) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.zeros(WIDTH))
        self.block = Block(dropout)
        _initialise(self, token_std)

    def forward(self, x: Tensor, observed: Tensor) -> Tuple[Tensor, Tensor]:
        """(B, O, D) with mask (B, O) -> (B, D), and weights (B, 1 + O, 1 + O); row and column 0 are the token."""
        mask = _with_token(observed)
        x, weights = self.block(_prepend(self.token, x), mask)
        return x[:, 0], _only_observed(weights, mask)


def _prepend(row: Tensor, x: Tensor) -> Tensor:
    return torch.cat([row.to(x.dtype).expand(len(x), 1, -1), x], 1)


def _with_token(observed: Tensor) -> Tensor:
    """(G, L - 1) -> (G, L) key mask; the token is never masked."""
    return torch.cat([observed.new_ones(len(observed), 1), observed], 1)


def _only_observed(weights: Tensor, mask: Tensor) -> Tensor:
    """Rows of masked slots mean nothing: 0, as their columns are already."""
    return weights * mask[:, :, None]


def _initialise(former: nn.Module, token_std: float) -> None:
    for name, parameter in former.named_parameters():
        if "token" in name:
            nn.init.normal_(parameter, std=token_std)
    for module in former.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)
