"""One small cohort, trained end to end."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Dict

import pytest

from her2_core.cli.main import main
from her2_core.cohort.folder import read_cohort
from her2_core.errors import BadInput, Cancelled
from her2_core.models.folder import ModelFolder, load_model_folder
from her2_core.models.ldlm import LdlmConfig
from her2_core.models.tdlm import TdlmConfig
from her2_core.predictor import Predictor
from her2_core.training.config import TrainingConfig
from her2_core.training.fit import fit_model
from her2_core.training.progress import Silent
from support.learnable import learnable_bundle, learnable_cohort

CONFIG = TrainingConfig(
    name="test",
    ldlm=LdlmConfig(image_size=32, dropout=0.1),
    tdlm=TdlmConfig(markers=("LDH", "NSE", "CEA"), dropout=0.1),
    epochs=2,
    patients_per_batch=10,
    time_points=3,
    folds=0,
    validation_fraction=0.4,
    memory_limit_mb=4096,
)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return learnable_cohort(tmp_path_factory.mktemp("cohort") / "learnable", training=36, internal=10)


@pytest.fixture(scope="module")
def out(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "model"
    fit_model(read_cohort(cohort), CONFIG, path)
    return path


@pytest.fixture(scope="module")
def model(out: Path) -> ModelFolder:
    return load_model_folder(out)


class CancelsIn(Silent):
    """Cancels in the middle of a stage."""

    def __init__(self, stage: str) -> None:
        self.stage, self.active = stage, False

    def start(self, stage: str, total: int) -> None:
        self.active = stage.startswith(self.stage)

    def step(self, steps: int = 1, note: str = "") -> None:
        if self.active and steps:
            raise Cancelled("cancelled")


def test_the_model_folder_is_complete_and_predicts(model: ModelFolder, out: Path) -> None:
    assert {p.name for p in out.iterdir()} == {
        "SHA256SUMS",
        "card.json",
        "ldlm.json",
        "ldlm.safetensors",
        "nomogram.json",
        "tables.json",
        "tdlm.json",
        "tdlm.safetensors",
    }
    prognosis = Predictor(model).predict(learnable_bundle(40)).prognosis
    assert 0 <= prognosis.ldlm_score <= 1
    assert prognosis.tdlm_score is not None
    assert prognosis.model.sha256 == model.sha256
    assert not out.with_name("model.training").exists()


def test_the_card_says_where_the_model_comes_from(model: ModelFolder, cohort: Path) -> None:
    card = model.card
    assert card.synthetic
    assert card.trained_on == "learnable"
    assert card.data_sha256 == read_cohort(cohort).data_sha256()
    assert card.config["epochs"] == 2
    assert card.patients["training"] == 36
    assert any("inner validation patients, which also chose the epoch" in note for note in card.notes)
    assert card.training["ldlm"]["epochs"] == 2


def test_the_card_measures_every_model_on_patients_it_did_not_learn_from(model: ModelFolder) -> None:
    found: Dict[str, set[str]] = {}
    for entry in model.card.metrics:
        found.setdefault(entry.cohort, set()).add(entry.model)
    six = {"RECIST", "LDLM-BS", "LDLM-1F", "LDLM-2F", "TDLM"}
    assert found == {"inner validation": six, "internal": six | {"Nomo-LDLM-2F", "Nomo-w/o-TDLM"}}
    (imaging,) = [m for m in model.card.metrics if (m.cohort, m.model) == ("internal", "LDLM-2F")]
    assert imaging.patients == 10
    assert imaging.c_index is not None


def test_an_existing_model_is_not_overwritten(cohort: Path, out: Path) -> None:
    before = (out / "SHA256SUMS").read_bytes()
    with pytest.raises(BadInput, match="exists"):
        fit_model(read_cohort(cohort), CONFIG, out)
    assert main(["train", str(cohort), "-o", str(out), "--quick"]) == 2
    assert (out / "SHA256SUMS").read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["LDLM, model", "TDLM, model", "Evaluation"])
def test_an_interrupted_training_goes_on_and_gives_the_very_same_model(
    cohort: Path, model: ModelFolder, tmp_path: Path, stage: str
) -> None:
    path = tmp_path / "model"
    with pytest.raises(Cancelled):
        fit_model(read_cohort(cohort), CONFIG, path, progress=CancelsIn(stage))
    assert not path.exists()
    assert fit_model(read_cohort(cohort), CONFIG, path).sha256 == model.sha256


def test_an_interrupted_training_with_other_settings_is_not_mixed_up(cohort: Path, tmp_path: Path) -> None:
    path = tmp_path / "model"
    with pytest.raises(Cancelled):
        fit_model(read_cohort(cohort), CONFIG, path, progress=CancelsIn("LDLM"))
    other = TrainingConfig.from_json({**CONFIG.to_json(), "epochs": 3})
    with pytest.raises(BadInput, match="interrupted training"):
        fit_model(read_cohort(cohort), other, path)


@pytest.mark.slow
def test_out_of_fold_scores_enter_the_nomogram(cohort: Path, tmp_path: Path) -> None:
    config = TrainingConfig.from_json({**CONFIG.to_json(), "folds": 2, "fold_epochs": 1, "epochs": 1})
    card = fit_model(read_cohort(cohort), config, tmp_path / "model").card
    assert card.patients["nomogram"] == 36
    assert any("out-of-fold scores (2 folds, 1 epochs each)" in note for note in card.notes)


def test_too_few_patients_are_refused(cohort: Path, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    (small / "cases").symlink_to(cohort / "cases")
    (small / "cohort.json").write_text((cohort / "cohort.json").read_text())
    with (cohort / "patients.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    with (small / "patients.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows[:8])
    with pytest.raises(BadInput, match="at least 20"):
        fit_model(read_cohort(small), CONFIG, tmp_path / "model")


def test_bad_input_on_the_command_line_is_one_line_and_exit_code_2(
    cohort: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps({"learning_rte": 1}))
    for arguments in (
        ["train", str(tmp_path / "nowhere"), "-o", str(tmp_path / "m")],
        ["train", str(cohort), "-o", str(tmp_path / "m"), "--config", str(bad)],
        ["train", str(cohort), "-o", str(tmp_path / "m"), "--config", str(tmp_path / "none.json")],
    ):
        assert main(arguments) == 2
        said = capsys.readouterr().err.strip().splitlines()
        assert len(said) == 1
        assert said[0].startswith("her2 train: ")
    assert not (tmp_path / "m").exists()
