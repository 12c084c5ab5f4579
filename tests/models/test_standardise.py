"""Image statistics: numpy's numbers, the fall-backs, strict reading."""

from __future__ import annotations

import json
from typing import Dict, List, Tuple

import numpy as np
import pytest
import torch
from torch import Tensor

from her2_core.errors import ModelError, TrainingError
from her2_core.models.standardise import ImageGroup, PixelStatistics, Standardisation

LIVER_A = ImageGroup("A", "Liver", "venous")
LIVER_B = ImageGroup("B", "Liver", "venous")
LIVER_X = ImageGroup(None, "Liver", "venous")
NODE_A = ImageGroup("A", "Lymph node", "arterial")


def samples() -> List[Tuple[ImageGroup, Tensor]]:
    generator = torch.Generator().manual_seed(0)
    groups = [LIVER_A, NODE_A, LIVER_B, LIVER_A, LIVER_X, NODE_A]
    return [(g, (i + 1) / 10 + 0.1 * torch.rand(3, 8, 8, generator=generator)) for i, g in enumerate(groups)]


def numpys(*groups: ImageGroup) -> Dict[str, float]:
    pixels = np.concatenate([p.double().numpy().ravel() for g, p in samples() if g in groups])
    return {"mean": pytest.approx(pixels.mean(), abs=1e-12), "std": pytest.approx(pixels.std(), abs=1e-12)}


def test_statistics_are_those_of_all_pixels_at_every_level() -> None:
    table = Standardisation.fit(iter(samples())).to_json()
    assert table["overall"] == numpys(LIVER_A, LIVER_B, LIVER_X, NODE_A)
    assert table["organs"] == {
        "Liver": {"venous": numpys(LIVER_A, LIVER_B, LIVER_X)},
        "Lymph node": {"arterial": numpys(NODE_A)},
    }
    assert table["centres"] == {
        "A": {"Liver": {"venous": numpys(LIVER_A)}, "Lymph node": {"arterial": numpys(NODE_A)}},
        "B": {"Liver": {"venous": numpys(LIVER_B)}},
    }


def test_unknown_centres_fall_back_to_the_organ_and_unknown_organs_to_everything() -> None:
    table = Standardisation.fit(samples())
    assert table.lookup(LIVER_A) == table.centres["A"]["Liver"]["venous"]
    for group in (ImageGroup("new", "Liver", "venous"), LIVER_X):
        assert table.lookup(group) == table.organs["Liver"]["venous"]
    assert table.lookup(ImageGroup("B", "Lymph node", "arterial")) == table.organs["Lymph node"]["arterial"]
    for group in (ImageGroup("A", "Bone", "venous"), ImageGroup("A", "Liver", "arterial")):
        assert table.lookup(group) == table.overall


def test_patches_are_shifted_and_scaled_by_their_own_group() -> None:
    table = Standardisation(PixelStatistics(0.5, 2.0), {"Liver": {"venous": PixelStatistics(0.25, 0.5)}}, {"A": {}})
    out = table.apply(torch.ones(2, 3, 4, 4), [LIVER_A, NODE_A])
    assert out[0].unique().tolist() == [1.5]
    assert out[1].unique().tolist() == [0.25]


def test_training_patches_come_out_with_mean_zero_and_deviation_one_per_group() -> None:
    table = Standardisation.fit(samples())
    groups, patches = zip(*samples())
    out = table.apply(torch.stack(patches), groups)
    mine = out[[i for i, g in enumerate(groups) if g == LIVER_A]].double()
    assert mine.mean().item() == pytest.approx(0, abs=1e-5)
    assert mine.std(correction=0).item() == pytest.approx(1, abs=1e-5)


def test_a_group_of_equal_pixels_falls_back() -> None:
    flat = ImageGroup("A", "Bone", "venous")
    table = Standardisation.fit([*samples(), (flat, torch.zeros(3, 8, 8))])
    assert table.lookup(flat) == table.overall
    with pytest.raises(TrainingError, match="all their pixels are equal"):
        Standardisation.fit([(flat, torch.zeros(3, 8, 8))])
    with pytest.raises(TrainingError, match="no patches"):
        Standardisation.fit([])


def test_tables_survive_json() -> None:
    table = Standardisation.fit(samples())
    assert Standardisation.from_json(json.loads(json.dumps(table.to_json()))) == table


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"overall": {"mean": 0.1, "std": 0.0}}, r"overall\.std: must be greater than 0"),
        ({"overall": {"mean": float("nan"), "std": 1.0}}, r"overall\.mean: must be a finite number"),
        ({"overall": {"mean": 0.1}}, "'std' is missing"),
        ({"organs": {"Liber": {}}}, "must be one of Stomach"),
        ({"organs": {"Liver": {"late": {"mean": 0.1, "std": 1.0}}}}, "arterial, venous"),
        ({"extra": 1}, "unknown key 'extra'"),
    ],
)
def test_damaged_tables_are_refused_by_name(change: Dict[str, object], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        Standardisation.from_json({**Standardisation.fit(samples()).to_json(), **change})
