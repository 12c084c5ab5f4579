"""The attention block against torch's own multi-head attention, positions, masks, initial values."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from her2_core.models.formers import HEADS, WIDTH, Block, OHFormer, TemporalPosition, THFormer


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def shaken(module: nn.Module) -> nn.Module:
    """Every parameter random, so that no bias or norm hides behind its initial value."""
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.05 * torch.randn(parameter.shape, generator=generator)
    return module.eval()


def torchs_attention(block: Block) -> nn.MultiheadAttention:
    """The same map in torch's module: its output projection is the identity."""
    own = block.attention
    other = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True).eval()
    with torch.no_grad():
        other.in_proj_weight.copy_(torch.cat([own.query.weight, own.key.weight, own.value.weight]))
        other.in_proj_bias.copy_(torch.cat([own.query.bias, own.key.bias, own.value.bias]))
        other.out_proj.weight.copy_(torch.eye(WIDTH))
        other.out_proj.bias.zero_()
    return other


def test_a_block_is_the_formula_with_torchs_attention_inside() -> None:
    block = Block(0.5)
    shaken(block)
    x, mask = noise(2, 5, WIDTH), torch.tensor([[True] * 5, [True, True, False, True, False]])
    attended, weights = torchs_attention(block)(x, x, x, key_padding_mask=~mask)
    a = x + block.attention_norm(attended)
    expected = a + block.linear_norm(block.linear(a))
    y, own_weights = block(x, mask)
    torch.testing.assert_close(y, expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(own_weights, weights, atol=1e-6, rtol=0)
    assert own_weights[1, :, [2, 4]].abs().max() == 0
    assert block.attention_norm.eps == block.linear_norm.eps == 1e-5


def test_a_block_drops_attention_weights_and_its_linear_branch_only_in_training() -> None:
    block = Block(0.5)
    shaken(block)
    x, mask = noise(1, 3, WIDTH), torch.ones(1, 3, dtype=torch.bool)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        block.train()
        weights_seen = []
        block.attention.dropout.register_forward_hook(lambda m, args, out: weights_seen.append((args[0], out)))
        branch_seen = []
        block.dropout.register_forward_hook(lambda m, args, out: branch_seen.append((args[0], out)))
        _, exported = block(x, mask)
    for before, after in (weights_seen[0], branch_seen[0]):
        kept = after != 0
        assert 0.4 < kept.float().mean() < 0.6
        torch.testing.assert_close(after[kept], 2 * before[kept])
    torch.testing.assert_close(exported.sum(-1), torch.ones(1, 3))  # exported weights are those before dropout


def test_the_temporal_position_is_the_interleaved_sinusoid_of_the_day() -> None:
    position = TemporalPosition()(torch.tensor([[0.0, 3.0, 730.0]]), torch.ones(1, 3, dtype=torch.bool))[0]
    assert position[0, :4].tolist() == [0, 1, 0, 1]
    frequency = 10000 ** (-2 / 512)
    expected = [math.sin(3), math.cos(3), math.sin(3 * frequency), math.cos(3 * frequency)]
    assert position[1, :4].tolist() == pytest.approx(expected, abs=1e-6)
    last = 730 * 10000 ** (-510 / 512)
    assert position[2, 510:].tolist() == pytest.approx([math.sin(last), math.cos(last)], abs=1e-6)


def test_days_are_clamped_to_two_years_and_may_be_whole_numbers() -> None:
    observed = torch.ones(1, 3, dtype=torch.bool)
    position = TemporalPosition()
    clamped = position(torch.tensor([[730, 731, 20_000]]), observed)[0]
    assert torch.equal(clamped[0], clamped[1])
    assert torch.equal(clamped[0], clamped[2])
    whole, decimal = torch.tensor([[0, 41, 90]]), torch.tensor([[0.0, 41.0, 90.0]])
    assert torch.equal(position(whole, observed), position(decimal, observed))


def test_the_th_former_adds_positions_before_each_block_and_shares_the_tokens() -> None:
    former = THFormer(0.5, 0.02)
    shaken(former)
    x, day = noise(2, 3, WIDTH), torch.tensor([[0.0, 40.0, 85.0], [0.0, 30.0, 0.0]])
    observed = torch.tensor([[True, True, True], [True, True, False]])
    table = former.position(day, observed) if former.position else torch.empty(0)
    position = torch.cat([former.token_position.expand(2, 1, -1), table], 1)
    mask = torch.cat([torch.ones(2, 1, dtype=torch.bool), observed], 1)
    rows = torch.cat([former.token.expand(2, 1, -1), x], 1)
    rows, _ = former.blocks[0](rows + position, mask)
    rows, weights = former.blocks[1](rows + position, mask)
    vector, exported = former(x, day, observed)
    torch.testing.assert_close(vector, rows[:, 0])
    torch.testing.assert_close(exported[0], weights[0])
    torch.testing.assert_close(exported[1, :3, :3], weights[1, :3, :3])
    assert exported[1, 3].abs().max() == 0
    assert exported[1, :, 3].abs().max() == 0


def test_without_temporal_position_the_order_in_time_is_lost_and_with_it_it_matters() -> None:
    x, day, observed = noise(1, 3, WIDTH), torch.tensor([[0.0, 40.0, 85.0]]), torch.ones(1, 3, dtype=torch.bool)
    for used in (True, False):
        former = THFormer(0.5, 0.02, temporal_position=used)
        shaken(former)
        forward, backward = former(x, day, observed)[0], former(x.flip(1), day, observed)[0]
        assert torch.allclose(forward, backward, atol=1e-5) is not used


def test_nan_days_of_masked_slots_change_neither_result_nor_gradient() -> None:
    former = THFormer(0.5, 0.02)
    shaken(former)
    observed = torch.tensor([[True, False, True]])
    results = []
    for day in (17.0, math.nan, math.inf):
        x = noise(1, 3, WIDTH).requires_grad_()
        vector, weights = former(x, torch.tensor([[0.0, day, 85.0]]), observed)
        (gradient,) = torch.autograd.grad(vector.sum(), x)
        assert gradient[0, 1].abs().max() == 0
        results.append((vector, weights, gradient))
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other))


def test_the_oh_former_is_blind_to_the_order_of_the_objects() -> None:
    former = OHFormer(0.5, 0.02)
    shaken(former)
    x, observed = noise(1, 4, WIDTH), torch.tensor([[True, True, False, True]])
    order = [3, 0, 2, 1]
    vector, weights = former(x, observed)
    permuted, permuted_weights = former(x[:, order], observed[:, order])
    torch.testing.assert_close(vector, permuted, atol=1e-5, rtol=1e-5)
    rows = [0] + [1 + o for o in order]
    torch.testing.assert_close(permuted_weights[0], weights[0][rows][:, rows], atol=1e-6, rtol=0)


def test_initial_values_are_xavier_uniform_with_zero_bias_and_small_tokens() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        former = THFormer(0.5, 0.02)
    bound = math.sqrt(6 / 1024)
    linears = [m for m in former.modules() if isinstance(m, nn.Linear)]
    assert len(linears) == 8
    for linear in linears:
        assert linear.bias.abs().max() == 0
        assert 0.99 * bound < linear.weight.abs().max() <= bound
        assert linear.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.01)
    assert former.token.std().item() == pytest.approx(0.02, rel=0.15)
    assert former.token_position.std().item() == pytest.approx(0.02, rel=0.15)
    zero = THFormer(0.5, 0.0)
    assert zero.token.abs().max() == zero.token_position.abs().max() == 0
