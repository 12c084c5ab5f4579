"""Nomogram: a Cox regression as points per variable, as R's rms::nomogram defines them.

With the contribution g_j(v) = beta_j v of variable j, its smallest and largest value m_j and M_j over the axis:
scale = 100 / max_j (M_j - m_j); points_j(v) = (g_j(v) - m_j) scale; the total is their sum;
lp = sum_j m_j - sum_j beta_j mean_j + total / scale; S(t) = S0(t) ** exp(lp), S0 at the covariate means.

Scoring needs the standard library alone; `Nomogram.fit` loads lifelines and pandas.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Sequence, Tuple

from her2_core.errors import BadInput
from her2_core.survival.variables import Value, Variable, variable_from_json

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = "her2-nomogram/1"
MOST_POINTS = 100.0
"""The variable with the widest reach runs from 0 to 100 points."""


@dataclass(frozen=True)
class Baseline:
    """Survival at the covariate means (Breslow), a step function.

    R's survfit after an Efron fit uses Efron's estimate and differs in the third digit.

    Attributes:
        times: times at which somebody died, rising, in the unit of the table.
        survival: from each of these times on.
        last_time: end of the longest follow-up; survival is unknown beyond it.
    """

    times: Tuple[float, ...]
    survival: Tuple[float, ...]
    last_time: float

    def __post_init__(self) -> None:
        falling = all(a >= b for a, b in zip((1.0, *self.survival), (*self.survival, 0.0)))
        rising = all(a < b for a, b in zip(self.times, self.times[1:]))
        if not self.times or len(self.times) != len(self.survival) or not rising or not falling:
            raise BadInput("needs rising times with falling survival between 1 and 0", where="baseline")
        if not self.last_time >= self.times[-1]:
            raise BadInput("ends before its last time", where="baseline.last_time")

    def at(self, time: float) -> Optional[float]:
        """S0 at a time >= 0; None beyond the longest follow-up."""
        if time > self.last_time:
            return None
        index = bisect_right(self.times, time)
        return self.survival[index - 1] if index else 1.0


@dataclass(frozen=True)
class NomogramScore:
    """One patient on the nomogram.

    Attributes:
        points: per variable, >= 0 on its axis (a number beyond the axis is extrapolated along the same line).
        total_points: their sum, the nomogram score; high = poor.
        linear_predictor: log hazard relative to the covariate means.
        survival: probability per time asked for; None beyond the longest follow-up of the training table.
        curve: (time, survival) from (0, 1) to the longest follow-up; constant between its times.
    """

    points: Dict[str, float]
    total_points: float
    linear_predictor: float
    survival: Dict[str, Optional[float]]
    curve: Tuple[Tuple[float, float], ...]


@dataclass(frozen=True)
class Nomogram:
    """A fitted nomogram.

    Attributes:
        variables: in the order of the table.
        baseline: survival at the covariate means.
        concordance: C-index on the training table.
        n: patients it was fitted on.
        events: deaths among them.
        ridge: penalty of the fit; 0 = none.
        ties: how tied deaths were handled.
    """

    variables: Tuple[Variable, ...]
    baseline: Baseline
    concordance: float
    n: int
    events: int
    ridge: float = 0.0
    ties: str = "efron"

    def __post_init__(self) -> None:
        if not any(v.highest > v.lowest for v in self.variables):
            raise BadInput("no variable has an effect: there is nothing to give points for")

    @staticmethod
    def fit(
        frame: pd.DataFrame,
        time: str,
        event: str,
        covariates: Optional[Sequence[str]] = None,
        *,
        levels: Optional[Mapping[str, Sequence[str]]] = None,
        ridge: float = 0.0,
    ) -> Nomogram:
        """Fit on a table, one row per patient.

        Args:
            frame: the table, without missing values in the columns used.
            time: column of survival times, > 0.
            event: column of 0 (censored) and 1 (died).
            covariates: columns to enter; None = all others. Columns of texts are factors.
            levels: order of the levels of a factor, the first is the reference; else alphabetical.
            ridge: penalty on the squared standardised coefficients (lifelines' `penalizer`); for separation.

        Raises:
            SeparationError: the fit does not converge.
            BadInput: names the row and the column that cannot be used.
        """
        from her2_core.survival.fitting import fit_nomogram

        return fit_nomogram(frame, time, event, covariates, levels=levels or {}, ridge=ridge)

    @property
    def points_per_lp_unit(self) -> float:
        """Points for one unit of the linear predictor."""
        return MOST_POINTS / max(v.highest - v.lowest for v in self.variables)

    @property
    def names(self) -> Tuple[str, ...]:
        """The variables a patient needs."""
        return tuple(v.name for v in self.variables)

    def points(self, variable: Variable, value: Value) -> float:
        """Points of one value.

        Raises:
            BadInput: not a finite number, or an unknown level; `where` is the variable.
        """
        return (variable.contribution(value) - variable.lowest) * self.points_per_lp_unit

    def linear_predictor(self, total_points: float) -> float:
        """Log hazard, relative to the covariate means, of a total."""
        lowest = sum(v.lowest for v in self.variables)
        centre = sum(v.mean_contribution for v in self.variables)
        return lowest - centre + total_points / self.points_per_lp_unit

    def total_points(self, linear_predictor: float) -> float:
        """The total of a linear predictor: the inverse of `linear_predictor`."""
        return (linear_predictor - self.linear_predictor(0.0)) * self.points_per_lp_unit

    def survival_at(self, linear_predictor: float, time: float) -> Optional[float]:
        """Probability to survive `time`; None beyond the longest follow-up.

        Raises:
            BadInput: the time is negative or not finite.
        """
        if not (math.isfinite(time) and time >= 0):
            raise BadInput(f"{time:g} is not a time >= 0", where="times")
        baseline = self.baseline.at(time)
        return None if baseline is None else _power(baseline, linear_predictor)

    def score_one(self, values: Mapping[str, Value], times: Sequence[float] = ()) -> NomogramScore:
        """Score one patient.

        Args:
            values: one value per variable: a number, or the level of a factor. Other keys are ignored.
            times: when to give the survival probability, in the unit of the training table.

        Raises:
            BadInput: a value is missing or unusable; `where` is the variable.
        """
        missing = [name for name in self.names if values.get(name) is None]
        if missing:
            raise BadInput("has no value; a nomogram never fills one in", where=missing[0])
        points = {v.name: self.points(v, values[v.name]) for v in self.variables}
        total = sum(points.values())
        predictor = self.linear_predictor(total)
        curve = [(0.0, 1.0)]
        curve += [(t, _power(s, predictor)) for t, s in zip(self.baseline.times, self.baseline.survival)]
        if self.baseline.last_time > curve[-1][0]:
            curve.append((self.baseline.last_time, curve[-1][1]))
        survival = {f"{t:g}": self.survival_at(predictor, t) for t in times}
        return NomogramScore(points, total, predictor, survival, tuple(curve))

    def score(self, rows: Sequence[Mapping[str, Value]], times: Sequence[float] = ()) -> List[NomogramScore]:
        """Score many patients; see `score_one`.

        Raises:
            BadInput: `where` names the row (from 1) and the variable.
        """
        scores = []
        for number, row in enumerate(rows, start=1):
            try:
                scores.append(self.score_one(row, times))
            except BadInput as error:
                raise BadInput(error.what, where=f"row {number}, {error.where}", hint=error.hint) from None
        return scores

    def to_json(self) -> Dict[str, Any]:
        """JSON-ready dict with everything scoring and drawing need."""
        return {
            "schema": SCHEMA,
            "variables": {
                v.name: {**v.to_json(), "points": [self.points(v, value) for value in v.axis]} for v in self.variables
            },
            "points_per_lp_unit": self.points_per_lp_unit,
            "baseline": {
                "estimator": "breslow",
                "times": list(self.baseline.times),
                "survival": list(self.baseline.survival),
                "last_time": self.baseline.last_time,
            },
            "ties": self.ties,
            "ridge": self.ridge,
            "concordance": self.concordance,
            "n": self.n,
            "events": self.events,
        }

    @staticmethod
    def from_json(value: Any) -> Nomogram:
        """Read back what `to_json` wrote; points are computed anew from the coefficients.

        Raises:
            BadInput: it is not a nomogram, or breaks a rule.
        """
        try:
            if value["schema"] != SCHEMA:
                raise BadInput(f"schema is {value['schema']!r}, not {SCHEMA}", hint="Fit it again.")
            base = value["baseline"]
            return Nomogram(
                variables=tuple(variable_from_json(name, item) for name, item in value["variables"].items()),
                baseline=Baseline(_numbers(base["times"]), _numbers(base["survival"]), _number(base["last_time"])),
                concordance=_number(value["concordance"]),
                n=int(value["n"]),
                events=int(value["events"]),
                ridge=_number(value["ridge"]),
                ties=str(value["ties"]),
            )
        except BadInput:
            raise
        except KeyError as error:
            raise BadInput(f"is not a nomogram: {error.args[0]!r} is missing", hint="Fit it again.") from None
        except (TypeError, ValueError, AttributeError, OverflowError):
            raise BadInput("is not a nomogram", hint="Make one with `her2 nomogram fit`.") from None


def _power(survival: float, linear_predictor: float) -> float:
    """S ** exp(lp) without overflow for extreme predictors."""
    return float(survival ** math.exp(min(linear_predictor, 700.0)))


def _numbers(values: Any) -> Tuple[float, ...]:
    return tuple(_number(v) for v in values)


def _number(value: Any) -> float:
    number = float(value)
    if isinstance(value, (str, bool)) or not math.isfinite(number):
        raise ValueError(value)
    return number
