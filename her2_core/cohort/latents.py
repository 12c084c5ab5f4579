"""What a phantom patient truly is: hidden risk and response, the log-hazard they make, and what each stage can know.

Activity v of the tumour after interval i (1F, 2F, ...) is `response + TREND_WEIGHT[i] * trend`, one response for
the primary and one for the targets: high = poor. The trend enters 1F and 2F with opposite signs, so an early
response with later regrowth and its mirror image have the same set of activities and a different prognosis: the
order in time matters. All latents have mean 0 and standard deviation 1.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Dict, Tuple

import numpy as np
import numpy.typing as npt

from her2_core.case import Clinical

RESPONSE_CORRELATION = 0.4
"""Of primary and target response: both kinds of lesions carry information, neither all of it."""
TREND_WEIGHT: Tuple[float, float, float, float] = (-0.5, 0.6, 0.75, 0.85)
WEIGHTS: Dict[str, float] = {"risk": 0.60, "primary": 0.68, "targets": 0.85, "trend": 0.80, "discordance": 0.30}
"""Log-hazard per standard deviation; tuned so that the truth reaches a C-index of about 0.80 (He 2024, Table 3)."""
LOG_HAZARD_HER2_2PLUS = 0.25
LOG_HAZARD_PER_LINE = 0.20
LOG_HAZARD_FEMALE = -0.15

GUARANTEE_DAYS = 120.0
"""Every patient lives this long after the start of therapy: two follow-up examinations fit in, so that the number
and the days of the examinations tell nothing about survival in the cohorts that stop at 2F."""
SCALE_DAYS = 560.0
SHAPE = 1.45
"""Weibull hazard after the guarantee; median survival about 16 months, 60-70 % alive at one year."""
TWELVE_MONTHS_DAYS = 12 * 30.4375


@dataclass(frozen=True)
class Latents:
    """Hidden state of a patient; each has mean 0 and standard deviation 1 over patients, high = poor.

    Attributes:
        risk: aggressiveness seen (weakly) in the baseline texture.
        primary: mean activity of the primary tumour under therapy.
        targets: mean activity of the target lesions under therapy.
        trend: positive = early response, then regrowth.
        discordance: how much the targets differ from each other under therapy.
    """

    risk: float
    primary: float
    targets: float
    trend: float
    discordance: float

    def activity(self, kind: str, follow_up: int) -> float:
        """Tumour activity of the primary or of the targets at follow-up 1 .. 4."""
        response = self.primary if kind == "primary" else self.targets
        return response + TREND_WEIGHT[follow_up - 1] * self.trend

    @property
    def lesion_spread(self) -> float:
        """Standard deviation of the targets' own deviation from the patient's activity, 0.1 to 0.7."""
        return float(0.40 + 0.30 * self.discordance / np.sqrt(3.0))


def draw_latents(rng: np.random.Generator) -> Latents:
    """Draw one patient's hidden state."""
    risk, first, second, trend = rng.standard_normal(4)
    targets = RESPONSE_CORRELATION * first + np.sqrt(1 - RESPONSE_CORRELATION**2) * second
    discordance = np.sqrt(3.0) * rng.uniform(-1, 1)
    return Latents(float(risk), float(first), float(targets), float(trend), float(discordance))


def clinical_log_hazard(clinical: Clinical) -> float:
    """The part of the log-hazard that the clinical data show."""
    return (
        LOG_HAZARD_HER2_2PLUS * (clinical.her2 == "2+/FISH+")
        + LOG_HAZARD_PER_LINE * ((clinical.line_of_therapy or 1) - 1)
        + LOG_HAZARD_FEMALE * (clinical.sex == "female")
    )


def true_log_hazard(latents: Latents, clinical: Clinical) -> float:
    """The log-hazard that survival is drawn from."""
    hidden = sum(WEIGHTS[f.name] * getattr(latents, f.name) for f in fields(latents))
    return float(hidden + clinical_log_hazard(clinical))


def survival_probability(log_hazard: npt.ArrayLike, day: float = TWELVE_MONTHS_DAYS) -> npt.NDArray[np.float64]:
    """True probability to be alive `day` days after the start of therapy."""
    residual = max(day - GUARANTEE_DAYS, 0.0) / SCALE_DAYS
    alive: npt.NDArray[np.float64] = np.exp(-(residual**SHAPE) * np.exp(np.asarray(log_hazard, dtype=float)))
    return alive


def draw_survival_days(log_hazard: float, rng: np.random.Generator) -> float:
    """Days from the start of therapy to death, by inversion of `survival_probability`."""
    return GUARANTEE_DAYS + SCALE_DAYS * float((rng.standard_exponential() * np.exp(-log_hazard)) ** (1 / SHAPE))


def staged_log_hazards(latents: Latents, clinical: Clinical) -> Dict[str, float]:
    """The best log-hazard one can know from perfect images: the expectation given what each stage shows.

    Returns:
        "baseline", "1F", "2F" (all of it), and of the 2F stage with less: "2F unordered" (1F and 2F images
        without their order), "2F primary only", "2F targets only".
    """
    shown = {name: WEIGHTS[name] * getattr(latents, name) for name in ("risk", "discordance")}
    base = clinical_log_hazard(clinical) + shown["risk"]
    first = (latents.activity("primary", 1), latents.activity("targets", 1))
    second = (latents.activity("primary", 2), latents.activity("targets", 2))
    mean = ((first[0] + second[0]) / 2, (first[1] + second[1]) / 2)
    known = {
        name: float(_GAINS[name] @ np.array(values)) for name, values in _stage_values(first, second, mean).items()
    }
    return {
        "baseline": base,
        "1F": base + shown["discordance"] + known["1F"],
        "2F": true_log_hazard(latents, clinical),
        "2F unordered": base + shown["discordance"] + known["2F unordered"],
        "2F primary only": base + known["2F primary only"],
        "2F targets only": base + shown["discordance"] + known["2F targets only"],
    }


def _stage_values(
    first: Tuple[float, float], second: Tuple[float, float], mean: Tuple[float, float]
) -> Dict[str, Tuple[float, ...]]:
    return {
        "1F": first,
        "2F unordered": mean,
        "2F primary only": (first[0], second[0]),
        "2F targets only": (first[1], second[1]),
    }


def _gains() -> Dict[str, npt.NDArray[np.float64]]:
    """Least-squares coefficients of the hidden log-hazard on what a stage shows (all are jointly normal)."""
    c, (w1, w2) = RESPONSE_CORRELATION, TREND_WEIGHT[:2]
    covariance = np.array([[1.0, c, 0.0], [c, 1.0, 0.0], [0.0, 0.0, 1.0]])
    beta = np.array([WEIGHTS["primary"], WEIGHTS["targets"], WEIGHTS["trend"]])
    half = (w1 + w2) / 2
    views = {
        "1F": [[1, 0, w1], [0, 1, w1]],
        "2F unordered": [[1, 0, half], [0, 1, half]],
        "2F primary only": [[1, 0, w1], [1, 0, w2]],
        "2F targets only": [[0, 1, w1], [0, 1, w2]],
    }
    gains = {}
    for name, rows in views.items():
        view = np.array(rows, dtype=float)
        gains[name] = np.linalg.solve(view @ covariance @ view.T, view @ covariance @ beta)
    return gains


_GAINS = _gains()
