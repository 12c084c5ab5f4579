"""Weight files: exact round trip; damaged, foreign or incomplete ones are refused by name."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from pathlib import Path
from typing import Any, Callable, Dict

import pytest
import safetensors.torch
import torch

from her2_core.errors import ModelError
from her2_core.models.ldlm import LDLM
from her2_core.models.tdlm import TDLM, TdlmConfig
from her2_core.models.weights import load_weights, save_weights
from support.networks import PROVENANCE, random_rois, seeded_ldlm, three_patients

State = Dict[str, torch.Tensor]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_weights(tmp_path, "tdlm", TDLM(TdlmConfig(markers=("CEA", "AFP"))), PROVENANCE)
    return tmp_path


def rewrite(folder: Path, change: Callable[[State], object]) -> None:
    """Change tensors and give the sidecar the matching checksum, as a careless program would."""
    state = safetensors.torch.load_file(folder / "tdlm.safetensors")
    change(state)
    content = safetensors.torch.save(state)
    (folder / "tdlm.safetensors").write_bytes(content)
    edit(folder, sha256=hashlib.sha256(content).hexdigest())


def edit(folder: Path, **changes: Any) -> None:
    sidecar = json.loads((folder / "tdlm.json").read_text())
    (folder / "tdlm.json").write_text(json.dumps({**sidecar, **changes}))


def test_a_saved_ldlm_answers_exactly_as_before(tmp_path: Path) -> None:
    model, batch = seeded_ldlm(48, temporal_position=False), random_rois(three_patients(), 48)
    with torch.no_grad():
        model.backbone.bn1.running_mean += 0.3  # statistics travel too
    saved = save_weights(tmp_path, "ldlm", model, PROVENANCE)
    loaded, sidecar = load_weights(tmp_path, "ldlm", LDLM)
    assert torch.equal(loaded(batch).logits, model(batch).logits)
    assert not loaded.training
    assert loaded.config == model.config
    assert sidecar == saved
    assert sidecar.provenance == PROVENANCE
    assert sorted(p.name for p in tmp_path.iterdir()) == ["ldlm.json", "ldlm.safetensors"]
    assert sidecar.sha256 == hashlib.sha256((tmp_path / "ldlm.safetensors").read_bytes()).hexdigest()


def test_a_saved_tdlm_keeps_its_markers(folder: Path) -> None:
    loaded, sidecar = load_weights(folder, "tdlm", TDLM)
    assert loaded.config.markers == ("CEA", "AFP")
    assert sidecar.schema == "her2-weights/1"


@pytest.mark.parametrize("name", ["tdlm.json", "tdlm.safetensors"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ModelError, match=f"{name}: cannot be read"):
        load_weights(folder, "tdlm", TDLM)


def test_one_changed_byte_is_noticed(folder: Path) -> None:
    content = bytearray((folder / "tdlm.safetensors").read_bytes())
    content[-100] ^= 1
    (folder / "tdlm.safetensors").write_bytes(content)
    with pytest.raises(ModelError, match=r"tdlm\.safetensors: was changed or is incomplete"):
        load_weights(folder, "tdlm", TDLM)


def test_weights_of_another_run_do_not_pass_with_this_description(folder: Path) -> None:
    before = (folder / "tdlm.json").read_text()
    save_weights(folder, "tdlm", TDLM(TdlmConfig(markers=("CEA", "AFP"))), PROVENANCE)
    (folder / "tdlm.json").write_text(before)
    with pytest.raises(ModelError, match="SHA-256"):
        load_weights(folder, "tdlm", TDLM)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("aggregator.oh_former.token"), r"'aggregator\.oh_former\.token' is missing"),
        (lambda s: s.update(extra=torch.zeros(1)), "'extra' is unknown"),
        (lambda s: s.update({"embeddings.0.bias": torch.zeros(7)}), r"\(7,\), expected torch.float32 \(512,\)"),
        (lambda s: s.update({"embeddings.0.bias": torch.zeros(512).half()}), "is torch.float16"),
        (lambda s: s["embeddings.1.bias"].fill_(math.nan), r"'embeddings\.1\.bias' holds values that are not finite"),
    ],
)
def test_tensors_that_do_not_fit_are_named(folder: Path, change: Callable[[State], object], message: str) -> None:
    rewrite(folder, change)
    with pytest.raises(ModelError, match=message):
        load_weights(folder, "tdlm", TDLM)


def test_a_file_that_is_no_safetensors_file_is_refused(folder: Path) -> None:
    content = b"\x80\x04 no tensors here"
    (folder / "tdlm.safetensors").write_bytes(content)
    edit(folder, sha256=hashlib.sha256(content).hexdigest())
    with pytest.raises(ModelError, match="is not a safetensors file"):
        load_weights(folder, "tdlm", TDLM)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": "her2-weights/2"}, r"sidecar\.schema: must be one of her2-weights/1"),
        ({"network": "LDLM"}, "describes a LDLM, not a TDLM"),
        ({"config": {"markers": ["CEA", "AFP"], "layers": 3}}, r"config: unknown key 'layers'"),
        ({"config": {"markers": ["CEA", "CEA"]}}, r"config\.markers: needs at least one marker"),
        ({"config": {"markers": ["CEA"]}}, r"'embeddings\.1\..*' is unknown"),
        ({"provenance": {}}, r"sidecar\.provenance: key 'seed' is missing"),
        ({"more": 1}, "unknown key 'more'"),
    ],
)
def test_a_wrong_description_is_refused_at_its_place(folder: Path, changes: Dict[str, Any], message: str) -> None:
    edit(folder, **changes)
    with pytest.raises(ModelError, match=message):
        load_weights(folder, "tdlm", TDLM)


@pytest.mark.parametrize("text", ["", "{", "[NaN]", "[" * 100_000, "\udcff"])
def test_a_description_that_is_not_json_is_refused(folder: Path, text: str) -> None:
    (folder / "tdlm.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ModelError, match=r"tdlm\.json: is not JSON"):
        load_weights(folder, "tdlm", TDLM)


def test_a_failed_save_leaves_the_old_files(folder: Path) -> None:
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    bad = dataclasses.replace(PROVENANCE, training={"learning_rate": math.nan})
    with pytest.raises(ValueError, match="JSON"):
        save_weights(folder, "tdlm", TDLM(TdlmConfig()), bad)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before
