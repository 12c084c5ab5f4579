"""The state of a running training as one file: tensors and JSON in a safetensors container, written atomically."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from her2_core.errors import TrainingError
from her2_core.files import replacing

MODEL, OPTIMIZER = "model/", "optimizer/"

Weights = Dict[str, Tensor]


class Restored(NamedTuple):
    """What a checkpoint held besides model and optimizer."""

    state: Dict[str, Any]
    others: Dict[str, Weights]


class Checkpoint:
    """Reads and writes one checkpoint file.

    Args:
        path: of the file; its folder must exist.
        fingerprint: identifies configuration and data; a checkpoint of another run is refused.
    """

    def __init__(self, path: Path, fingerprint: str) -> None:
        self.path = path
        self.fingerprint = fingerprint

    def save(
        self,
        model: torch.nn.Module,
        others: Mapping[str, Mapping[str, Tensor]],
        optimizer: Optional[torch.optim.Optimizer],
        state: Dict[str, Any],
    ) -> None:
        """Write everything needed to go on.

        Args:
            model: as it is now.
            others: further weights by name, e.g. of the best epoch.
            optimizer: its state.
            state: any JSON (history ..).
        """
        tensors = {MODEL + k: v.contiguous() for k, v in model.state_dict().items()}
        tensors.update({f"{name}/{k}": v.contiguous() for name, part in others.items() for k, v in part.items()})
        if optimizer is not None:
            tensors.update(_optimizer_tensors(optimizer))
        metadata = {"fingerprint": self.fingerprint, "state": json.dumps(state)}
        with replacing(self.path) as temporary:
            save_file(tensors, temporary, metadata)

    def load(self, model: torch.nn.Module, optimizer: Optional[torch.optim.Optimizer] = None) -> Optional[Restored]:
        """Restore `model` and `optimizer` in place.

        Returns:
            state and further weights as saved, or None when there is no checkpoint yet.

        Raises:
            TrainingError: the file is damaged or belongs to another run.
        """
        if not self.path.is_file():
            return None
        try:
            with safe_open(self.path, framework="pt") as file:
                metadata = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        except (SafetensorError, OSError) as error:
            raise TrainingError(f"damaged checkpoint ({error})", where=self.path.name, hint="Use --force.") from None
        if metadata.get("fingerprint") != self.fingerprint:
            raise TrainingError(
                "this checkpoint belongs to another configuration, cohort or version",
                where=self.path.name,
                hint="Use --force to start again.",
            )
        model.load_state_dict(_part(tensors, MODEL))
        if optimizer is not None:
            _load_optimizer(optimizer, _part(tensors, OPTIMIZER))
        names = {name.split("/", 1)[0] + "/" for name in tensors} - {MODEL, OPTIMIZER}
        return Restored(json.loads(metadata["state"]), {name[:-1]: _part(tensors, name) for name in names})


def _part(tensors: Mapping[str, Tensor], prefix: str) -> Dict[str, Tensor]:
    return {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}


def _parameters(optimizer: torch.optim.Optimizer) -> List[Tensor]:
    return [p for group in optimizer.param_groups for p in group["params"]]


def _optimizer_tensors(optimizer: torch.optim.Optimizer) -> Dict[str, Tensor]:
    return {
        f"{OPTIMIZER}{index}/{name}": value.contiguous()
        for index, parameter in enumerate(_parameters(optimizer))
        for name, value in optimizer.state.get(parameter, {}).items()
    }


def _load_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    parameters = _parameters(optimizer)
    for name, value in tensors.items():
        index, entry = name.split("/")
        parameter = parameters[int(index)]
        # Fused optimisers walk through memory, so a state must lie there as its parameter does.
        laid_out = torch.empty_like(parameter).copy_(value) if value.shape == parameter.shape else value
        optimizer.state[parameter][entry] = laid_out
