"""A model as one folder that is loaded as a unit: weights, tables, nomograms, card, and the hash over all of it.

| file | content |
|---|---|
| `card.json` | where the model comes from and how good it was (`her2_core.models.card`) |
| `ldlm.safetensors`, `ldlm.json` | weights and layers of the imaging model |
| `tdlm.safetensors`, `tdlm.json` | the same of the marker model; absent when the cohort had no markers |
| `tables.json` | image and marker statistics, score tables, cut-offs |
| `nomogram.json` | the nomograms by variant, each with its cut-off |
| `SHA256SUMS` | SHA-256 of every file above; `sha256sum -c SHA256SUMS` checks them too |

The hash that names a model is the SHA-256 of `SHA256SUMS`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Mapping, Optional

from her2_core.errors import BadInput, ModelError
from her2_core.files import new_folder
from her2_core.models.card import SCHEMA, ModelCard
from her2_core.models.ldlm import LDLM
from her2_core.models.tables import Tables
from her2_core.models.tdlm import TDLM
from her2_core.models.weights import Provenance, load_weights, save_weights
from her2_core.survival.nomogram import Nomogram

SUMS = "SHA256SUMS"
_REQUIRED = ("card.json", "ldlm.json", "ldlm.safetensors", "nomogram.json", "tables.json")
_OPTIONAL = ("tdlm.json", "tdlm.safetensors")


@dataclass(frozen=True)
class FittedNomogram:
    """A nomogram, and from which total of points on a patient is at high risk."""

    nomogram: Nomogram
    cutoff: float


@dataclass(frozen=True, eq=False)
class ModelFolder:
    """A loaded model; the networks are in evaluation mode on the CPU.

    Attributes:
        card: see ModelCard.
        ldlm: imaging model.
        tdlm: marker model, or None.
        tables: statistics, score tables, cut-offs.
        nomograms: by variant; a variant that could not be fitted is missing, and the card says why.
        sha256: names the model; of `SHA256SUMS`.
    """

    card: ModelCard
    ldlm: LDLM
    tdlm: Optional[TDLM]
    tables: Tables
    nomograms: Mapping[str, FittedNomogram]
    sha256: str = ""


def save_model_folder(path: Path, model: ModelFolder) -> str:
    """Write a model folder; it appears complete or not at all, and replaces what stood there.

    Returns:
        its SHA-256.
    """
    with new_folder(path) as part:
        save_weights(part, "ldlm", model.ldlm, _provenance(model.card))
        if model.tdlm is not None:
            save_weights(part, "tdlm", model.tdlm, _provenance(model.card))
        _write(part / "card.json", model.card.to_json())
        _write(part / "tables.json", model.tables.to_json())
        _write(
            part / "nomogram.json",
            {
                variant: {"nomogram": fitted.nomogram.to_json(), "cutoff": fitted.cutoff}
                for variant, fitted in model.nomograms.items()
            },
        )
        names = sorted(p.name for p in part.iterdir())
        sums = "".join(f"{_sha256(part / name)}  {name}\n" for name in names)
        (part / SUMS).write_bytes(sums.encode("ascii"))
        return hashlib.sha256(sums.encode("ascii")).hexdigest()


def load_model_folder(path: Path) -> ModelFolder:
    """Load a model after checking every byte of it.

    Raises:
        ModelError: not a model folder, incomplete, changed since it was written, or made by a newer version.
    """
    try:
        return _load(path)
    except ModelError as error:
        raise ModelError(error.what, where=_join(path.name, error.where), hint=error.hint) from None
    except (BadInput, KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"cannot be read ({error})", where=path.name, hint="Take the model folder anew.") from None


def verify(path: Path) -> str:
    """Check the hashes of a model folder without loading it.

    Returns:
        its SHA-256.

    Raises:
        ModelError: not a model folder, incomplete, or changed since it was written.
    """
    if not (path / SUMS).is_file():
        raise ModelError(f"not a model folder: it has no {SUMS}", hint="Train a model with `her2 train`.")
    content = (path / SUMS).read_bytes()
    listed = _listed(content)
    for name in _REQUIRED:
        if name not in listed:
            raise ModelError(f"incomplete: {SUMS} does not list {name}", hint="Take the model folder anew.")
    for name, expected in listed.items():
        if not (path / name).is_file():
            raise ModelError("incomplete: the file is missing", where=name, hint="Take the model folder anew.")
        if _sha256(path / name) != expected:
            raise ModelError("changed since the model was made", where=name, hint="Take the model folder anew.")
    return hashlib.sha256(content).hexdigest()


def _load(path: Path) -> ModelFolder:
    sha256 = verify(path)
    card = _read(path / "card.json")
    if card.get("schema") != SCHEMA:
        raise ModelError(
            f"made for another version of this software (schema {card.get('schema')!r}, known: {SCHEMA!r})",
            where="card.json",
            hint="Update HER2 Response.",
        )
    known = ModelCard.from_json(card)
    tables = Tables.from_json(_read(path / "tables.json"))
    nomograms = {
        variant: FittedNomogram(Nomogram.from_json(entry["nomogram"]), float(entry["cutoff"]))
        for variant, entry in _read(path / "nomogram.json").items()
    }
    ldlm, _ = load_weights(path, "ldlm", LDLM)
    tdlm = load_weights(path, "tdlm", TDLM)[0] if (path / "tdlm.json").is_file() else None
    return ModelFolder(
        card=known,
        ldlm=ldlm,
        tdlm=tdlm,
        tables=tables,
        nomograms=nomograms,
        sha256=sha256,
    )


def _listed(content: bytes) -> Dict[str, str]:
    """Name -> hash; only names a model folder has, so that a list cannot point outside of it."""
    entries: Dict[str, str] = {}
    for line in content.decode("ascii", errors="replace").splitlines():
        digest, _, name = line.partition("  ")
        if name not in (*_REQUIRED, *_OPTIONAL) or name in entries:
            raise ModelError("lists an unexpected file", where=SUMS, hint="Take the model folder anew.")
        entries[name] = digest
    return entries


def _provenance(card: ModelCard) -> Provenance:
    return Provenance(
        seed=int(card.config["seed"]),
        data_sha256=card.data_sha256,
        training=card.config,
        epochs=int(card.training["ldlm"]["best_epoch"]),
        torch_version=card.software["torch"],
        trained_on=card.trained_on,
        synthetic=card.synthetic,
    )


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _read(path: Path) -> Dict[str, Any]:
    value = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(value, dict):
        raise ModelError("must hold a JSON object", where=path.name)
    return value


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _join(outer: str, inner: Optional[str]) -> str:
    return f"{outer}: {inner}" if inner else outer
