"""What turns a network's answer into scores: image and marker statistics, rescaling, cut-offs (`tables.json`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, Mapping, Optional

from her2_core.decoding import decode, encode
from her2_core.errors import BadInput, ModelError
from her2_core.models.prepare import MarkerTable
from her2_core.models.standardise import Standardisation
from her2_core.prognosis import RiskGroup
from her2_core.survival.rescale import PiecewiseRescale


@dataclass(frozen=True)
class Score:
    """A score with its group; high = poor."""

    value: float
    cutoff: float

    @property
    def group(self) -> RiskGroup:
        """ "high" if the score reaches the cut-off."""
        return "high" if self.value >= self.cutoff else "low"


@dataclass(frozen=True)
class ScoreTable:
    """From risk probability to score and group, for one number of follow-ups (0 to 4).

    Attributes:
        rescale: training minimum, median and maximum of the risk probability.
        cutoff: on the score; Youden index on the training ROC of one-year survival.
        patients: training patients it comes from.
    """

    rescale: PiecewiseRescale
    cutoff: float
    patients: int

    def score(self, risk_probability: float) -> Score:
        """Score in [0, 1] of one patient."""
        return Score(float(self.rescale(risk_probability)), self.cutoff)


@dataclass(frozen=True)
class Tables:
    """All tables of a model.

    Attributes:
        standardisation: of the patches.
        ldlm: score table per number of follow-ups.
        markers: z-scores of the tumour markers; None without a TDLM.
        tdlm: score table per number of follow-ups; empty without a TDLM.
    """

    standardisation: Standardisation
    ldlm: Mapping[int, ScoreTable]
    markers: Optional[MarkerTable] = None
    tdlm: Mapping[int, ScoreTable] = field(default_factory=dict)

    def to_json(self) -> Dict[str, Any]:
        """JSON-ready dict."""
        return {
            "standardisation": self.standardisation.to_json(),
            "markers": encode(self.markers),
            "ldlm": {str(k): encode(table) for k, table in self.ldlm.items()},
            "tdlm": {str(k): encode(table) for k, table in self.tdlm.items()},
        }

    @staticmethod
    def from_json(value: Any) -> Tables:
        """Strict reading.

        Raises:
            ModelError: it is not what `to_json` wrote.
        """
        try:
            return Tables(
                standardisation=Standardisation.from_json(value["standardisation"]),
                markers=None if value["markers"] is None else decode(MarkerTable, value["markers"], "markers"),
                ldlm=_score_tables(value["ldlm"], "ldlm"),
                tdlm=_score_tables(value["tdlm"], "tdlm"),
            )
        except BadInput as error:
            raise ModelError(error.what, where=f"tables.json: {error.where}") from None
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ModelError(f"is not a table of scores ({error})", where="tables.json") from None


def table_for(tables: Mapping[int, ScoreTable], follow_ups: int) -> ScoreTable:
    """The table for a number of follow-ups, or the one for the next smaller number that training had.

    Raises:
        ModelError: there is none at all.
    """
    usable = [k for k in tables if k <= follow_ups]
    if not usable:
        raise ModelError("the model has no score table for baseline", hint="Take the model folder anew.")
    return tables[max(usable)]


def _score_tables(value: Any, where: str) -> Dict[int, ScoreTable]:
    return {int(k): decode(ScoreTable, table, f"{where}.{k}") for k, table in value.items()}
