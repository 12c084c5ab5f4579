"""Network weights on disk: `NAME.safetensors` and, beside it, `NAME.json` with configuration, checksum and origin."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Literal, NoReturn, Tuple, Type, TypeVar

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from her2_core.decoding import decode, encode
from her2_core.errors import BadInput, ModelError
from her2_core.files import replacing
from her2_core.models.ldlm import LDLM, LdlmConfig
from her2_core.models.tdlm import TDLM, TdlmConfig

_CONFIGS: Dict[type, Any] = {LDLM: LdlmConfig, TDLM: TdlmConfig}

Network = TypeVar("Network", LDLM, TDLM)


@dataclass(frozen=True)
class Provenance:
    """Where weights come from; enough to train them again.

    Attributes:
        seed: of the run.
        data_sha256: of the training data.
        training: the training configuration.
        epochs: epochs behind these weights.
        torch_version: which computed them.
        trained_on: "phantom" or a description of the cohort.
        synthetic: trained on computer-generated patients.
    """

    seed: int
    data_sha256: str
    training: Dict[str, Any]
    epochs: int
    torch_version: str
    trained_on: str
    synthetic: bool


@dataclass(frozen=True)
class Sidecar:
    """Content of `NAME.json`; `sha256` is that of the safetensors file."""

    network: Literal["LDLM", "TDLM"]
    config: Dict[str, Any]
    sha256: str
    provenance: Provenance
    schema: Literal["her2-weights/1"] = "her2-weights/1"


def save_weights(folder: Path, name: str, model: Network, provenance: Provenance) -> Sidecar:
    """Write both files; each appears whole or not at all, and a pair that does not belong together never loads.

    Args:
        folder: exists.
        name: file name without ending, e.g. "ldlm".
        model: its weights and configuration.
        provenance: where they come from.
    """
    state = {key: value.detach().cpu().contiguous() for key, value in model.state_dict().items()}
    content = safetensors.torch.save(state)
    network: Literal["LDLM", "TDLM"] = "LDLM" if isinstance(model, LDLM) else "TDLM"
    sidecar = Sidecar(network, encode(model.config), hashlib.sha256(content).hexdigest(), provenance)
    text = json.dumps(encode(sidecar), indent=2, allow_nan=False) + "\n"
    with replacing(folder / f"{name}.safetensors") as weights_file:
        weights_file.write_bytes(content)
        with replacing(folder / f"{name}.json") as sidecar_file:
            sidecar_file.write_text(text, encoding="utf-8")
    return sidecar


def load_weights(folder: Path, name: str, network: Type[Network]) -> Tuple[Network, Sidecar]:
    """Read a network, in evaluation mode, on the CPU.

    Raises:
        ModelError: a file is missing, damaged or does not fit; names the file and what is wrong in it.
    """
    sidecar = _read_sidecar(folder / f"{name}.json", network)
    try:
        config = decode(_CONFIGS[network], sidecar.config, "config")
    except (BadInput, ModelError) as error:
        raise ModelError(error.what, where=f"{name}.json: {error.where}") from None
    state = _read_state(folder / f"{name}.safetensors", sidecar.sha256)
    model = network(config)
    _check_fit(model.state_dict(), state, f"{name}.safetensors")
    model.load_state_dict(state)
    return model.eval(), sidecar


def _read_sidecar(path: Path, network: Type[Network]) -> Sidecar:
    try:
        value = json.loads(_read(path), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"is not JSON ({error})", where=path.name) from None
    try:
        sidecar = decode(Sidecar, value, "sidecar")
    except BadInput as error:
        raise ModelError(error.what, where=f"{path.name}: {error.where}") from None
    if sidecar.network != network.__name__:
        raise ModelError(f"describes a {sidecar.network}, not a {network.__name__}", where=path.name)
    return sidecar


def _read_state(path: Path, sha256: str) -> Dict[str, Tensor]:
    content = _read(path)
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ModelError(
            f"was changed or is incomplete: its SHA-256 is {found[:12]}.., its description says {sha256[:12]}..",
            where=path.name,
            hint="Copy the model folder again.",
        )
    try:
        return dict(safetensors.torch.load(content))
    except SafetensorError as error:
        raise ModelError(f"is not a safetensors file ({error})", where=path.name) from None


def _check_fit(own: Dict[str, Tensor], state: Dict[str, Tensor], where: str) -> None:
    for key, value in own.items():
        if key not in state:
            raise ModelError(f"tensor {key!r} is missing", where=where)
        found = state[key]
        if found.shape != value.shape or found.dtype != value.dtype:
            raise ModelError(
                f"tensor {key!r} is {found.dtype} {tuple(found.shape)}, expected {value.dtype} {tuple(value.shape)}",
                where=where,
            )
        if not bool(found.isfinite().all()):
            raise ModelError(f"tensor {key!r} holds values that are not finite", where=where)
    unknown = sorted(state.keys() - own.keys())
    if unknown:
        raise ModelError(f"tensor {unknown[0]!r} is unknown", where=where)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot be read: {error.strerror}", where=path.name) from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not allowed")
