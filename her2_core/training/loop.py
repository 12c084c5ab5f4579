"""The training loop, the same for the imaging and the marker model; they differ in how a batch is made."""

from __future__ import annotations

import contextlib
import copy
import time
from dataclasses import asdict, dataclass
from typing import Any, Dict, Iterator, List, Protocol, Sequence, Tuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from her2_core.errors import BadInput, TrainingError
from her2_core.models.losses import (
    cox_loss,
    log_hazard,
    one_year_cross_entropy,
    one_year_label,
    published_survival_loss,
)
from her2_core.survival.metrics import concordance
from her2_core.training.checkpoint import Checkpoint
from her2_core.training.chunks import backward
from her2_core.training.config import TrainingConfig
from her2_core.training.outcomes import Outcomes
from her2_core.training.progress import Progress

CHECKPOINT_SECONDS = 20.0
"""A checkpoint of the published network takes a quarter of a gigabyte; epochs can be shorter than writing it."""
SCORED_FOLLOW_UPS = 2
"""Predictions use BL, 1F and 2F, so these choose the epoch."""


class BatchMaker(Protocol):
    """The patients of one training and how batches are made of them."""

    outcomes: Outcomes

    def training_batch(self, patients: Sequence[int], random: np.random.Generator) -> Any:
        """Objects and time points drawn at random, augmented."""

    def scoring_batches(self, patients: Sequence[int], follow_ups: int) -> Any:
        """Batches (patients, batch) that fit the memory, with all objects and the first 1 + follow_ups time points."""

    def name(self, patient: int) -> str:
        """Pseudonym for messages."""


@dataclass(frozen=True)
class EpochRecord:
    """One line of the training history; `c_index` is that of the inner validation split."""

    epoch: int
    loss: float
    c_index: float
    seconds: float


@dataclass(frozen=True)
class TrainingResult:
    """Which epoch's weights the model now holds, and how it went."""

    best_epoch: int
    history: Tuple[EpochRecord, ...]


def train(
    model: nn.Module,
    maker: BatchMaker,
    training: Sequence[int],
    validation: Sequence[int],
    config: TrainingConfig,
    *,
    epochs: int,
    seed: int,
    checkpoint: Checkpoint,
    progress: Progress,
    stage: str,
    max_rois: int,
) -> TrainingResult:
    """Train `model` in place and leave it with the weights of the best epoch on the validation patients.

    The run goes on from `checkpoint` if there is one; an interrupted and an uninterrupted run end with the same weights.

    Args:
        model: as initialised; its state is overwritten by a checkpoint.
        maker: makes the batches; patients are indices into it.
        training: patients that the weights learn from.
        validation: patients that choose the epoch.
        config: learning rate, losses, batch size.
        epochs: passes over the patients.
        seed: of batches, dropout and augmentation.
        checkpoint: where the state is kept.
        progress: told after every batch.
        stage: name for the progress bar and messages.
        max_rois: backbone passes held in memory at once.

    Raises:
        TrainingError: the loss is not finite; the last good checkpoint is kept.
        Cancelled: `progress` asked to stop; the last checkpoint is kept.
    """
    run = _Run(model, maker, list(training), list(validation), config, seed, max_rois, stage)
    batches = len(run.batches_of(0))
    with torch.random.fork_rng(devices=[]), _deterministic():
        run.resume(checkpoint)
        progress.start(stage, batches * epochs)
        progress.step(batches * len(run.history))
        while len(run.history) < epochs and not run.is_over():
            run.epoch(progress)
            run.save(checkpoint, last=len(run.history) == epochs or run.is_over())
        progress.finish()
    model.load_state_dict(run.best)
    model.eval()
    return TrainingResult(run.best_epoch, tuple(run.history))


