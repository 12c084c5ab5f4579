"""Which tasks the model folder offers."""

from __future__ import annotations

from pathlib import Path

from monailabel.interfaces.config import TaskConfig

from her2_core.models.folder import load_model_folder
from her2_core.predictor import Predictor
from lib.infers.ldlm import LdlmInferTask


class LdlmConfig(TaskConfig):
    """LDLM, TDLM and nomogram of one model folder."""

    def infer(self) -> LdlmInferTask:
        """Load the model.

        Raises:
            ModelError: the folder is incomplete or damaged.
        """
        folder = load_model_folder(Path(self.model_dir))
        return LdlmInferTask(Predictor(folder), folder.card)

    def trainer(self) -> None:
        """This app does not train on the server."""
