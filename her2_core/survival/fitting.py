"""From a table to a fitted nomogram: check the rows, code factors, fit, keep what scoring needs."""

from __future__ import annotations

from typing import Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from her2_core.errors import BadInput
from her2_core.survival.axis import numeric_axis
from her2_core.survival.cox import CoxFit, fit_cox
from her2_core.survival.nomogram import Nomogram
from her2_core.survival.variables import FactorVariable, NumericVariable, Variable

Levels = Mapping[str, Sequence[str]]


def fit_nomogram(
    frame: pd.DataFrame,
    time: str,
    event: str,
    covariates: Optional[Sequence[str]] = None,
    *,
    levels: Levels,
    ridge: float = 0.0,
) -> Nomogram:
    """Fit a nomogram; see `Nomogram.fit`."""
    fit, names, factors = regression(frame, time, event, covariates, levels=levels, ridge=ridge)
    variables = tuple(
        _factor(name, factors[name], fit) if name in factors else _numeric(name, frame[name], fit) for name in names
    )
    return Nomogram(variables, fit.baseline, fit.concordance, fit.n, fit.events, fit.ridge)


def regression(
    frame: pd.DataFrame,
    time: str,
    event: str,
    covariates: Optional[Sequence[str]] = None,
    *,
    levels: Optional[Levels] = None,
    ridge: float = 0.0,
) -> Tuple[CoxFit, Tuple[str, ...], Dict[str, Tuple[str, ...]]]:
    """The Cox regression behind a nomogram, its covariates, and the levels of those that are factors.

    A term is the column itself, or "column=level" for every level but the first.

    Raises:
        SeparationError: the fit does not converge.
        BadInput: names the row (from 1) and the column that cannot be used.
    """
    names = _covariates(frame, time, event, covariates)
    _refuse_missing(frame, [time, event, *names])
    days, died = _survival(frame, time, event)
    factors = {name: _levels(frame, name, (levels or {}).get(name)) for name in names if _is_factor(frame[name])}
    not_texts = [name for name in levels or {} if name in names and name not in factors]
    if not_texts:
        raise BadInput("has levels, but holds numbers", where=f"column {not_texts[0]}", hint="Write them as texts.")
    columns: Dict[str, npt.NDArray[np.float64]] = {}
    for name in names:
        if name not in factors:
            columns[name] = _finite(frame, name)
            continue
        texts = frame[name].astype(str)
        columns.update({_term(name, level): (texts == level).to_numpy(float) for level in factors[name][1:]})
    return fit_cox(pd.DataFrame(columns), days, died, ridge=ridge), names, factors


def _numeric(name: str, column: pd.Series, fit: CoxFit) -> Variable:
    axis = numeric_axis([float(v) for v in column])
    return NumericVariable(name, fit.coefficients[name], axis, fit.means[name])


def _factor(name: str, levels: Tuple[str, ...], fit: CoxFit) -> Variable:
    coefficients, shares = {levels[0]: 0.0}, {levels[0]: 1.0}
    for level in levels[1:]:
        coefficients[level] = fit.coefficients[_term(name, level)]
        shares[level] = fit.means[_term(name, level)]
        shares[levels[0]] -= shares[level]
    return FactorVariable(name, coefficients, shares)


def _term(name: str, level: str) -> str:
    return f"{name}={level}"


def _covariates(frame: pd.DataFrame, time: str, event: str, wanted: Optional[Sequence[str]]) -> Tuple[str, ...]:
    columns = [str(c) for c in frame.columns]
    for name in (time, event, *(wanted or ())):
        if name not in columns:
            raise BadInput(f"there is no column {name!r}", hint=f"Columns: {', '.join(columns)}.")
    names = tuple(wanted) if wanted is not None else tuple(c for c in columns if c not in (time, event))
    if not names:
        raise BadInput("there is no covariate: a nomogram needs at least one column beside time and event")
    if len(set(names)) < len(names) or {time, event} & set(names) or time == event:
        raise BadInput("time, event and covariates must be different columns", where=", ".join((time, event, *names)))
    return names


def _refuse_missing(frame: pd.DataFrame, names: Sequence[str]) -> None:
    for name in names:
        rows = np.flatnonzero(frame[name].isna().to_numpy()) + 1
        if len(rows):
            raise BadInput(
                f"has no value{_more(rows)}", where=_where(rows[0], name), hint="Fill it in or drop the row."
            )


def _survival(frame: pd.DataFrame, time: str, event: str) -> Tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    days, flags = _finite(frame, time), _finite(frame, event)
    wrong = np.flatnonzero(days <= 0) + 1
    if len(wrong):
        raise BadInput(f"survival time must be greater than 0{_more(wrong)}", where=_where(wrong[0], time))
    wrong = np.flatnonzero((flags != 0) & (flags != 1)) + 1
    if len(wrong):
        raise BadInput(f"event must be 0 (censored) or 1 (died){_more(wrong)}", where=_where(wrong[0], event))
    return days, flags.astype(bool)


def _finite(frame: pd.DataFrame, name: str) -> npt.NDArray[np.float64]:
    numbers: npt.NDArray[np.float64] = pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype=np.float64)
    wrong = np.flatnonzero(~np.isfinite(numbers)) + 1
    if len(wrong):
        value = frame[name].iloc[wrong[0] - 1]
        raise BadInput(f"{value!r} is not a number{_more(wrong)}", where=_where(wrong[0], name))
    return numbers


def _is_factor(column: pd.Series) -> bool:
    return is_bool_dtype(column) or not is_numeric_dtype(column)


def _levels(frame: pd.DataFrame, name: str, order: Optional[Sequence[str]]) -> Tuple[str, ...]:
    texts = frame[name].astype(str)
    seen = sorted(set(texts))
    if order is None:
        return tuple(seen)
    unknown = np.flatnonzero(~texts.isin(list(order)).to_numpy()) + 1
    if len(unknown):
        value = texts.iloc[unknown[0] - 1]
        raise BadInput(f"{value!r} is not one of {', '.join(order)}", where=_where(unknown[0], name))
    absent = [level for level in order if level not in seen]
    if absent:
        raise BadInput(
            f"level {absent[0]!r} does not occur", where=f"column {name}", hint="Leave the level out, or merge it."
        )
    return tuple(order)


def _where(row: int, column: str) -> str:
    return f"row {row}, column {column}"


def _more(rows: npt.NDArray[np.int_]) -> str:
    others: List[int] = [int(r) for r in rows[1:4]]
    dots = ", .." if len(rows) > 4 else ""
    return f" (also rows {', '.join(map(str, others))}{dots})" if others else ""
