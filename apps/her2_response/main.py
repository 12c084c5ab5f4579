"""The MONAI Label app: adapters between MONAI Label's tasks and her2_core, nothing else."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Collection, Dict

from lib.configs.ldlm import LdlmConfig
from lib.infers.ldlm import LdlmInferTask
from monailabel.interfaces.app import MONAILabelApp
from monailabel.interfaces.tasks.strategy import Strategy

from her2_core import __version__
from her2_core.bundle import Bundle
from her2_core.client import MODEL
from her2_core.predictor import Prediction
from her2_core.prognosis import RESEARCH_USE_ONLY
from her2_core.server.location import find_model
from her2_core.server.settings import SERVED_BY

_LOG = logging.getLogger("her2.app")


class Her2ResponseApp(MONAILabelApp):
    """Overall survival on anti-HER2 therapy from several lesions over several CT time points.

    Args:
        app_dir: this folder.
        studies: folder of MONAI Label's datastore; may be empty.
        conf: `model_dir` names the model folder (else environment variable HER2_MODEL, else `model` in this folder).

    Raises:
        BadInput: there is no model.
        ModelError: the model is damaged.
    """

    def __init__(self, app_dir: str, studies: str, conf: Dict[str, str]) -> None:
        self._tasks = _tasks(conf, find_model(conf.get("model_dir"), Path(app_dir)))
        super().__init__(
            app_dir=app_dir,
            studies=studies,
            conf=conf,
            name="HER2 Response",
            description=f"Prognosis on anti-HER2 therapy. {RESEARCH_USE_ONLY}",
            version=__version__,
        )
        if SERVED_BY not in conf:
            _LOG.warning(
                "Started by plain MONAI Label, for development: access control, problem details and answering "
                "during an inference need 'her2 serve'."
            )

    def init_infers(self) -> Dict[str, LdlmInferTask]:
        """The one inference task."""
        return self._tasks

    def init_strategies(self) -> Dict[str, Strategy]:
        """None: this app keeps no cases to choose from."""
        return {}

    def model_names(self) -> Collection[str]:
        """Models that `predict` knows."""
        return self._tasks.keys()

    def predict(self, model: str, bundle: Bundle) -> Prediction:
        """Predict one case (`her2_core.server.engine.Engine`)."""
        return self._tasks[model].predict(bundle)


def _tasks(conf: Dict[str, str], model_dir: Path) -> Dict[str, LdlmInferTask]:
    config = LdlmConfig()
    config.init(MODEL, str(model_dir), conf, None)
    return {MODEL: config.infer()}
