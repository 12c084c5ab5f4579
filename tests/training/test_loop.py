"""The loop is the same for both networks, so most of it is tested on the marker model, which trains in a second."""

from __future__ import annotations

from pathlib import Path
from typing import Any, List, Optional, Sequence

import numpy as np
import pytest
import torch

from her2_core.errors import Cancelled, TrainingError
from her2_core.models.prepare import MarkerTable
from her2_core.models.tdlm import TDLM, TdlmConfig
from her2_core.training import loop
from her2_core.training.checkpoint import Checkpoint
from her2_core.training.config import TrainingConfig
from her2_core.training.dataset import MarkerDataset
from her2_core.training.loop import TrainingResult, initialised, loss_of, train
from her2_core.training.outcomes import Outcomes
from her2_core.training.progress import Silent
from support.learnable import learnable_case

PATIENTS = 48
FIT, INNER = list(range(36)), list(range(36, 48))


class StopsAfter(Silent):
    """Cancels at a step, as a user would."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def step(self, steps: int = 1, note: str = "") -> None:
        self.left -= steps
        if self.left < 0:
            raise Cancelled("cancelled")


@pytest.fixture(autouse=True)
def _always_write_checkpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)


@pytest.fixture(scope="module")
def data() -> MarkerDataset:
    cases = [learnable_case(i)[0] for i in range(PATIENTS)]
    return MarkerDataset(cases, MarkerTable.fit(cases, ("LDH", "NSE", "CEA")), config())


def config(**changes: Any) -> TrainingConfig:
    return TrainingConfig(**{"patients_per_batch": 12, "time_points": 3, **changes})


def run(
    data: MarkerDataset,
    folder: Path,
    epochs: int = 3,
    seed: int = 0,
    progress: Optional[Any] = None,
    settings: Optional[TrainingConfig] = None,
) -> Sequence[Any]:
    model = initialised(TDLM, TdlmConfig(markers=("LDH", "NSE", "CEA")), seed)
    result = train(
        model,
        data,
        FIT,
        INNER,
        settings or config(),
        epochs=epochs,
        seed=seed,
        checkpoint=Checkpoint(folder / "c.safetensors", "run"),
        progress=progress or Silent(),
        stage="test",
        max_rois=1,
    )
    return model, result


def weights(model: torch.nn.Module) -> List[bytes]:
    return [value.numpy().tobytes() for value in model.state_dict().values()]


def same_course(one: TrainingResult, other: TrainingResult) -> bool:
    return [(r.loss, r.c_index) for r in one.history] == [(r.loss, r.c_index) for r in other.history]


def test_the_same_seed_gives_the_same_weights_whatever_ran_before(data: MarkerDataset, tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / name).mkdir()
    first, course = run(data, tmp_path / "a")
    torch.manual_seed(99)
    np.random.seed(99)  # noqa: NPY002 -- the point is that global state does not matter
    again, same = run(data, tmp_path / "b")
    other, _ = run(data, tmp_path / "c", seed=1)
    assert weights(first) == weights(again)
    assert same_course(course, same)
    assert weights(first) != weights(other)


def test_training_leaves_the_global_random_state_alone(data: MarkerDataset, tmp_path: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    run(data, tmp_path, epochs=1)
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize(("steps", "decay"), [(1, None), (4, None), (7, None), (7, 0.9)])
def test_an_interrupted_run_ends_like_an_uninterrupted_one(
    data: MarkerDataset, tmp_path: Path, steps: int, decay: Optional[float]
) -> None:
    (tmp_path / "whole").mkdir()
    settings = config(average_decay=decay)
    whole, course = run(data, tmp_path / "whole", epochs=4, settings=settings)
    with pytest.raises(Cancelled):
        run(data, tmp_path, epochs=4, progress=StopsAfter(steps), settings=settings)  # three batches per epoch
    resumed, continued = run(data, tmp_path, epochs=4, settings=settings)
    assert weights(resumed) == weights(whole)
    assert same_course(course, continued)


def test_a_finished_run_is_only_loaded(data: MarkerDataset, tmp_path: Path) -> None:
    done, result = run(data, tmp_path)
    again, loaded = run(data, tmp_path, progress=StopsAfter(9))  # 9 steps are reported as done, none is made
    assert weights(done) == weights(again)
    assert loaded == result


def test_a_checkpoint_of_another_run_is_refused(data: MarkerDataset, tmp_path: Path) -> None:
    run(data, tmp_path, epochs=1)
    model = initialised(TDLM, TdlmConfig(markers=("LDH", "NSE", "CEA")), 0)
    with pytest.raises(TrainingError, match="another configuration"):
        Checkpoint(tmp_path / "c.safetensors", "other run").load(model)


def test_a_damaged_checkpoint_is_refused(data: MarkerDataset, tmp_path: Path) -> None:
    run(data, tmp_path, epochs=1)
    file = tmp_path / "c.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(TrainingError, match="damaged"):
        run(data, tmp_path, epochs=2)


def test_the_model_holds_the_weights_of_the_best_epoch(data: MarkerDataset, tmp_path: Path) -> None:
    model, result = run(data, tmp_path, epochs=5)
    best = max(record.c_index for record in result.history)
    assert result.history[result.best_epoch - 1].c_index == best
    assert not any(record.c_index == best for record in result.history[: result.best_epoch - 1])
    risk = loop.risk_probability(model, data, INNER, 2)
    outcomes = data.outcomes.take(INNER)
    assert loop.concordance(outcomes.days, outcomes.event, risk) == best


def test_it_learns(data: MarkerDataset, tmp_path: Path) -> None:
    model = initialised(TDLM, TdlmConfig(markers=("LDH", "NSE", "CEA"), dropout=0.1), 0)
    result = train(
        model,
        data,
        FIT,
        INNER,
        config(),
        epochs=10,
        seed=0,
        checkpoint=Checkpoint(tmp_path / "c.safetensors", "run"),
        progress=Silent(),
        stage="test",
        max_rois=1,
    )
    losses = [record.loss for record in result.history]
    assert np.mean(losses[-3:]) < np.mean(losses[:2]) - 0.1
    assert max(record.c_index for record in result.history) > 0.7


def test_the_weight_average_by_hand() -> None:
    ours, theirs = torch.nn.BatchNorm2d(1), torch.nn.BatchNorm2d(1)
    ours.weight.data[:], theirs.weight.data[:] = 2.0, 4.0
    ours.running_mean[:], theirs.running_mean[:] = 0.0, 10.0
    theirs.num_batches_tracked += 7
    loop.follow(ours, theirs, 0.75)
    assert (ours.weight.item(), ours.running_mean.item(), ours.num_batches_tracked.item()) == (2.5, 2.5, 7)


def test_averaged_weights_are_judged_and_kept(data: MarkerDataset, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    plain, _ = run(data, tmp_path)
    averaged, result = run(data, tmp_path / "a", settings=config(average_decay=0.9))
    assert weights(plain) != weights(averaged)
    outcomes = data.outcomes.take(INNER)
    risk = loop.risk_probability(averaged, data, INNER, 2)
    assert loop.concordance(outcomes.days, outcomes.event, risk) == result.history[result.best_epoch - 1].c_index


def test_early_stop(data: MarkerDataset, tmp_path: Path) -> None:
    _, result = run(data, tmp_path, epochs=30, settings=config(patience=2, learning_rate=1e-9))
    assert len(result.history) == result.best_epoch + 3


class Poisoned(MarkerDataset):
    """Patient 5 has an infinite marker value from the second epoch on."""

    epochs = 0

    def training_batch(self, patients: Sequence[int], random: np.random.Generator) -> Any:
        batch = super().training_batch(patients, random)
        self.epochs += 1
        if 5 in patients and self.epochs > 3:
            batch.values[list(patients).index(5)] = float("inf")
        return batch


def test_a_loss_that_is_not_finite_stops_with_the_batch_named_and_the_checkpoint_kept(
    data: MarkerDataset, tmp_path: Path
) -> None:
    poisoned = Poisoned(data.cases, data.table, config())
    with pytest.raises(TrainingError) as caught:
        run(poisoned, tmp_path)
    assert "test, epoch 2, batch" in str(caught.value)
    assert "not finite" in str(caught.value)
    model = initialised(TDLM, TdlmConfig(markers=("LDH", "NSE", "CEA")), 0)
    kept = Checkpoint(tmp_path / "c.safetensors", "run").load(model)
    assert kept is not None
    assert len(kept.state["history"]) == 1
    assert all(torch.isfinite(value).all() for value in model.state_dict().values())


def test_the_last_partial_batch_is_kept_and_a_lone_patient_joins_the_one_before(data: MarkerDataset) -> None:
    for count, sizes in ((30, [12, 12, 6]), (25, [12, 13]), (24, [12, 12]), (1, [1])):
        state = loop._Run(TDLM(TdlmConfig()), data, list(range(count)), INNER, config(), 0, 1, "test")
        batches = state.batches_of(0)
        assert [len(b) for b in batches] == sizes
        assert sorted(p for batch in batches for p in batch) == list(range(count))
        assert count == 1 or state.batches_of(1) != batches


def test_the_worked_example_of_both_losses_and_their_switches() -> None:
    good = torch.tensor([0.9, 0.5, 0.98, 0.99, 0.3, 0.7], dtype=torch.float64)
    logits = torch.stack([torch.log(1 - good), torch.log(good)], dim=1)
    months = np.array([10.0, 4.0, 22.0, 30.0, 4.0, 14.0])
    outcomes = Outcomes(months * 30.4375, np.array([1, 1, 0, 1, 1, 1], dtype=bool))

    def value(**changes: Any) -> float:
        return float(loss_of(logits, outcomes, config(**changes)))

    assert value(survival=False) == pytest.approx(0.623223, abs=5e-7)
    assert value(cross_entropy=False) == pytest.approx(0.604773, abs=5e-7)
    assert value(cross_entropy=False, survival_loss="published") == pytest.approx(0.831918, abs=5e-7)
    assert value() == pytest.approx(0.623223 + 0.604773, abs=1e-6)
