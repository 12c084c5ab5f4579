"""The demonstration model: phantom patients made, a reduced model trained on them, both kept for the next time."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Optional

from her2_core import __version__
from her2_core.cohort.folder import Cohort, read_cohort
from her2_core.cohort.phantom import write_phantom_cohort
from her2_core.errors import ModelError
from her2_core.models.folder import verify
from her2_core.training.config import TrainingConfig
from her2_core.training.fit import fit_model
from her2_core.training.progress import Progress, Silent

SEED = 2024
SIZES: Dict[str, int] = {"training": 600, "internal": 200}
CACHE_VARIABLE = "HER2_CACHE"


@dataclass(frozen=True)
class DemoModel:
    """Where things are.

    Attributes:
        model: the model folder.
        cohort: the phantom cohort it was trained on; its truth lies beside it.
        trained: False = it was there already.
    """

    model: Path
    cohort: Path
    trained: bool


def demo_model(
    cache: Optional[Path] = None, progress: Optional[Progress] = None, config: Optional[TrainingConfig] = None
) -> DemoModel:
    """The demonstration model, trained at the first call and taken from the cache afterwards.

    Args:
        cache: folder to keep it in, default `cache_folder()`; the entry depends on configuration and version.
        progress: who is told.
        config: default `TrainingConfig.quick()`.

    Raises:
        TrainingError, Cancelled: see `fit_model`; started again, it goes on where it stopped.
        OSError: the cache cannot be written.
    """
    config, progress = config or TrainingConfig.quick(), progress or Silent()
    told = {"config": config.to_json(), "version": __version__, "seed": SEED, "sizes": SIZES}
    key = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]
    folder = (cache or cache_folder()) / f"demo-{key}"
    model, cohort = folder / "model", folder / "cohort"
    if _is_good(model):
        return DemoModel(model, cohort, trained=False)
    folder.mkdir(parents=True, exist_ok=True)
    fit_model(_cohort(cohort, progress), config, model, progress=progress, name="her2-demo", replace=True)
    return DemoModel(model, cohort, trained=True)


def cache_folder() -> Path:
    """The environment variable HER2_CACHE, else the platform's folder for caches of this user."""
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "her2-response"


def _is_good(model: Path) -> bool:
    try:
        verify(model)
    except ModelError:
        return False
    return True


def _cohort(path: Path, progress: Progress) -> Cohort:
    """The phantom cohort; a folder appears only when it is complete."""
    if path.is_dir():
        return read_cohort(path)
    total = sum(SIZES.values())
    progress.start("Phantom patients", total)
    workers = max(1, min(os.cpu_count() or 1, 8))
    cohort = write_phantom_cohort(
        path, SEED, SIZES, workers=workers, progress=lambda done, _: progress.step(int(done > 0))
    )
    progress.finish()
    return cohort
