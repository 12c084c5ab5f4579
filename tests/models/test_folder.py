from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from her2_core.errors import ModelError
from her2_core.models.folder import SUMS, ModelFolder, load_model_folder, save_model_folder, verify
from support.model_folders import untrained_model


@pytest.fixture(scope="module")
def model() -> ModelFolder:
    return untrained_model()


@pytest.fixture(scope="module")
def saved(model: ModelFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "model"
    save_model_folder(path, model)
    return path


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """A copy to damage; linked, since weights are large. `overwrite` breaks the link."""
    copy = tmp_path / "model"
    copy.mkdir()
    for file in saved.iterdir():
        os.link(file, copy / file.name)
    return copy


def overwrite(path: Path, content: bytes) -> None:
    path.unlink()
    path.write_bytes(content)


def reseal(folder: Path) -> None:
    """Make the sums fit again, as somebody who edits a model on purpose would; unchanged weights keep their line."""
    old = dict(line.split("  ")[::-1] for line in (folder / SUMS).read_text().splitlines())
    lines = []
    for name in sorted(p.name for p in folder.iterdir() if p.name != SUMS):
        is_weights = name.endswith(".safetensors")
        digest = old[name] if is_weights else hashlib.sha256((folder / name).read_bytes()).hexdigest()
        lines.append(f"{digest}  {name}\n")
    overwrite(folder / SUMS, "".join(lines).encode("ascii"))


def test_a_model_comes_back_as_it_was_saved(model: ModelFolder, folder: Path) -> None:
    loaded = load_model_folder(folder)
    assert loaded.card == model.card
    assert loaded.tables == model.tables
    assert loaded.nomograms == model.nomograms
    assert loaded.nomograms["Nomo-LDLM-2F"].nomogram.names[0] == "LDLM score"
    for ours, theirs in ((model.ldlm, loaded.ldlm), (model.tdlm, loaded.tdlm)):
        assert ours is not None
        assert theirs is not None
        assert not theirs.training
        for name, value in ours.state_dict().items():
            assert torch.equal(theirs.state_dict()[name], value)


def test_equal_models_have_equal_hashes_and_other_weights_another(
    model: ModelFolder, saved: Path, tmp_path: Path
) -> None:
    first = save_model_folder(tmp_path / "a", model)
    assert save_model_folder(tmp_path / "b", model) == first
    assert (
        first
        == hashlib.sha256((tmp_path / "a" / SUMS).read_bytes()).hexdigest()
        == load_model_folder(tmp_path / "a").sha256
    )
    assert save_model_folder(tmp_path / "c", untrained_model(seed=5)) != first


@pytest.mark.parametrize(
    "name", ["card.json", "ldlm.safetensors", "ldlm.json", "tables.json", "nomogram.json", "tdlm.json"]
)
def test_a_changed_byte_is_refused_and_the_file_is_named(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[-5] ^= 1
    overwrite(folder / name, bytes(content))
    with pytest.raises(ModelError, match=name) as caught:
        load_model_folder(folder)
    assert "changed" in str(caught.value)


@pytest.mark.parametrize("name", ["card.json", "tdlm.safetensors", SUMS])
def test_a_missing_file_is_refused(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ModelError, match=name):
        verify(folder)


def test_sums_that_do_not_list_a_needed_file_are_refused(folder: Path) -> None:
    (folder / "nomogram.json").unlink()
    reseal(folder)
    with pytest.raises(ModelError, match=r"does not list nomogram\.json"):
        load_model_folder(folder)


def test_sums_cannot_point_out_of_the_folder(folder: Path) -> None:
    overwrite(folder / SUMS, (folder / SUMS).read_bytes() + f"{'0' * 64}  ../secret\n".encode())
    with pytest.raises(ModelError, match="unexpected file"):
        load_model_folder(folder)


def test_a_model_of_a_newer_version_is_refused_with_advice(folder: Path) -> None:
    card = json.loads((folder / "card.json").read_text())
    overwrite(folder / "card.json", json.dumps({**card, "schema": "her2-model/9", "new_field": 1}).encode())
    reseal(folder)
    with pytest.raises(ModelError, match="Update HER2 Response"):
        load_model_folder(folder)


def test_resealed_nonsense_gives_one_line_not_a_traceback(folder: Path) -> None:
    good = {name: (folder / name).read_text() for name in ("tables.json", "nomogram.json", "card.json")}
    for name in good:
        for content in ("[]", "{}", "nonsense", good[name].replace("0.5", '"x"', 1).replace("name", "nome", 1)):
            overwrite(folder / name, content.encode())
            reseal(folder)
            if content == "{}" and name == "nomogram.json":
                continue  # no nomogram could be fitted: a valid model
            with pytest.raises(ModelError):
                load_model_folder(folder)
        overwrite(folder / name, good[name].encode())


def test_saving_replaces_an_older_model_completely(folder: Path) -> None:
    save_model_folder(folder, untrained_model(markers=False))
    assert not (folder / "tdlm.safetensors").exists()
    assert load_model_folder(folder).tdlm is None


def test_loading_needs_neither_lifelines_nor_pandas(folder: Path) -> None:
    program = (
        "import sys\n"
        "for name in ('lifelines', 'pandas', 'sklearn', 'matplotlib'): sys.modules[name] = None\n"
        "from pathlib import Path\n"
        "from her2_core.models.folder import load_model_folder\n"
        "from her2_core.predictor import Predictor\n"
        "print(Predictor(load_model_folder(Path(sys.argv[1]))).model_ref.name)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(folder)], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "test-model", done.stderr