class _Run:
    """State of one training between epochs."""

    def __init__(
        self,
        model: nn.Module,
        maker: BatchMaker,
        training: List[int],
        validation: List[int],
        config: TrainingConfig,
        seed: int,
        max_rois: int,
        stage: str,
    ) -> None:
        self.model, self.maker, self.config, self.seed = model, maker, config, seed
        self.training, self.validation = training, validation
        self.max_rois, self.stage = max_rois, stage
        self.optimizer = torch.optim.AdamW(
            model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
        )
        self.scored_follow_ups = min(SCORED_FOLLOW_UPS, config.time_points - 1)
        self.history: List[EpochRecord] = []
        self.steps = 0
        self.judged = model if config.average_decay is None else copy.deepcopy(model)
        self.best: Dict[str, Tensor] = _copy(model)
        self.best_epoch = 0
        self._saved_at = time.monotonic()

    def batches_of(self, epoch: int) -> List[List[int]]:
        """The patients of each batch of an epoch; a lone last patient joins the batch before (batch norm needs two)."""
        order = np.random.default_rng([self.seed, 3, epoch]).permutation(self.training)
        size = self.config.patients_per_batch
        batches = [order[i : i + size].tolist() for i in range(0, len(order), size)]
        if len(batches) > 1 and len(batches[-1]) == 1:
            lone = batches.pop()
            batches[-1] += lone
        return batches

    def resume(self, checkpoint: Checkpoint) -> None:
        """Go on where a checkpoint stopped."""
        found = checkpoint.load(self.model, self.optimizer)
        if found is not None:
            self.history = [EpochRecord(**record) for record in found.state["history"]]
            self.best_epoch, self.steps = found.state["best_epoch"], found.state["steps"]
            self.best = found.others["best"]
            if self.judged is not self.model:
                self.judged.load_state_dict(found.others["judged"])

    def save(self, checkpoint: Checkpoint, last: bool) -> None:
        """Keep the state, not more often than every CHECKPOINT_SECONDS except at the end."""
        if last or time.monotonic() - self._saved_at >= CHECKPOINT_SECONDS:
            state = {
                "history": [asdict(record) for record in self.history],
                "best_epoch": self.best_epoch,
                "steps": self.steps,
            }
            others = {"best": self.best}
            if self.judged is not self.model:
                others["judged"] = self.judged.state_dict()
            checkpoint.save(self.model, others, self.optimizer, state)
            self._saved_at = time.monotonic()

    def is_over(self) -> bool:
        """Early stop."""
        patience = self.config.patience
        return patience is not None and bool(self.history) and len(self.history) - self.best_epoch > patience

    def epoch(self, progress: Progress) -> None:
        """One pass over the patients, then the validation C-index."""
        began, epoch = time.monotonic(), len(self.history)
        random = np.random.default_rng([self.seed, 4, epoch])
        torch.manual_seed(int(random.integers(2**62)))
        self.model.train()
        losses = []
        for number, patients in enumerate(self.batches_of(epoch)):
            losses.append(self._step(patients, random, f"{self.stage}, epoch {epoch + 1}, batch {number + 1}"))
            progress.step(note=f"loss {losses[-1]:.3f}" if not self.history else self._note())
        risk = risk_probability(self.judged, self.maker, self.validation, self.scored_follow_ups)
        outcomes = self.maker.outcomes.take(self.validation)
        c_index = _c_index(outcomes, risk)
        if not self.history or c_index > max(record.c_index for record in self.history):
            self.best, self.best_epoch = _copy(self.judged), epoch + 1
        self.history.append(EpochRecord(epoch + 1, float(np.mean(losses)), c_index, time.monotonic() - began))

    def _step(self, patients: List[int], random: np.random.Generator, where: str) -> float:
        batch = self.maker.training_batch(patients, random)
        outcomes = self.maker.outcomes.take(patients)
        self.optimizer.zero_grad(set_to_none=True)
        loss = backward(self.model, batch, lambda logits: loss_of(logits, outcomes, self.config), self.max_rois)
        norm = nn.utils.get_total_norm([p.grad for p in self.model.parameters() if p.grad is not None])
        if not (np.isfinite(loss) and torch.isfinite(norm)):
            raise TrainingError(
                f"the loss is not finite (cases {', '.join(self.maker.name(p) for p in patients[:8])} ..)",
                where=where,
                hint="The last good checkpoint was kept; check these cases or lower the learning rate.",
            )
        self.optimizer.step()
        self.steps += 1
        if self.config.average_decay is not None:
            # Early on the average is short, or it would still hold the random start.
            follow(self.judged, self.model, min(self.config.average_decay, self.steps / (9 + self.steps)))
        return loss

    def _note(self) -> str:
        last = self.history[-1]
        return f"loss {last.loss:.3f}, validation C-index {last.c_index:.3f} (best in epoch {self.best_epoch})"


def loss_of(logits: Tensor, outcomes: Outcomes, config: TrainingConfig) -> Tensor:
    """Cross-entropy and survival loss, 1:1, each if switched on (paper, Methods; ablation table S7).

    Args:
        logits: (B, 2), column 0 the poor-survival class.
        outcomes: of the same B patients.
        config: which losses.
    """
    days = torch.from_numpy(outcomes.days).to(logits.device, logits.dtype)
    event = torch.from_numpy(outcomes.event).to(logits.device)
    total = logits[:0].sum()
    if config.cross_entropy:
        total = total + one_year_cross_entropy(logits, *one_year_label(days, event))
    if config.survival and config.survival_loss == "cox":
        total = total + cox_loss(log_hazard(logits), days, event)
    elif config.survival:
        total = total + published_survival_loss(torch.softmax(logits, dim=1)[:, 0], days, event)
    return total


@torch.inference_mode()
def risk_probability(
    model: nn.Module, maker: BatchMaker, patients: Sequence[int], follow_ups: int
) -> npt.NDArray[np.float64]:
    """P(overall survival <= 12 months) of each patient, all objects, the first 1 + follow_ups time points; (B,)."""
    model.eval()
    risk: Dict[int, float] = {}
    for members, batch in maker.scoring_batches(patients, follow_ups):
        probability = torch.softmax(model(batch).logits.double(), dim=1)[:, 0]
        risk.update(zip(members, probability.tolist()))
    return np.array([risk[p] for p in patients], dtype=np.float64)


@contextlib.contextmanager
def _deterministic() -> Iterator[None]:
    """Several threads otherwise add gradients in any order, and the same seed gives other weights."""
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(True, warn_only=True)  # an operation that only has a random order warns
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])


@torch.no_grad()
def follow(average: nn.Module, model: nn.Module, decay: float) -> None:
    """average = decay x average + (1 - decay) x model, batch norm statistics included; counters are copied."""
    pairs = list(zip(average.state_dict().values(), model.state_dict().values()))
    real = [(ours, theirs) for ours, theirs in pairs if ours.is_floating_point()]
    torch._foreach_lerp_([ours for ours, _ in real], [theirs for _, theirs in real], 1 - decay)
    for ours, theirs in pairs:
        if not ours.is_floating_point():
            ours.copy_(theirs)


def _c_index(outcomes: Outcomes, risk: npt.NDArray[np.float64]) -> float:
    """Concordance, or 0.5 where no pair of patients can be compared."""
    try:
        return float(concordance(outcomes.days, outcomes.event, risk))
    except BadInput:
        return 0.5


def _copy(model: nn.Module) -> Dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def initialised(build: Any, config: Any, seed: int) -> Any:
    """A model with initial values fixed by the seed, whatever ran before."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build(config)
