"""The marker network: embedding, masks, configuration."""

from __future__ import annotations

import math

import pytest
import torch

from her2_core.case import MARKERS
from her2_core.errors import ModelError
from her2_core.models.batch import MarkerBatch
from her2_core.models.tdlm import TDLM, TdlmConfig


@pytest.fixture(scope="module")
def model() -> TDLM:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return TDLM(TdlmConfig()).eval()


def panel(missing: float = math.nan) -> MarkerBatch:
    """2 patients, 3 time points, 7 markers, a third missing; patient 1 has no third visit, and no AFP ever."""
    generator = torch.Generator().manual_seed(4)
    values = torch.randn(2, 3, 7, generator=generator)
    observed = torch.rand(2, 3, 7, generator=generator) > 0.3
    observed[1, 2], observed[1, :, 6] = False, False
    day = torch.tensor([[0.0, 40, 90], [0.0, 45, missing]])
    return MarkerBatch(values.masked_fill(~observed, missing), observed, day)


def test_the_network_has_the_formers_of_the_ldlm_and_1024_numbers_per_marker(model: TDLM) -> None:
    assert model.config.markers == MARKERS
    assert sum(p.numel() for p in model.parameters()) == 14_600_770 - 11_176_512 + 7 * 1024


def test_each_marker_has_its_own_line(model: TDLM) -> None:
    batch = panel()
    features = model.features(batch)
    for row, (patient, time, marker) in enumerate(batch.layout.slot.tolist()):
        expected = model.embeddings[marker](batch.values[patient, time, marker].reshape(1))
        torch.testing.assert_close(features[row], expected)


def test_missing_values_do_not_influence_the_answer_whatever_stands_there(model: TDLM) -> None:
    first, second = model(panel(math.nan)), model(panel(1000.0))
    assert torch.equal(first.logits, second.logits)
    assert bool(first.logits.isfinite().all())
    assert torch.equal(first.object_attention, second.object_attention)
    assert first.object_attention[1, 7].abs().max() == 0
    assert first.time_attention[1, :, 3].abs().max() == 0


def test_missing_values_do_not_reach_the_gradient(model: TDLM) -> None:
    model(panel(math.nan)).logits[:, 0].sum().backward()
    assert all(bool(p.grad.isfinite().all()) for p in model.parameters() if p.grad is not None)
    assert all(p.grad is not None for p in model.parameters())
    model.zero_grad()


def test_a_measured_value_does_influence_the_answer(model: TDLM) -> None:
    batch = panel()
    changed = batch.values.clone()
    changed[1, 0, batch.observed[1, 0].nonzero()[0]] += 1
    other = model(MarkerBatch(changed, batch.observed, batch.day)).logits
    logits = model(batch).logits
    assert not torch.allclose(other[1], logits[1], atol=1e-4)
    torch.testing.assert_close(other[0], logits[0])


def test_the_list_of_markers_is_configuration() -> None:
    model = TDLM(TdlmConfig(markers=("CEA", "CA19-9"))).eval()
    values = torch.tensor([[[0.3, -1.0]]])
    batch = MarkerBatch(values, torch.ones(1, 1, 2, dtype=torch.bool), torch.zeros(1, 1))
    assert model(batch).object_attention.shape == (1, 3, 3)
    with pytest.raises(ModelError, match=r"config\.markers"):
        TdlmConfig(markers=("CEA", "CEA"))
    with pytest.raises(ModelError, match=r"config\.markers"):
        TdlmConfig(markers=())
