"""LDLM, the lesion-based deep learning model: ROIs of several lesions at several time points -> prognosis (He 2024)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from her2_core.errors import ModelError
from her2_core.models.aggregator import DROPOUT, TOKEN_STD, Aggregator, Output, check_rates
from her2_core.models.backbone import Backbone
from her2_core.models.batch import Layout, RoiBatch
from her2_core.models.patches import PATCH_SIZE


@dataclass(frozen=True)
class LdlmConfig:
    """Shape of an LDLM.

    Attributes:
        image_size: side of the patches, pixels.
        temporal_position: False is the ablation of Table S6.
        dropout: on features, attention weights, block outputs and in the head.
        token_std: initial standard deviation of tokens and token position.
    """

    image_size: int = PATCH_SIZE
    temporal_position: bool = True
    dropout: float = DROPOUT
    token_std: float = TOKEN_STD

    def __post_init__(self) -> None:
        if not 32 <= self.image_size <= 1024:
            raise ModelError(f"must lie between 32 and 1024 pixels, not {self.image_size}", where="config.image_size")
        check_rates(self.dropout, self.token_std)

    @staticmethod
    def published() -> LdlmConfig:
        """Exactly the layers of the published network, whose tokens start at zero."""
        return LdlmConfig(token_std=0.0)

    @staticmethod
    def quick(image_size: int = 64) -> LdlmConfig:
        """The same network on small patches, for demonstrations and tests."""
        return LdlmConfig(image_size=image_size)


class LDLM(nn.Module):
    """ResNet-18 on every real ROI, then TH-former over time, OH-former over objects, head.

    The two halves can be called apart: features of unchanged ROIs can be kept, the backbone can run in chunks or in
    inference mode, and several time windows can be asked with one backbone pass.
    """

    def __init__(self, config: LdlmConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = Backbone()
        self.aggregator = Aggregator(config.dropout, config.token_std, config.temporal_position)

    def features(self, patches: Tensor) -> Tensor:
        """(N, 3, S, S) standardised patches -> (N, 512)."""
        vectors: Tensor = self.backbone(patches)
        return vectors

    def aggregate(self, features: Tensor, layout: Layout) -> Output:
        """(N, 512) features in the order of `layout.slot` -> logits and attention of B patients."""
        output: Output = self.aggregator(features, layout)
        return output

    def forward(self, batch: RoiBatch) -> Output:
        """Logits (B, 2) and attention of B patients."""
        return self.aggregate(self.features(batch.patches), batch.layout)
