"""ResNet-18 as torchvision has it, and ImageNet weights from a file."""

from __future__ import annotations

from pathlib import Path

import pytest
import safetensors.torch
import torch
from torchvision.models import ResNet, resnet18, resnet34

from her2_core.errors import ModelError
from her2_core.models.backbone import Backbone, load_imagenet, pool


@pytest.fixture(scope="module")
def torchvisions() -> ResNet:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return resnet18().eval()


def test_weights_of_torchvisions_resnet18_give_its_features(torchvisions: ResNet, tmp_path: Path) -> None:
    patches = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    torchvisions.fc, classifier = torch.nn.Identity(), torchvisions.fc
    expected = torchvisions(patches)
    torchvisions.fc = classifier

    safetensors.torch.save_file(torchvisions.state_dict(), tmp_path / "resnet18.safetensors")
    for name in ("resnet18.safetensors",):
        backbone = Backbone().eval()
        load_imagenet(backbone, tmp_path / name)
        torch.testing.assert_close(backbone(patches), expected)


@pytest.mark.parametrize(("size", "side"), [(224, 7), (96, 3), (64, 2), (48, 2)])
def test_maps_have_a_thirty_second_of_the_patch(size: int, side: int) -> None:
    backbone = Backbone().eval()
    patches = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        maps = backbone.maps(patches)
        assert maps.shape == (1, 512, side, side)
        torch.testing.assert_close(pool(maps), backbone(patches))


def test_other_networks_and_broken_files_are_refused_and_change_nothing(tmp_path: Path) -> None:
    safetensors.torch.save_file(resnet34().state_dict(), tmp_path / "resnet34.safetensors")
    (tmp_path / "broken.safetensors").write_bytes(b"not weights")
    torch.save(resnet34().state_dict(), tmp_path / "pickled.pth")
    backbone = Backbone()
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    for name, message in [
        ("resnet34.safetensors", r"resnet34\.safetensors: not ImageNet weights of ResNet-18"),
        ("broken.safetensors", "cannot be read as weights"),
        ("pickled.pth", "Give a .safetensors file"),
        ("missing.safetensors", "cannot be read as weights"),
    ]:
        with pytest.raises(ModelError, match=message):
            load_imagenet(backbone, tmp_path / name)
    assert all(torch.equal(value, before[name]) for name, value in backbone.state_dict().items())
