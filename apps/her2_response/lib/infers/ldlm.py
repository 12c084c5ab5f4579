"""MONAI Label's inference task: a bundle file in, a saliency file and the prognosis out."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Dict, Tuple

from monailabel.interfaces.exception import MONAILabelError, MONAILabelException
from monailabel.interfaces.tasks.infer_v2 import InferTask, InferType

from her2_core.bundle import SUFFIX, Bundle, pack_saliency, read_bundle
from her2_core.errors import BadInput
from her2_core.models.card import ModelCard
from her2_core.predictor import Prediction, Predictor


class LdlmInferTask(InferTask):
    """Many crops to numbers, so none of MONAI Label's image plumbing.

    Args:
        predictor: the model.
        card: where it comes from; part of `info`.
    """

    def __init__(self, predictor: Predictor, card: ModelCard) -> None:
        super().__init__(
            type=InferType.OTHERS,
            labels=None,
            dimension=3,
            description="12-month survival, risk group, nomogram and saliency from a case bundle (.her2)",
        )
        self._predictor = predictor
        self._card = card

    def is_valid(self) -> bool:
        """The model was loaded and checked before this task existed."""
        return True

    def info(self) -> Dict[str, Any]:
        """MONAI Label's description, and which model this is."""
        model = {"name": self._card.name, "version": self._card.version, "trained_on": self._card.trained_on}
        return {**super().info(), "model": model}

    def predict(self, bundle: Bundle) -> Prediction:
        """Predict one case."""
        return self._predictor.predict(bundle)

    def __call__(self, request: Dict[str, Any]) -> Tuple[str, Dict[str, Any]]:
        """For MONAI Label's own endpoints: `image` is the path of the uploaded bundle.

        Returns:
            path of a temporary saliency bundle, which MONAI Label sends and removes; prognosis.
        """
        try:
            prediction = self.predict(read_bundle(Path(request["image"])))
        except BadInput as error:
            raise MONAILabelException(MONAILabelError.INVALID_INPUT, str(error)) from None
        with tempfile.NamedTemporaryFile(prefix="saliency-", suffix=SUFFIX, delete=False) as file:
            file.write(pack_saliency(prediction.saliency))
        return file.name, prediction.prognosis.to_json()
