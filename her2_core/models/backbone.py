"""ResNet-18 up to global average pooling (torchvision): one 512-vector per ROI (He 2024, Fig. S3)."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torchvision.models import ResNet
from torchvision.models.resnet import BasicBlock

Stem = Literal["full", "no_pool"]


class Backbone(ResNet):
    """ResNet-18 without its classifier; parameter names as in torchvision, random weights.

    Args:
        stem: "full" as published (stride 32 in all: 7 x 7 maps at 224 px); "no_pool" leaves the max-pooling out
            (stride 16), for small patches.
    """

    def __init__(self, stem: Stem = "full") -> None:
        super().__init__(BasicBlock, [2, 2, 2, 2])
        self.fc = nn.Identity()
        if stem == "no_pool":
            self.maxpool = nn.Identity()

    def maps(self, patches: Tensor) -> Tensor:
        """(N, 3, S, S) -> output of the last stage, (N, 512, S / 32, S / 32)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(patches))))
        maps: Tensor = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return maps

    def forward(self, patches: Tensor) -> Tensor:
        """(N, 3, S, S) -> (N, 512)."""
        return pool(self.maps(patches))


def pool(maps: Tensor) -> Tensor:
    """Global average pooling, (N, 512, h, w) -> (N, 512)."""
    return maps.mean((-2, -1))
