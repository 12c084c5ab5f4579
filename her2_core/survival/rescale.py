"""From the network's risk probability to the score in [0, 1] the reader sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Optional

import numpy as np
import numpy.typing as npt

from her2_core.errors import ModelError

IDENTITY_NOTE = "training values do not spread (minimum, median and maximum must differ): the score is the risk itself"


@dataclass(frozen=True)
class PiecewiseRescale:
    """Training minimum, median and maximum of the risk go to 0, 0.5 and 1; linear between, clipped outside.

    Where two of the three are equal no such line exists: the score is then the risk itself, and `note` says so.

    Attributes:
        minimum, median, maximum: of the risk probability over the training patients, in [0, 1].

    >>> PiecewiseRescale(0.1, 0.2, 0.6)([0.0, 0.15, 0.2, 0.4, 0.9])
    array([0.  , 0.25, 0.5 , 0.75, 1.  ])
    """

    minimum: float
    median: float
    maximum: float

    def __post_init__(self) -> None:
        if not 0 <= self.minimum <= self.median <= self.maximum <= 1:
            raise ModelError(
                f"rescale table must rise within [0, 1]; got {self.minimum}, {self.median}, {self.maximum}",
                hint="Train the model again.",
            )

    @staticmethod
    def fit(risk: npt.ArrayLike) -> PiecewiseRescale:
        """The table of the training patients.

        Args:
            risk: (n,) risk probability of each training patient, in [0, 1]; n >= 1.

        Raises:
            ModelError: empty, not finite, or outside [0, 1].
        """
        values = np.asarray(risk, dtype=np.float64)
        if values.ndim != 1 or not len(values) or not np.all(np.isfinite(values)):
            raise ModelError(f"needs finite risk values, one per training patient; got shape {values.shape}")
        return PiecewiseRescale(float(values.min()), float(np.median(values)), float(values.max()))

    @property
    def is_identity(self) -> bool:
        """Two of the three training values are equal."""
        return not self.minimum < self.median < self.maximum

    @property
    def note(self) -> Optional[str]:
        """What the reader must know about this table, or None."""
        return IDENTITY_NOTE if self.is_identity else None

    def __call__(self, risk: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Scores in [0, 1], high = poor, in the shape of `risk`."""
        values = np.asarray(risk, dtype=np.float64)
        if self.is_identity:
            return np.clip(values, 0.0, 1.0)
        scores = np.interp(values, [self.minimum, self.median, self.maximum], [0.0, 0.5, 1.0])
        return np.asarray(scores, dtype=np.float64)

    def to_json(self) -> Dict[str, Any]:
        """JSON-ready dict; `from_json` reads it back."""
        return {"minimum": self.minimum, "median": self.median, "maximum": self.maximum, "note": self.note}

    @staticmethod
    def from_json(value: Any) -> PiecewiseRescale:
        """Read a table back.

        Raises:
            ModelError: it is not one.
        """
        try:
            return PiecewiseRescale(*(float(value[name]) for name in ("minimum", "median", "maximum")))
        except (KeyError, TypeError, ValueError):
            raise ModelError("is not a rescale table", where="rescale", hint="Take the model folder anew.") from None
