"""Cox regression by lifelines: Efron ties, Breslow baseline, optional ridge penalty."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Dict, Tuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from lifelines import CoxPHFitter
from lifelines.exceptions import ConvergenceError, ConvergenceWarning

from her2_core.errors import BadInput
from her2_core.survival.nomogram import Baseline

LARGEST_STANDARD_ERROR = 50.0
"""Of a coefficient per standard deviation of its column: beyond it the likelihood is flat, which means separation."""
NEWTON_PRECISION = 1e-14
"""One Newton step more than lifelines' default: coefficients to ten digits instead of seven."""
_NOT_CONVERGED = "Newton-Raphson"
"""How lifelines begins the warnings that the fit stopped short (its other warnings are guesses beforehand)."""


class SeparationError(BadInput):
    """A column (nearly) tells who dies, or repeats another one: the coefficients have no finite estimate."""


@dataclass(frozen=True)
class HazardRatio:
    """One term of the regression with its Wald 95 % interval and p value."""

    term: str
    coefficient: float
    standard_error: float
    ratio: float
    low: float
    high: float
    p: float


@dataclass(frozen=True)
class CoxFit:
    """A fitted Cox regression.

    Attributes:
        terms: one per column of the design, in order.
        means: mean per column.
        baseline: survival at the means.
        concordance: C-index on the fitted table.
        log_likelihood: partial log-likelihood (penalised with a ridge).
        n, events: size of the table.
        ridge: penalty used.
    """

    terms: Tuple[HazardRatio, ...]
    means: Dict[str, float]
    baseline: Baseline
    concordance: float
    log_likelihood: float
    n: int
    events: int
    ridge: float

    @property
    def coefficients(self) -> Dict[str, float]:
        """Log hazard ratio per unit of each column."""
        return {term.term: term.coefficient for term in self.terms}


def fit_cox(
    design: pd.DataFrame, time: npt.NDArray[np.float64], event: npt.NDArray[np.bool_], *, ridge: float = 0.0
) -> CoxFit:
    """Fit a Cox regression.

    Args:
        design: (n, k) numbers without missing values; a name per column.
        time: (n,) survival times > 0.
        event: (n,) True = died.
        ridge: penalty on the squared standardised coefficients (lifelines' `penalizer`), >= 0.

    Raises:
        SeparationError: no finite estimate; says what helps.
        BadInput: nobody died, a column does not vary, or the ridge is negative.
    """
    if not (np.isfinite(ridge) and ridge >= 0):
        raise BadInput(f"{ridge:g} must be 0 or greater", where="ridge")
    if not event.any():
        raise BadInput("nobody died in this table: there is nothing to fit", where="event")
    for name in design.columns:
        if np.ptp(design[name].to_numpy()) <= 1e-12 * np.abs(design[name].to_numpy()).max():
            raise BadInput("has the same value in every row", where=f"column {name}", hint="Leave it out.")
    fitter = _fitted(design, time, event, ridge)
    terms = tuple(
        HazardRatio(
            term=str(name),
            coefficient=float(row["coef"]),
            standard_error=float(row["se(coef)"]),
            ratio=float(row["exp(coef)"]),
            low=float(row["exp(coef) lower 95%"]),
            high=float(row["exp(coef) upper 95%"]),
            p=float(row["p"]),
        )
        for name, (_, row) in zip(design.columns, fitter.summary.iterrows())
    )
    return CoxFit(
        terms=terms,
        means={name: float(design[name].mean()) for name in design.columns},
        baseline=_baseline(fitter, time, event),
        concordance=float(fitter.concordance_index_),
        log_likelihood=float(fitter.log_likelihood_),
        n=len(design),
        events=int(event.sum()),
        ridge=float(ridge),
    )


def _fitted(
    design: pd.DataFrame, time: npt.NDArray[np.float64], event: npt.NDArray[np.bool_], ridge: float
) -> CoxPHFitter:
    columns = [f"x{i}" for i in range(design.shape[1])]  # any name may stand in the user's table, "time" too
    table = pd.DataFrame(design.to_numpy(dtype=np.float64), columns=columns).assign(time=time, event=event.astype(int))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            fitter = CoxPHFitter(penalizer=ridge, l1_ratio=0.0).fit(
                table, "time", "event", fit_options={"precision": NEWTON_PRECISION}
            )
        except (ConvergenceError, np.linalg.LinAlgError):
            raise _separation(design, ridge) from None
    stopped = any(_NOT_CONVERGED in str(w.message) for w in caught if issubclass(w.category, ConvergenceWarning))
    standardised = fitter.standard_errors_.to_numpy() * design.std(ddof=0).to_numpy()
    flat = ~(standardised <= LARGEST_STANDARD_ERROR)
    if stopped or flat.any():
        raise _separation(design.loc[:, flat] if flat.any() else design, ridge)
    return fitter


def _separation(design: pd.DataFrame, ridge: float) -> SeparationError:
    names = ", ".join(map(str, design.columns))
    advice = "a larger ridge penalty" if ridge else "a ridge penalty (--ridge 0.1)"
    return SeparationError(
        f"the Cox regression has no finite estimate: {names} (nearly) tells who dies, or repeats another column",
        hint=f"Leave a column out, merge rare levels, or use {advice}.",
    )


def _baseline(fitter: CoxPHFitter, time: npt.NDArray[np.float64], event: npt.NDArray[np.bool_]) -> Baseline:
    survival = fitter.baseline_survival_.iloc[:, 0]
    deaths = np.unique(time[event])
    return Baseline(
        times=tuple(float(t) for t in deaths),
        survival=tuple(float(s) for s in survival.loc[deaths]),
        last_time=float(time.max()),
    )
