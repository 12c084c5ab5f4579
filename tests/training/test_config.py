from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from her2_core.errors import BadInput, Her2Error
from her2_core.training.config import TrainingConfig, read_config


def test_the_defaults_are_the_papers() -> None:
    paper = TrainingConfig.paper()
    assert (paper.learning_rate, paper.weight_decay, paper.epochs, paper.patients_per_batch) == (6e-4, 1e-2, 30, 48)
    assert (paper.objects_per_patient, paper.time_points, paper.rotation_degrees) == (4, 5, 30.0)
    assert (paper.cross_entropy, paper.survival, paper.survival_loss) == (True, True, "cox")
    assert (paper.validation_fraction, paper.ldlm.image_size, paper.ldlm.dropout) == (0.2, 224, 0.5)


def test_a_file_states_only_what_differs(tmp_path: Path) -> None:
    file = tmp_path / "c.json"
    file.write_text(json.dumps({"epochs": 3, "ldlm": {"image_size": 64}, "survival_loss": "published"}))
    config = read_config(file)
    assert config.ldlm.image_size == 64
    assert config == replace(
        TrainingConfig(), epochs=3, ldlm=replace(config.ldlm, image_size=64), survival_loss="published"
    )


@pytest.mark.parametrize("config", [TrainingConfig.paper(), TrainingConfig.quick()])
def test_json_round_trip(config: TrainingConfig) -> None:
    assert TrainingConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "c.json: not JSON"),
        ("[]", "must be an object"),
        ('{"epoch": 3}', "unknown key 'epoch'"),
        ('{"epochs": "3"}', "config.epochs"),
        ('{"epochs": 0}', "config.epochs"),
        ('{"time_points": 6}', "config.time_points"),
        ('{"folds": 1}', "config.folds"),
        ('{"learning_rate": NaN}', "config.learning_rate"),
        ('{"cross_entropy": false, "survival": false}', "must be on"),
        ('{"ldlm": {"image_size": 3}}', "image_size"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place(tmp_path: Path, content: str, words: str) -> None:
    file = tmp_path / "c.json"
    file.write_text(content)
    with pytest.raises(BadInput) as caught:
        read_config(file)
    assert words in str(caught.value)
    assert isinstance(caught.value, Her2Error)
