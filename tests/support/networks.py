"""Small random batches and networks for the tests of the models room."""

from __future__ import annotations

from typing import Sequence, Tuple

import torch
from torch import Tensor

from her2_core.models.batch import Layout, RoiBatch
from her2_core.models.ldlm import LDLM, LdlmConfig
from her2_core.models.weights import Provenance

PROVENANCE = Provenance(
    seed=1,
    data_sha256="0" * 64,
    training={"epochs": 2, "learning_rate": 6e-4},
    epochs=2,
    torch_version="2.0",
    trained_on="phantom",
    synthetic=True,
)


def layout_of(slots: Sequence[Tuple[int, int, int]], day: Sequence[Sequence[float]], objects: int) -> Layout:
    """Layout with these (patient, time point, object) slots."""
    slot = torch.tensor(slots)
    observed = torch.zeros(len(day), len(day[0]), objects, dtype=torch.bool)
    observed[slot.unbind(1)] = True
    return Layout(slot, torch.tensor(day, dtype=torch.float32), observed)


def three_patients() -> Layout:
    """3 patients, 3 time points, 4 objects; each patient misses something else."""
    slots = [(0, 0, 0), (0, 1, 0), (0, 2, 0), (0, 0, 1), (0, 2, 1), (0, 0, 2)]
    slots += [(1, 0, 0), (1, 1, 3), (1, 0, 3)]
    slots += [(2, 0, 1), (2, 1, 1), (2, 2, 1), (2, 0, 2), (2, 1, 2)]
    return layout_of(slots, [[0, 42, 90], [0, 35, 900], [0, 50, 120]], objects=4)


def random_features(layout: Layout, seed: int = 0) -> Tensor:
    """(N, 512), non-negative like pooled ReLU outputs."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(len(layout.slot), 512, generator=generator).abs()


def random_rois(layout: Layout, size: int, seed: int = 0) -> RoiBatch:
    """Batch of noise patches."""
    generator = torch.Generator().manual_seed(seed)
    patches = torch.randn(len(layout.slot), 3, size, size, generator=generator)
    return RoiBatch(patches, layout.slot, layout.day, layout.observed)


def seeded_ldlm(size: int = 32, seed: int = 0, **changes: object) -> LDLM:
    """LDLM in evaluation mode whose weights depend on the seed alone."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return LDLM(LdlmConfig(image_size=size, **changes)).eval()  # type: ignore[arg-type]
