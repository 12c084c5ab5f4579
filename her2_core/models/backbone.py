"""ResNet-18 up to global average pooling (torchvision): one 512-vector per ROI (He 2024, Fig. S3)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Optional

import safetensors.torch
from torch import Tensor, nn
from torchvision.models import ResNet, ResNet18_Weights
from torchvision.models.resnet import BasicBlock

from her2_core.errors import ModelError


class Backbone(ResNet):
    """ResNet-18 without its classifier; parameter names as in torchvision, random weights."""

    def __init__(self) -> None:
        super().__init__(BasicBlock, [2, 2, 2, 2])
        self.fc = nn.Identity()

    def maps(self, patches: Tensor) -> Tensor:
        """(N, 3, S, S) -> output of the last stage, (N, 512, ceil(S / 32), ceil(S / 32))."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(patches))))
        maps: Tensor = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return maps

    def forward(self, patches: Tensor) -> Tensor:
        """(N, 3, S, S) -> (N, 512)."""
        return pool(self.maps(patches))


def pool(maps: Tensor) -> Tensor:
    """Global average pooling, (N, 512, h, w) -> (N, 512)."""
    return maps.mean((-2, -1))


def load_imagenet(backbone: Backbone, file: Optional[Path] = None) -> None:
    """Start from ImageNet weights instead of random ones (He 2024 trained from scratch).

    Args:
        backbone: changed in place; not at all when the weights do not fit.
        file: a state dict of torchvision's ResNet-18, `.safetensors` only (others can hold code);
            None = torchvision's download, checked against its hash.

    Raises:
        ModelError: the file cannot be read or holds another network.
    """
    state = (
        _read_state(file) if file else dict(ResNet18_Weights.DEFAULT.get_state_dict(progress=False, check_hash=True))
    )
    state = {name: value for name, value in state.items() if not name.startswith("fc.")}
    own = backbone.state_dict()
    wrong = sorted(own.keys() ^ state.keys()) or [name for name in own if own[name].shape != state[name].shape]
    if wrong:
        raise ModelError(
            f"not ImageNet weights of ResNet-18: {wrong[0]!r} does not fit",
            where=file.name if file else None,
            hint="Give torchvision's resnet18 state dict.",
        )
    backbone.load_state_dict(state)


def _read_state(file: Path) -> Dict[str, Any]:
    try:
        return dict(safetensors.torch.load_file(file))
    except Exception as error:  # the reader raises many types; all mean the same to the user
        raise ModelError(
            f"cannot be read as weights ({type(error).__name__})",
            where=file.name,
            hint="Give a .safetensors file; others can hold code and are not opened.",
        ) from None
