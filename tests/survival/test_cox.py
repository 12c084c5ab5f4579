"""Cox regression against R's published numbers, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from lifelines.datasets import load_rossi

from her2_core.errors import BadInput
from her2_core.survival.cox import SeparationError
from her2_core.survival.fitting import fit_nomogram, regression

R_COEFFICIENTS = {
    "fin": -0.379422,
    "age": -0.057438,
    "race": 0.313900,
    "wexp": -0.149796,
    "mar": -0.433704,
    "paro": -0.084871,
    "prio": 0.091497,
}
"""R survival::coxph, Efron ties: Fox and Weisberg, Cox Proportional-Hazards Regression (appendix to An R Companion)."""


def table(n: int = 80, seed: int = 5) -> pd.DataFrame:
    """x raises the hazard, RECIST a little; no missing values."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    recist = rng.choice(["PR", "SD", "PD"], size=n)
    hazard = np.exp(0.8 * x + 0.7 * (recist == "PD"))
    days = np.ceil(rng.exponential(400 / hazard))
    return pd.DataFrame({"days": days, "died": (rng.random(n) < 0.7).astype(int), "x": x, "RECIST": recist})


def test_rossi_coefficients_agree_with_r() -> None:
    fit, names, _ = regression(load_rossi(), "week", "arrest")
    assert names == tuple(R_COEFFICIENTS)
    assert {n: round(c, 6) for n, c in fit.coefficients.items()} == R_COEFFICIENTS
    assert fit.log_likelihood == pytest.approx(-658.7477, abs=5e-5)
    assert (fit.n, fit.events) == (432, 114)
    fin = fit.terms[0]
    assert (fin.ratio, fin.standard_error, fin.p) == pytest.approx((0.684, 0.1914, 0.0474), abs=5e-4)


def test_therneau_six_row_example_with_efron_ties() -> None:
    frame = pd.DataFrame({"time": [9, 1, 1, 6, 6, 8], "status": [1, 1, 0, 1, 1, 0], "x": [0, 1, 1, 1, 0, 0]})
    fit, _, _ = regression(frame, "time", "status")
    assert fit.coefficients["x"] == pytest.approx(1.676857, abs=5e-7)


def test_a_text_column_is_a_factor_whose_first_level_is_the_reference() -> None:
    alphabetical, _, factors = regression(table(), "days", "died")
    assert factors == {"RECIST": ("PD", "PR", "SD")}
    assert list(alphabetical.coefficients) == ["x", "RECIST=PR", "RECIST=SD"]
    ordered, _, _ = regression(table(), "days", "died", levels={"RECIST": ["PR", "SD", "PD"]})
    assert ordered.coefficients["RECIST=PD"] == pytest.approx(-alphabetical.coefficients["RECIST=PR"])


def test_a_nomogram_does_not_depend_on_the_reference_level() -> None:
    frame = table()
    first = fit_nomogram(frame, "days", "died", levels={})
    second = fit_nomogram(frame, "days", "died", levels={"RECIST": ["PR", "SD", "PD"]})
    one, two = (n.score(frame.to_dict("records"), [365]) for n in (first, second))
    assert [s.total_points for s in one] == pytest.approx([s.total_points for s in two])
    assert [s.survival["365"] for s in one] == pytest.approx([s.survival["365"] for s in two])
    assert second.variables[1].axis == ("PR", "SD", "PD")


def test_a_factor_equals_its_dummy_columns() -> None:
    frame = table()
    dummies = frame.assign(sd=(frame.RECIST == "SD") * 1.0, pd=(frame.RECIST == "PD") * 1.0).drop(columns="RECIST")
    factor = fit_nomogram(frame, "days", "died", levels={"RECIST": ["PR", "SD", "PD"]})
    numbers = fit_nomogram(dummies, "days", "died", levels={})
    one, two = factor.score(frame.to_dict("records"), [365]), numbers.score(dummies.to_dict("records"), [365])
    assert [s.linear_predictor for s in one] == pytest.approx([s.linear_predictor for s in two])
    assert [s.survival["365"] for s in one] == pytest.approx([s.survival["365"] for s in two])


def test_only_the_covariates_asked_for_enter() -> None:
    assert fit_nomogram(table(), "days", "died", ["x"], levels={}).names == ("x",)


