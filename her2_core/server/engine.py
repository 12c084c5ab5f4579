"""What the HTTP layer needs from the MONAI Label app: its description and one prediction."""

from __future__ import annotations

from typing import Any, Collection, Dict, Protocol

from her2_core.bundle import Bundle, SaliencyBundle
from her2_core.prognosis import Prognosis


class Prediction(Protocol):
    """One answer."""

    @property
    def prognosis(self) -> Prognosis:
        """The numbers."""

    @property
    def saliency(self) -> SaliencyBundle:
        """The heat maps."""


class Engine(Protocol):
    """The app, as the routes see it. `predict` is called by one thread at a time."""

    def info(self) -> Dict[str, Any]:
        """MONAI Label's /info/ object."""

    def model_names(self) -> Collection[str]:
        """Names of the models that `predict` knows."""

    def predict(self, model: str, bundle: Bundle) -> Prediction:
        """Predict one case.

        Raises:
            BadInput: the case cannot be predicted.
            Her2Error: the model cannot answer.
        """
