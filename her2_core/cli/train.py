"""`her2 train`: a cohort folder -> a model folder."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

if TYPE_CHECKING:
    from her2_core.models.folder import ModelFolder
    from her2_core.training.config import TrainingConfig


def add_parser(commands: Any) -> None:
    """Register the command."""
    parser = commands.add_parser(
        "train",
        help="train a model on a cohort folder",
        description="Train LDLM, TDLM, score tables, cut-offs and nomograms on the training patients of a cohort folder, "
        "and write them as one model folder. An interrupted training goes on when the same command is given again.",
    )
    parser.add_argument("cohort", type=Path, metavar="COHORT", help="cohort folder (cohort.json, patients.csv, cases)")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="MODEL", help="model folder to write")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--config", type=Path, metavar="FILE", help="JSON file; what it leaves out has the paper's value")
    how.add_argument("--quick", action="store_true", help="reduced resolution and epochs, for two processor cores")
    parser.add_argument("--seed", type=int, metavar="S", help="instead of the configuration's")
    parser.add_argument("--name", default="her2-response", help="name of the model (default: %(default)s)")
    parser.add_argument(
        "--force", action="store_true", help="replace MODEL, and start again instead of going on where a run stopped"
    )
    parser.add_argument("--json", action="store_true", help="print the model card as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Train and print the validation metrics."""
    from her2_core.cohort.folder import read_cohort
    from her2_core.training.fit import fit_model
    from her2_core.training.progress import Bar

    config = _config(arguments)
    cohort = read_cohort(arguments.cohort)
    model = fit_model(
        cohort,
        config,
        arguments.out,
        progress=Bar(),
        replace=arguments.force,
        restart=arguments.force,
        name=arguments.name,
    )
    if arguments.json:
        print(json.dumps({"sha256": model.sha256, **model.card.to_json()}, indent=2))
    else:
        _print(model, arguments.out)
    return 0


def _config(arguments: argparse.Namespace) -> TrainingConfig:
    from dataclasses import replace

    from her2_core.training.config import TrainingConfig, read_config

    if arguments.config is not None:
        config = read_config(arguments.config)
    else:
        config = TrainingConfig.quick() if arguments.quick else TrainingConfig.paper()
    return config if arguments.seed is None else replace(config, seed=arguments.seed)


def _print(model: ModelFolder, out: Path) -> None:
    card = model.card
    print(card.notice)
    print(f"{card.name} {card.version} -> {out} (sha256 {model.sha256[:12]})")
    print(f"LDLM: epoch {card.training['ldlm']['best_epoch']} of {card.training['ldlm']['epochs']} chosen")
    print(f"{'cohort':18}{'model':16}{'patients':>9}{'deaths':>8}{'C-index':>9}{'1-year AUC':>12}")
    for m in card.metrics:
        print(f"{m.cohort:18}{m.model:16}{m.patients:9}{m.deaths:8}{_number(m.c_index):>9}{_number(m.auc_12m):>12}")
    for note in card.notes:
        print(f"note: {note}")


def _number(value: Optional[float]) -> str:
    return "-" if value is None else f"{value:.3f}"
