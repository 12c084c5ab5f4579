"""RECIST 1.1, Table 1 (with targets) and Table 2 (non-targets only), every combination."""

from __future__ import annotations

import itertools
from typing import Optional

import pytest

from her2_core.response.overall import overall_response

pytestmark = pytest.mark.light

TARGET = ("CR", "PR", "SD", "PD", "NE", None)
NON_TARGET = ("CR", "Non-CR/Non-PD", "NE", "PD", None)

COMBINATIONS = list(itertools.product(TARGET, NON_TARGET))

WITHOUT_NEW_LESION = {
    "CR": ("CR", "PR", "PR", "PD", "CR"),
    "PR": ("PR", "PR", "PR", "PD", "PR"),
    "SD": ("SD", "SD", "SD", "PD", "SD"),
    "PD": ("PD", "PD", "PD", "PD", "PD"),
    "NE": ("NE", "NE", "NE", "PD", "NE"),
    None: ("CR", "Non-CR/Non-PD", "NE", "PD", "NE"),
}
"""Columns in the order of NON_TARGET."""


@pytest.mark.parametrize(("target", "non_target"), COMBINATIONS)
def test_overall_response_follows_the_table(target: Optional[str], non_target: Optional[str]) -> None:
    expected = WITHOUT_NEW_LESION[target][NON_TARGET.index(non_target)]
    assert overall_response(target, non_target, new_lesion=False) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(("target", "non_target"), COMBINATIONS)
def test_a_new_lesion_is_always_progression(target: Optional[str], non_target: Optional[str]) -> None:
    assert overall_response(target, non_target, new_lesion=True) == "PD"  # type: ignore[arg-type]
