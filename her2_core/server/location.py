"""Where the MONAI Label app and its model are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Optional

import her2_core
from her2_core.errors import BadInput

MODEL_VARIABLE = "HER2_MODEL"
CARD = "card.json"


def app_folder() -> Path:
    """Where the app of this source tree is."""
    return Path(her2_core.__file__).resolve().parents[1] / "apps" / "her2_response"


def find_app(given: Optional[Path] = None) -> Path:
    """Folder of the MONAI Label app.

    Args:
        given: what the user named, if anything.

    Raises:
        BadInput: there is no app.
    """
    folder = given or app_folder()
    if not (folder / "main.py").is_file():
        raise BadInput("holds no MONAI Label app.", where=str(folder), hint="Give its folder with --app DIR.")
    return folder


def find_model(given: Optional[str], app_dir: Path) -> Path:
    """Folder of the model: the one named, else environment variable HER2_MODEL, else `model` in the app's folder.

    Raises:
        BadInput: there is no model folder.
    """
    folder = Path(given or os.environ.get(MODEL_VARIABLE) or app_dir / "model")
    if not (folder / CARD).is_file():
        raise BadInput(
            f"holds no model ({CARD} is missing).",
            where=str(folder),
            hint="Run 'make demo' or 'her2 train', then name the model folder.",
        )
    return folder