def test_columns_may_have_any_name() -> None:
    frame = table().rename(columns={"x": "CA19-9 (log) ~ time", "days": "event", "died": "time"})
    fit, names, _ = regression(frame, "event", "time")
    assert names == ("CA19-9 (log) ~ time", "RECIST")
    assert fit.coefficients[names[0]] == pytest.approx(regression(table(), "days", "died")[0].coefficients["x"])


def separated() -> pd.DataFrame:
    """Nobody with g = 1 dies."""
    frame = table()
    frame["g"] = (np.arange(len(frame)) % 5 == 0) * 1
    frame.loc[frame.g == 1, "died"] = 0
    return frame


def test_separation_is_told_with_advice_and_a_ridge_helps() -> None:
    with pytest.raises(SeparationError) as caught:
        fit_nomogram(separated(), "days", "died", levels={})
    assert "g (nearly) tells who dies" in str(caught.value)
    assert "ridge penalty (--ridge 0.1)" in str(caught.value)
    fitted = fit_nomogram(separated(), "days", "died", levels={}, ridge=0.1)
    assert fitted.ridge == 0.1
    assert fitted.to_json()["variables"]["g"]["coefficient"] < 0


def test_a_column_that_orders_all_deaths_is_separation() -> None:
    frame = table()
    frame["x"] = -frame.days
    with pytest.raises(SeparationError):
        fit_nomogram(frame, "days", "died", levels={})


def test_a_repeated_column_is_separation() -> None:
    with pytest.raises(SeparationError, match="repeats another column"):
        fit_nomogram(table().assign(y=lambda f: 2 * f.x), "days", "died", levels={})


def test_a_ridge_shrinks_the_coefficients() -> None:
    free = regression(table(), "days", "died")[0].coefficients
    held = regression(table(), "days", "died", ridge=1.0)[0].coefficients
    assert 0 < held["x"] < free["x"]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (table().assign(x=lambda f: f.x.where(f.index != 6)), "row 7, column x: has no value"),
        (table().assign(x=lambda f: f.x.where(f.index > 2)), "row 1, column x: has no value (also rows 2, 3)"),
        (table().assign(RECIST=lambda f: f.RECIST.where(f.index != 1)), "row 2, column RECIST: has no value"),
        (table().assign(died=lambda f: f.died * 2), "event must be 0 (censored) or 1 (died)"),
        (table().assign(died="yes"), "row 1, column died: 'yes' is not a number"),
        (table().assign(died=0), "nobody died"),
        (table().assign(days=lambda f: f.days.where(f.index != 3, 0)), "row 4, column days: survival time must be"),
        (table().assign(x=lambda f: f.x.where(f.index != 3, np.inf)), "row 4, column x: inf is not a number"),
        (table().assign(x=1.0), "column x: has the same value in every row"),
        (table()[["days", "died"]], "there is no covariate"),
        (table()[["days", "x"]], "there is no column 'died'"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_with_row_and_column(frame: pd.DataFrame, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        fit_nomogram(frame, "days", "died", levels={})
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        ({"RECIST": ["PR", "SD"]}, "'PD' is not one of PR, SD"),
        ({"RECIST": ["CR", "PR", "SD", "PD"]}, "column RECIST: level 'CR' does not occur"),
        ({"x": ["a", "b"]}, "column x: has levels, but holds numbers"),
    ],
)
def test_levels_must_fit_the_column(levels: dict[str, list[str]], message: str) -> None:
    with pytest.raises(BadInput) as caught:
        fit_nomogram(table(), "days", "died", levels=levels)
    assert message in str(caught.value)


@pytest.mark.parametrize("covariates", [["x", "x"], ["x", "days"], []])
def test_covariates_must_be_different_columns(covariates: list[str]) -> None:
    with pytest.raises(BadInput):
        fit_nomogram(table(), "days", "died", covariates, levels={})


@pytest.mark.parametrize("ridge", [-1.0, float("nan")])
def test_the_ridge_is_not_negative(ridge: float) -> None:
    with pytest.raises(BadInput, match="must be 0 or greater"):
        fit_nomogram(table(), "days", "died", levels={}, ridge=ridge)
