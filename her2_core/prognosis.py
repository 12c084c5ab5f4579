"""The result of one prediction (contract 4, schema `her2-prognosis/1`), as plain dataclasses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, Literal, Optional, Tuple

from her2_core.case import Phase, TimePointName
from her2_core.decoding import decode, encode
from her2_core.roi import Place

SCHEMA = "her2-prognosis/1"
RESEARCH_USE_ONLY = "Research use only. Not a medical device; not for diagnosis or treatment decisions."
SYNTHETIC = (
    "SYNTHETIC: the model was trained on computer-generated phantom patients; its numbers have no clinical meaning."
)
SYNTHETIC_CASE = "SYNTHETIC CASE: this patient's data were made or altered by software."

RiskGroup = Literal["high", "low"]


@dataclass(frozen=True)
class ModelRef:
    """Which model answered. `trained_on` is "phantom" or a description of the cohort; `sha256` covers the whole folder."""

    name: str
    version: str
    sha256: str
    trained_on: str


@dataclass(frozen=True)
class StageScore:
    """The LDLM fed with the first 1, 2, 3 .. time points (LDLM-BS, LDLM-1F, LDLM-2F)."""

    name: str
    time_points: Tuple[TimePointName, ...]
    os_probability_12m: float
    risk_probability: float
    ldlm_score: float
    cutoff: float
    risk_group: RiskGroup


@dataclass(frozen=True)
class RecistResult:
    """Both RECIST modes (model.md section 7); null with `reason` when not assessable.

    Attributes:
        paper: PR, SD or PD, baseline to 2F (or 1F).
        recist1_1: overall response at the last time point used.
        sum_mm: sum of diameters per time point; null where a target is missing.
        recist1_1_by_time_point: overall response at each follow-up.
        reason: why a response is null.
    """

    paper: Optional[str] = None
    recist1_1: Optional[str] = None
    sum_mm: Dict[TimePointName, Optional[float]] = field(default_factory=dict)
    recist1_1_by_time_point: Dict[TimePointName, str] = field(default_factory=dict)
    reason: Optional[str] = None


@dataclass(frozen=True)
class NomogramResult:
    """The nomogram for this patient; all null with `reason` when an input is missing (never imputed).

    Attributes:
        variant: "Nomo-LDLM-2F" or "Nomo-w/o-TDLM".
        inputs: the values that entered, per variable.
        points: points per variable.
        total_points: the nomogram score.
        linear_predictor: centred at the training means.
        survival: at "6", "12", "24" months from the start of therapy; null when already passed.
        curve: pairs (months, survival).
        cutoff: on total_points.
        risk_group: "high" if total_points >= cutoff.
        reason: why there is no result, or null.
        notes: e.g. "6 months: already passed".
    """

    variant: Optional[str] = None
    inputs: Optional[Dict[str, Any]] = None
    points: Optional[Dict[str, float]] = None
    total_points: Optional[float] = None
    linear_predictor: Optional[float] = None
    survival: Optional[Dict[str, Optional[float]]] = None
    curve: Optional[Tuple[Tuple[float, float], ...]] = None
    cutoff: Optional[float] = None
    risk_group: Optional[RiskGroup] = None
    reason: Optional[str] = None
    notes: Tuple[str, ...] = ()


@dataclass(frozen=True)
class ObjectLabel:
    """One object of the LDLM, as the reader knows it."""

    lesion_id: str
    phase: Phase
    organ: str


@dataclass(frozen=True)
class Attention:
    """Attention of the last blocks, averaged over heads (model.md section 10).

    Attributes:
        objects: the objects, in order.
        object_by_object: (1 + O) x (1 + O) of the OH-former; row and column 0 are the aggregation token.
        time_points: the time points, in order.
        time_by_time: per object (1 + T) x (1 + T) of the TH-former; row and column 0 are the token.
        time_importance: weight of each time point in the token's row, averaged over objects; sums to 1.
    """

    objects: Tuple[ObjectLabel, ...]
    object_by_object: Tuple[Tuple[float, ...], ...]
    time_points: Tuple[TimePointName, ...]
    time_by_time: Tuple[Tuple[Tuple[float, ...], ...], ...]
    time_importance: Dict[TimePointName, float]


@dataclass(frozen=True)
class SaliencyEntry:
    """One Grad-CAM map in the saliency bundle.

    Attributes:
        object_index: index into `Attention.objects`.
        lesion_id, phase, time_point: whose map it is; `phase` is the series the ROI was cut from.
        member: name of the array in the saliency bundle (float16, rows x columns of `place`).
        place: grid of the map in patient space.
        maximum: largest value of the map before any display scaling.
    """

    object_index: int
    lesion_id: str
    phase: Phase
    time_point: TimePointName
    member: str
    place: Place
    maximum: float


@dataclass(frozen=True)
class QcNote:
    """One remark on the quality of the input or the result. `code` is stable, `message` is for the reader."""

    level: Literal["info", "warning", "error"]
    code: str
    message: str


@dataclass(frozen=True)
class Prognosis:
    """Contract 4. Directions: `os_probability_12m` low = poor; every risk, score and total: high = poor.

    `saliency_display_max` is the 99.5th percentile over all maps of the case: the common display range.
    """

    case_id: str
    model: ModelRef
    time_points_used: Tuple[TimePointName, ...]
    os_probability_12m: float
    risk_probability: float
    ldlm_score: float
    tdlm_score: Optional[float]
    cutoff: float
    risk_group: RiskGroup
    by_time_points: Tuple[StageScore, ...]
    recist: RecistResult
    tb_delta_percent: Optional[float]
    nomogram: NomogramResult
    attention: Attention
    saliency: Tuple[SaliencyEntry, ...]
    saliency_display_max: float
    qc: Tuple[QcNote, ...]
    notice: str
    tb_delta_reason: Optional[str] = None
    schema: Literal["her2-prognosis/1"] = "her2-prognosis/1"

    def to_json(self) -> Dict[str, Any]:
        """JSON-ready dict."""
        encoded: Dict[str, Any] = encode(self)
        return encoded

    @staticmethod
    def from_json(value: Any) -> Prognosis:
        """Strict reading.

        Raises:
            CaseError: names the exact place that is wrong.
        """
        return decode(Prognosis, value, "prognosis")
