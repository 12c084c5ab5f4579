"""What is known about a model: where it comes from, how good it was, and what it must not be used for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Optional, Tuple

from her2_core.decoding import decode, encode
from her2_core.prognosis import RESEARCH_USE_ONLY, SYNTHETIC

SCHEMA = "her2-model/1"


@dataclass(frozen=True)
class CohortMetrics:
    """Discrimination of one model on one cohort; null where it cannot be computed.

    Attributes:
        cohort: "inner validation" (chose the epoch), or a cohort of the folder that training never saw.
        model: LDLM-BS, LDLM-1F, LDLM-2F, TDLM, Nomo-LDLM-2F, Nomo-w/o-TDLM or RECIST.
        patients: with a score and an outcome.
        deaths: among them.
        c_index: Harrell's concordance with overall survival.
        auc_12m: area under the ROC curve for overall survival <= 12 months.
    """

    cohort: str
    model: str
    patients: int
    deaths: int
    c_index: Optional[float] = None
    auc_12m: Optional[float] = None


@dataclass(frozen=True)
class ModelCard:
    """The model card.

    Attributes:
        name: of the model.
        version: unique per configuration, seed, data and software version.
        trained_on: "phantom", or the cohort's name.
        synthetic: any patient it learned from was computer-generated.
        software: package versions.
        data_sha256: over the training cohort's cases.
        patients: number of patients per use.
        config: the whole training configuration.
        training: epochs run and chosen, seconds.
        metrics: see CohortMetrics.
        notes: decisions taken on the way that a reader must know.
        limits: what the model is not for.
    """

    name: str
    version: str
    trained_on: str
    synthetic: bool
    software: Dict[str, str]
    data_sha256: str
    patients: Dict[str, int]
    config: Dict[str, Any]
    training: Dict[str, Any]
    metrics: Tuple[CohortMetrics, ...]
    notes: Tuple[str, ...]
    limits: Tuple[str, ...]
    schema: str = SCHEMA

    @property
    def notice(self) -> str:
        """The sentence every result of this model carries."""
        return f"{RESEARCH_USE_ONLY} {SYNTHETIC}" if self.synthetic else RESEARCH_USE_ONLY

    def to_json(self) -> Dict[str, Any]:
        """JSON-ready dict."""
        encoded: Dict[str, Any] = encode(self)
        return encoded

    @staticmethod
    def from_json(value: Any) -> ModelCard:
        """Strict reading.

        Raises:
            CaseError: names the exact place that is wrong.
        """
        return decode(ModelCard, value, "card")
