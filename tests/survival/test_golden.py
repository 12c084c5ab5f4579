"""Our Cox regression, C-index and curves against what R prints for lung and GBSG2 (tests/golden)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable, Dict, Tuple

import numpy as np
import pandas as pd
import pytest
import torch
from lifelines.datasets import load_gbsg2, load_lung
from torchsurv.metrics.cindex import ConcordanceIndex

from her2_core.study.risk_groups import median_survival
from her2_core.survival.cox import fit_cox
from her2_core.survival.kaplan_meier import Group, logrank_p
from her2_core.survival.metrics import concordance

GOLDEN = Path(__file__).parents[1] / "golden" / "survival_in_r.json"


@pytest.fixture(scope="module")
def published() -> Dict[str, Any]:
    numbers: Dict[str, Any] = json.loads(GOLDEN.read_text(encoding="utf-8"))
    return numbers


def lung(*columns: str) -> pd.DataFrame:
    return load_lung()[[*columns, "time", "status"]].dropna()


def gbsg2() -> pd.DataFrame:
    """As R codes it: yes/no and post/pre as 1/0, the ordered grade by orthogonal polynomials."""
    table = load_gbsg2()
    linear = {"I": -np.sqrt(1 / 2), "II": 0.0, "III": np.sqrt(1 / 2)}
    square = {"I": np.sqrt(1 / 6), "II": -np.sqrt(2 / 3), "III": np.sqrt(1 / 6)}
    return pd.DataFrame(
        {
            "horThyes": (table.horTh == "yes").astype(float),
            "age": table.age,
            "menostatPost": (table.menostat == "Post").astype(float),
            "tsize": table.tsize,
            "tgrade.L": table.tgrade.map(linear).astype(float),
            "tgrade.Q": table.tgrade.map(square).astype(float),
            "pnodes": table.pnodes,
            "progrec": table.progrec,
            "estrec": table.estrec,
            "time": table.time,
            "status": table.cens,
        }
    )


CASES: Tuple[Tuple[str, Callable[[], pd.DataFrame], float], ...] = (
    ("lung", lambda: lung("age", "sex", "ph.ecog"), 5e-7),
    ("lung_sex", lambda: lung("sex"), 5e-5),
    ("gbsg2", gbsg2, 5.1e-8),
)


@pytest.mark.parametrize(("name", "load", "half_digit"), CASES, ids=[c[0] for c in CASES])
def test_cox_regression_prints_what_r_prints(
    published: Dict[str, Any], name: str, load: Callable[[], pd.DataFrame], half_digit: float
) -> None:
    expected, table = published[name], load()
    time, died = table.time.to_numpy(float), table.status.to_numpy(bool)
    fit = fit_cox(table.drop(columns=["time", "status"]), time, died)
    assert (fit.n, fit.events) == (expected["n"], expected["events"])
    for term in fit.terms:
        coefficient, error = expected["coefficients"][term.term]
        assert term.coefficient == pytest.approx(coefficient, abs=half_digit)
        assert term.standard_error == pytest.approx(error, abs=half_digit)
    null = log_likelihood_without_effects(time, died)
    if "log_likelihood" in expected:
        assert [null, fit.log_likelihood] == pytest.approx(expected["log_likelihood"], abs=5e-5)
    if "likelihood_ratio" in expected:
        digits = len(str(expected["likelihood_ratio"]).split(".")[1])
        ratio = 2 * (fit.log_likelihood - null)
        assert ratio == pytest.approx(expected["likelihood_ratio"], abs=0.5001 * 10**-digits)
        assert fit.concordance == pytest.approx(expected["concordance"], abs=5e-4)


def test_c_index_of_gbsg2_equals_torchsurv() -> None:
    table = gbsg2()
    time, died = table.time.to_numpy(float), table.status.to_numpy(bool)
    fit = fit_cox(table.drop(columns=["time", "status"]), time, died)
    risk = table.drop(columns=["time", "status"]).to_numpy(float) @ np.array(list(fit.coefficients.values()))
    theirs = float(ConcordanceIndex()(torch.tensor(risk), torch.tensor(died), torch.tensor(time)))
    # They leave out a death and a censoring on the same day, Harrell counts them: a few pairs of a hundred thousand.
    assert concordance(time, died, risk) == pytest.approx(theirs, abs=2e-4)
    assert fit.concordance == pytest.approx(concordance(time, died, risk))


def log_likelihood_without_effects(time: np.ndarray, died: np.ndarray) -> float:
    """Efron: for d deaths on one day, the l-th has n - l (l = 0 .. d - 1) at risk when all risks are equal."""
    total = 0.0
    for day in np.unique(time[died]):
        at_risk, deaths = int(np.sum(time >= day)), int(np.sum(died & (time == day)))
        total -= sum(np.log(at_risk - k) for k in range(deaths))
    return total


def test_curves_of_lung_by_sex(published: Dict[str, Any]) -> None:
    expected, table = published["lung_curves"], lung("sex")
    groups = {
        name: Group(name, found.time.to_numpy(float), found.status.to_numpy(bool))
        for name, found in (("male", table[table.sex == 1]), ("female", table[table.sex == 2]))
    }
    assert {name: median_survival(group) for name, group in groups.items()} == expected["median_days"]
    assert logrank_p(list(groups.values())) == pytest.approx(expected["logrank_p"], abs=5e-6)
