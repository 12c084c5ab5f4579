"""Everything that decides how a model is trained, in one object with the paper's values as defaults."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Dict, Literal, Optional

from her2_core.decoding import decode, encode
from her2_core.errors import BadInput, ModelError
from her2_core.models.ldlm import LdlmConfig
from her2_core.models.tdlm import TdlmConfig


@dataclass(frozen=True)
class TrainingConfig:
    """Defaults: He 2024, Methods ("Model training"), and the published training command where the paper is silent.

    Attributes:
        name: shown in the model card; "paper" and "quick" are ours.
        ldlm: layers of the imaging model, with its ablation switches.
        tdlm: layers of the marker model.
        learning_rate: AdamW, constant.
        weight_decay: AdamW, on all parameters.
        average_decay: judge and keep an exponential moving average of the weights, which steadies small batches; per
            step, in (0, 1). None = the weights themselves, as in the paper.
        epochs: full passes over the patients.
        tdlm_epochs: the same for the marker model, None = `epochs`.
        patience: stop after this many epochs without a better validation C-index; None = never.
        patients_per_batch: mini-batch size in patients; the last partial batch is kept.
        objects_per_patient: objects drawn per patient and step.
        time_points: BL and the follow-ups that are used, 1 .. 5.
        random_prefix: feed a random number of first time points, since the model is also asked with fewer.
        rotation_degrees: augmentation, one angle per ROI, uniform in +- this.
        cross_entropy: use the 1-year cross-entropy.
        survival: use the survival loss.
        survival_loss: "cox" (log-hazard, whole risk set) or "published" (see `her2_core.models.losses`).
        validation_fraction: part of the training cohort that chooses the epoch, stratified by event.
        folds: out-of-fold scores for the nomogram fit; 0 = the scores of the inner validation split instead.
        fold_epochs: epochs of each fold's models; None = `epochs`.
        nomogram_ridge: penalty of the Cox fit; 0 = none unless the fit does not converge.
        memory_limit_mb: activations held at once; more are computed in chunks. None = half of the free memory.
        seed: of initial values, batches, dropout and augmentation.
    """

    name: str = "paper"
    ldlm: LdlmConfig = field(default_factory=LdlmConfig)
    tdlm: TdlmConfig = field(default_factory=TdlmConfig)
    learning_rate: float = 6e-4
    weight_decay: float = 1e-2
    average_decay: Optional[float] = None
    epochs: int = 30
    tdlm_epochs: Optional[int] = None
    patience: Optional[int] = None
    patients_per_batch: int = 48
    objects_per_patient: int = 4
    time_points: int = 5
    random_prefix: bool = False
    rotation_degrees: float = 30.0
    cross_entropy: bool = True
    survival: bool = True
    survival_loss: Literal["cox", "published"] = "cox"
    validation_fraction: float = 0.2
    folds: int = 5
    fold_epochs: Optional[int] = None
    nomogram_ridge: float = 0.0
    memory_limit_mb: Optional[int] = None
    seed: int = 0

    def __post_init__(self) -> None:
        _check(self.learning_rate > 0, "learning_rate", "must be greater than 0")
        _check(self.weight_decay >= 0, "weight_decay", "must be 0 or greater")
        _check(self.average_decay is None or 0 < self.average_decay < 1, "average_decay", "must lie between 0 and 1")
        _check(self.epochs >= 1, "epochs", "must be 1 or more")
        _check(self.tdlm_epochs is None or self.tdlm_epochs >= 1, "tdlm_epochs", "must be 1 or more")
        _check(self.patience is None or self.patience >= 1, "patience", "must be 1 or more")
        _check(self.patients_per_batch >= 2, "patients_per_batch", "must be 2 or more")
        _check(self.objects_per_patient >= 1, "objects_per_patient", "must be 1 or more")
        _check(1 <= self.time_points <= 5, "time_points", "must lie between 1 (BL) and 5 (4F)")
        _check(0 <= self.rotation_degrees <= 180, "rotation_degrees", "must lie between 0 and 180")
        _check(self.cross_entropy or self.survival, "cross_entropy", "one of cross_entropy and survival must be on")
        _check(0 < self.validation_fraction < 1, "validation_fraction", "must lie between 0 and 1")
        _check(self.folds == 0 or self.folds >= 2, "folds", "must be 0, or 2 or more")
        _check(self.fold_epochs is None or self.fold_epochs >= 1, "fold_epochs", "must be 1 or more")
        _check(self.nomogram_ridge >= 0, "nomogram_ridge", "must be 0 or greater")
        _check(self.memory_limit_mb is None or self.memory_limit_mb >= 1, "memory_limit_mb", "must be 1 or more")
        _check(0 <= self.seed < 2**31, "seed", "must lie between 0 and 2147483647")

    @staticmethod
    def paper() -> TrainingConfig:
        """The paper's training at 224 x 224 pixels."""
        return TrainingConfig()

    @staticmethod
    def quick() -> TrainingConfig:
        """The same code at reduced resolution and epochs, for two processor cores and a few minutes.

        Small batches and few objects per step give more steps for the same number of ROIs, a smaller learning rate
        and averaged weights keep them steady, and less dropout lets so few steps be enough. Without folds the
        nomograms are fitted on the inner validation patients. One pixel more than 32 gives Grad-CAM maps of 2 x 2
        instead of a single value.
        """
        return TrainingConfig(
            name="quick",
            ldlm=replace(LdlmConfig.quick(33), dropout=0.2),
            learning_rate=4e-4,
            average_decay=0.99,
            epochs=8,
            tdlm_epochs=6,
            patients_per_batch=12,
            objects_per_patient=2,
            time_points=3,
            folds=0,
            memory_limit_mb=2048,
        )

    def to_json(self) -> Dict[str, Any]:
        """JSON-ready dict."""
        encoded: Dict[str, Any] = encode(self)
        return encoded

    @staticmethod
    def from_json(value: Any) -> TrainingConfig:
        """Strict: unknown keys, wrong types and values out of range are refused.

        Raises:
            BadInput: names the exact place.
        """
        return decode(TrainingConfig, value, "config")


def read_config(path: Path) -> TrainingConfig:
    """A configuration file: a JSON object; what it leaves out has the paper's value.

    Raises:
        BadInput: not JSON, an unknown key, or a value out of range.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise BadInput(f"not JSON ({error})", where=path.name, hint="Write a JSON object.") from None
    try:
        return TrainingConfig.from_json(value)
    except (BadInput, ModelError) as error:
        raise BadInput(error.what, where=f"{path.name}: {error.where}", hint=error.hint) from None


def _check(ok: bool, where: str, what: str) -> None:
    if not ok:
        raise BadInput(what, where=where)
